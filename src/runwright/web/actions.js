/* What a person may do with a run now, as the server says in `eligible_actions`. */

import { call } from "./api.js";
import { element, put } from "./dom.js";

const NAMES = { cancel: "Cancel", restart: "Restart", approve: "Approve and run", reject: "Reject" };
const VERDICTS = [
  ["", "…"],
  ["retry", "did not act: do it again"],
  ["succeeded", "acted: go on"],
  ["failed", "failed: stop there"],
];

/** Buttons inside `root`; `done` gets the run as the server answers it, `refused` a problem. */
export class Actions {
  constructor(root, done, refused) {
    Object.assign(this, { root, done, refused, shown: "" });
  }

  /** Offer what is possible for this run with these steps. */
  show(run, steps) {
    const unknown = steps.filter((step) => step.status === "unknown").map((step) => step.number);
    const possible = (run.eligible_actions ?? []).filter((action) => action in NAMES);
    const key = [run.run_id, run.status, possible, unknown].join();
    // the same buttons stay, so that focus is not lost while a run goes on
    if (key === this.shown) return;
    this.shown = key;
    this.verdicts = new Map();
    const questions = possible.includes("restart") ? unknown.map((number) => this.question(number)) : [];
    const buttons = possible.map((action) => this.button(action, run));
    put(this.root, questions, buttons.length ? element("div", { class: "buttons" }, buttons) : null);
  }

  button(action, run) {
    const act = async () => {
      // doing it again may be the wrong guess, so nothing is chosen beforehand
      if (action === "restart" && ![...this.verdicts.values()].every((choice) => choice.reportValidity())) return;
      button.disabled = true;
      try {
        this.done(await call(`/api/v1/runs/${encodeURIComponent(run.run_id)}/${action}`, this.request(action, run)));
      } catch (problem) {
        this.refused(problem);
      } finally {
        button.disabled = false;
      }
    };
    const kind = action === "approve" ? "primary" : "";
    const button = element("button", { type: "button", class: kind, on: { click: act } }, NAMES[action]);
    return button;
  }

  request(action, run) {
    if (action === "approve" || action === "reject") {
      return { method: "POST", body: { plan_hash: run.plan.plan_hash } };
    }
    if (action === "restart" && this.verdicts.size) {
      const told = [...this.verdicts].map(([number, choice]) => [number, choice.value]);
      return { method: "POST", body: { resolve: Object.fromEntries(told) } };
    }
    return { method: "POST" };
  }

  /** Ask what became of a step that was cut off; only a person can find out. */
  question(number) {
    const options = VERDICTS.map(([value, text]) => element("option", { value }, text));
    const choice = element("select", { required: true }, options);
    this.verdicts.set(number, choice);
    return element("label", { class: "verdict" }, `Step ${number} was cut off. It `, choice);
  }
}
