/* Elements. Text becomes a text node, never markup, so nothing that a user or a tool wrote can act. */

const SVG = "http://www.w3.org/2000/svg";

/** An element; `properties` are attributes, `on` holds listeners; false, null and undefined are left out. */
export function element(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** The same for SVG. */
export function drawn(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

/** Replace what is inside a node. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter(present));
  return node;
}

/** Change a text only when it differs, so that selections and screen readers are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function filled(node, { on = {}, ...attributes }, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (present(value)) node.setAttribute(key, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  node.append(...children.flat().filter(present));
  return node;
}

function present(value) {
  return value !== false && value !== null && value !== undefined;
}

const SHAPES = {
  pending: [["circle", { cx: 8, cy: 8, r: 5.5 }]],
  planning: [["path", { d: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5" }]],
  running: [["path", { d: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5" }]],
  retrying: [["path", { d: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5" }]],
  awaiting_approval: [["path", { d: "M6 4v8M10 4v8" }]],
  succeeded: [["path", { d: "M3.5 8.5l3 3 6-7" }]],
  completed: [["path", { d: "M3.5 8.5l3 3 6-7" }]],
  failed: [["path", { d: "M4.5 4.5l7 7M11.5 4.5l-7 7" }]],
  corrupt: [["path", { d: "M4.5 4.5l7 7M11.5 4.5l-7 7" }]],
  skipped: [["path", { d: "M4 4l4 4-4 4M9 4l4 4-4 4" }]],
  cancelled: [["circle", { cx: 8, cy: 8, r: 5.5 }], ["path", { d: "M4.5 11.5l7-7" }]],
  unknown: [["path", { d: "M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .7-1 1.5M8 12.5v.1" }]],
};

const WORDS = { awaiting_approval: "awaiting approval", corrupt: "damaged" };

/** A status in words. */
export function worded(status) {
  return WORDS[status] ?? status;
}

/** A status as a small picture; the words stand beside it or in a label. */
export function icon(status) {
  const shapes = SHAPES[status] ?? SHAPES.pending;
  const picture = shapes.map(([name, attributes]) => drawn(name, attributes));
  return drawn("svg", { class: `icon is-${status}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, picture);
}

/** A button that copies a text and says so. */
export function copyButton(label, text) {
  const button = element("button", { type: "button", class: "quiet", on: { click: copy } }, label);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      say(button, "Copied");
    } catch {
      say(button, "Copying is not allowed here");
    }
    setTimeout(() => say(button, label), 1500);
  }
  return button;
}
