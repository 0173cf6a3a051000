/* The picture of a plan: who waits for whom, and how far each step is. */

import { drawn, element, icon, put, say, worded } from "./dom.js";
import { layout } from "./layout.js";

const WIDE = { width: 150, height: 38, gapX: 46, gapY: 12, named: true };
const NARROW = { width: 38, height: 32, gapX: 30, gapY: 10, named: false };
const DIGIT = 8;
const EDGE = 3;
const NAME_CHARACTERS_MAX = 16;

/** A picture that fills `root`; `pick` is told the number of a step that was chosen. */
export class Graph {
  constructor(root, pick) {
    this.root = root;
    this.pick = pick;
    this.steps = [];
    this.nodes = new Map();
    this.drawnFor = "";
    // a picture changes the height of what is observed, which must not happen while it is observed
    new ResizeObserver(() => requestAnimationFrame(() => this.fit())).observe(root);
  }

  /** Draw another plan. */
  show(steps) {
    this.steps = steps;
    this.drawnFor = "";
    this.fit();
  }

  /** Draw one step's status again. */
  update(step) {
    const node = this.nodes.get(step.number);
    if (!node) return;
    node.link.setAttribute("class", `node is-${step.status}`);
    node.link.setAttribute("aria-label", labelled(step));
    say(node.title, labelled(step));
    node.mark.replaceChildren(...icon(step.status).childNodes);
    node.mark.setAttribute("class", `icon is-${step.status}`);
  }

  /** Names where there is room for them, numbers alone elsewhere. */
  fit() {
    this.root.hidden = this.steps.length < 2;
    const room = this.root.clientWidth;
    if (!room) {
      put(this.root);
      return;
    }
    const wide = layout(this.steps, WIDE);
    const fits = wide !== null && wide.width + 2 * EDGE <= room;
    const key = fits ? "wide" : "narrow";
    if (key === this.drawnFor) return;
    this.drawnFor = key;
    const digits = String(this.steps.at(-1).number).length;
    const narrow = { ...NARROW, width: NARROW.width + DIGIT * digits };
    const [box, laid] = fits ? [WIDE, wide] : [narrow, layout(this.steps, narrow)];
    this.nodes.clear();
    if (laid === null) put(this.root, element("p", { class: "hint" }, "This plan is too large for a picture."));
    else put(this.root, this.draw(laid, box));
    for (const step of this.steps) this.update(step);
  }

  draw(laid, box) {
    const [width, height] = [laid.width + 2 * EDGE, laid.height + 2 * EDGE];
    const tip = drawn("path", { d: "M0 0L6 3L0 6z" });
    const sized = { markerWidth: 6, markerHeight: 6, refX: 6, refY: 3, orient: "auto" };
    const defs = drawn("defs", {}, drawn("marker", { id: "tip", class: "tip", ...sized }, tip));
    const edges = laid.edges.map(({ path }) => drawn("path", { class: "edge", d: path, "marker-end": "url(#tip)" }));
    const steps = new Map(this.steps.map((step) => [step.number, step]));
    const nodes = laid.nodes.map((place) => this.node(steps.get(place.number), place, box));
    return drawn(
      "svg",
      { class: "graph", width, height, viewBox: `${-EDGE} ${-EDGE} ${width} ${height}`, role: "group",
        "aria-label": "Plan: who waits for whom" },
      defs, edges, nodes,
    );
  }

  node(step, { x, y }, box) {
    const [top, middle] = [y - box.height / 2, y + 4.5];
    const mark = drawn("svg", { x: x + box.width - 24, y: y - 8, width: 16, height: 16, viewBox: "0 0 16 16" });
    const title = drawn("title");
    const choose = (event) => {
      event.preventDefault();
      this.pick(step.number);
    };
    const name = step.tool.length > NAME_CHARACTERS_MAX ? `${step.tool.slice(0, NAME_CHARACTERS_MAX - 1)}…` : step.tool;
    const link = drawn(
      "a",
      { href: `#step-${step.number}`, on: { click: choose } },
      title,
      drawn("rect", { x, y: top, width: box.width, height: box.height, rx: 8 }),
      drawn("text", { class: "number", x: x + 10, y: middle }, String(step.number)),
      box.named ? drawn("text", { x: x + 14 + DIGIT * String(step.number).length, y: middle }, name) : null,
      mark,
    );
    this.nodes.set(step.number, { link, mark, title });
    return link;
  }
}

function labelled(step) {
  const after = step.after.length ? `, after ${step.after.join(", ")}` : "";
  return `Step ${step.number}, ${step.tool}${after}: ${worded(step.status)}`;
}
