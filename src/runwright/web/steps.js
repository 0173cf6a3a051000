/* The steps of a run, one row each: what it does, how far it is, what came out; the rest when opened. */

import { element, icon, put, say, worded } from "./dom.js";
import { jsonView, short, visible } from "./json.js";
import { lasted, local } from "./times.js";

/** The list of steps inside `root`, an `ol`. */
export class Steps {
  constructor(root) {
    this.root = root;
    this.rows = new Map();
  }

  /** Show these steps; rows that stay keep whether they are open. */
  show(steps) {
    const wanted = steps.map((step) => {
      const row = this.rows.get(step.number) ?? new Row();
      row.update(step);
      return [step.number, row];
    });
    this.rows = new Map(wanted);
    put(this.root, wanted.map(([, row]) => row.item));
  }

  update(step) {
    this.rows.get(step.number)?.update(step);
  }

  /** Draw the bars of these steps on one scale, and the time of those that run. */
  time(steps, nowMs) {
    const begun = steps.filter((step) => step.startedMs !== null);
    if (!begun.length) return;
    const from = Math.min(...begun.map((step) => step.startedMs));
    const to = Math.max(from + 1, ...begun.map((step) => step.endedMs ?? nowMs));
    for (const step of begun) this.rows.get(step.number)?.time(step, from, to, nowMs);
  }

  /** Open a step and go there. */
  open(number) {
    const row = this.rows.get(number);
    if (!row) return;
    row.fold.open = true;
    row.fold.scrollIntoView({ block: "nearest" });
    row.summary.focus();
  }
}

class Row {
  constructor() {
    this.mark = element("span", { class: "mark" });
    this.status = element("span", { class: "sr" });
    this.number = element("span", { class: "number" });
    this.tool = element("span", { class: "tool" });
    this.input = element("span", { class: "input", dir: "auto" });
    this.output = element("span", { class: "output", dir: "auto" });
    this.after = element("span", { class: "after" });
    this.took = element("span", { class: "took" });
    this.bar = element("span", { class: "bar", "aria-hidden": "true" });
    const track = element("span", { class: "track" }, this.bar);
    const line = element("span", { class: "line" }, this.number, this.tool, this.input, this.after, this.took);
    this.summary = element("summary", {}, this.mark, this.status, line, this.output, track);
    this.body = element("div", { class: "step-body" });
    this.fold = element("details", { on: { toggle: () => this.fill() } }, this.summary, this.body);
    this.item = element("li", {}, this.fold);
    this.filled = "";
  }

  update(step) {
    this.step = step;
    if (this.shown !== step.status) {
      this.shown = step.status;
      this.item.id = `step-${step.number}`;
      this.item.className = `step is-${step.status}`;
      put(this.mark, icon(step.status));
      say(this.status, `${worded(step.status)}, step `);
    }
    say(this.number, String(step.number));
    say(this.tool, step.tool);
    say(this.input, inputLine(step.input));
    say(this.output, outcomeLine(step));
    say(this.after, step.after.length ? `after ${step.after.join(", ")}` : "");
    say(this.took, tookLine(step, step.durationMs));
    this.fill();
  }

  time(step, from, to, nowMs) {
    const [start, end] = [step.startedMs - from, (step.endedMs ?? Math.max(nowMs, step.startedMs)) - from];
    const share = (ms) => `${Math.round((ms / (to - from)) * 1000) / 10}%`;
    this.bar.style.left = share(start);
    this.bar.style.width = share(end - start);
    if (step.status === "running") say(this.took, tookLine(step, end - start));
    if (step.status === "retrying") say(this.output, outcomeLine(step));
  }

  /** What stands inside is made only when somebody looks: outputs may be large. */
  fill() {
    const { step } = this;
    const filled = this.fold.open ? `${step.status} ${step.attempts} ${step.key}` : "";
    // what is the same stays: a reader may have unfolded something in it
    if (filled === this.filled) return;
    this.filled = filled;
    if (!filled) {
      put(this.body);
      return;
    }
    const facts = [
      step.error ? ["Error", errorView(step.error)] : null,
      step.reason ? ["Reason", step.reason] : null,
      step.output !== null || step.status === "succeeded" ? ["Output", jsonView(step.output)] : null,
      ["Input", jsonView(step.input)],
      step.when ? ["Only when", jsonView(step.when)] : null,
      step.reasoning ? ["Reasoning", visible(step.reasoning)] : null,
      ["Waits for", step.after.length ? step.after.map((n) => `step ${n}`).join(", ") : "nothing"],
      ["Tool", step.version ? `${step.tool} ${step.version}` : step.tool],
      step.attempts ? ["Attempts", String(step.attempts)] : null,
      step.startedMs ? ["Started", local(step.startedMs)] : null,
      step.key ? ["Idempotency key", element("code", {}, step.key)] : null,
    ].filter(Boolean);
    put(this.body, element("dl", {}, facts.flatMap(([name, fact]) => [
      element("dt", {}, name),
      element("dd", {}, fact),
    ])));
  }
}

/** An error of a run or a step in words. */
export function errorView(error) {
  return element(
    "div",
    { class: "error" },
    element("p", { dir: "auto" }, visible(error.message)),
    error.hint ? element("p", { class: "hint", dir: "auto" }, visible(error.hint)) : null,
    element("code", {}, error.code),
  );
}

function inputLine(input) {
  const entries = Object.entries(input ?? {});
  // one text speaks for itself
  if (entries.length === 1 && typeof entries[0][1] === "string") return short(entries[0][1]);
  return entries.map(([name, value]) => `${name}: ${short(value)}`).join(", ");
}

function outcomeLine(step) {
  if (step.status === "succeeded") return `→ ${short(step.output)}`;
  if (step.status === "retrying") {
    const waitS = Math.max(0, Math.ceil((step.retryMs - Date.now()) / 1_000));
    return `${short(step.error.message)} – tried again in ${waitS} s`;
  }
  if (step.status === "unknown") return "It was cut off; nobody knows whether it acted.";
  const why = step.error?.message ?? step.reason;
  return why ? short(why) : "";
}

function tookLine(step, ms) {
  const attempts = step.attempts > 1 ? `${step.attempts} attempts · ` : "";
  if (step.status === "pending" || step.status === "skipped" || ms === null) return attempts.replace(" · ", "");
  return attempts + lasted(ms);
}
