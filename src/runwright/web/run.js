/* One run on the page: shown as it is, followed while it goes on, acted upon. */

import { Actions } from "./actions.js";
import { call, problemView } from "./api.js";
import { copyButton, element, icon, put, say, worded } from "./dom.js";
import { EventLog } from "./event_log.js";
import { Graph } from "./graph.js";
import { isScalar, jsonResult, pretty, short, visible } from "./json.js";
import { hasKey } from "./key.js";
import { evolve, isOver, stateOf } from "./state.js";
import { errorView, Steps } from "./steps.js";
import { follow, insist } from "./stream.js";
import { lasted, local } from "./times.js";

const TICK_MS = 200;
const EVENTS_TICK_MS = 400;
const READ_AGAIN_AT = new Set(["run.awaiting_approval", "run.approved", "run.rejected"]);

export class RunView {
  /** hear.changed gets a run whose status is another one; hear.announce a sentence for screen readers */
  constructor(root, hear) {
    this.root = root;
    this.hear = hear;
    this.following = null;
    this.run = null;
    this.build();
    setInterval(() => this.following && this.state && this.time(), TICK_MS);
    setInterval(() => this.following && this.events.refresh(), EVENTS_TICK_MS);
  }

  build() {
    this.mark = element("span", { class: "badge" });
    this.prompt = element("p", { class: "run-prompt", dir: "auto", tabindex: 0 });
    this.facts = element("p", { class: "facts" });
    this.link = element("p", { class: "link", role: "status" });
    this.actions = element("div", { class: "actions" });
    this.problem = element("div");
    this.outcome = element("div", { class: "outcome" });
    this.approval = element("p", { class: "approval" });
    const graph = element("div", { class: "graph-box" });
    const list = element("ol", { class: "steps" });
    this.heading = element("h3", {}, "Steps");
    this.more = element("div", { class: "more" });
    this.steps = new Steps(list);
    this.graph = new Graph(graph, (number) => this.steps.open(number));
    this.events = new EventLog();
    this.buttons = new Actions(this.actions, (run) => this.show(run), (problem) => this.refuse(problem));
    const head = element("header", { class: "run-head" }, this.mark, element("h2", {}, "Run"), this.facts);
    put(this.root, head, this.prompt, this.link, this.problem, this.outcome, this.approval, this.actions,
      this.heading, graph, list, this.events.fold, this.more);
    this.root.hidden = true;
  }

  /** Show a run by its id. */
  async open(runId) {
    this.close();
    const mine = (this.following = new AbortController());
    try {
      const run = await call(`/api/v1/runs/${encodeURIComponent(runId)}`);
      if (this.following === mine) this.show(run);
    } catch (problem) {
      if (this.following !== mine) return;
      this.following = null;
      this.root.hidden = false;
      this.root.classList.add("is-missing");
      this.refuse(problem);
    }
  }

  /** Show a run, and follow it while it is not over. */
  show(run) {
    this.close();
    this.state = stateOf(run);
    this.root.hidden = false;
    this.events.reset(run.run_id);
    this.told(run);
    this.redrawn = "all";
    this.draw();
    if (!isOver(run.status)) {
      this.follow(run.run_id);
      return;
    }
    this.hear.announce(this.sentence());
    if (run.error?.code === "invalid_plan") this.explain(run.run_id);
  }

  /** Show nothing. */
  close() {
    this.following?.abort();
    this.following = null;
    this.state = null;
    this.root.hidden = true;
    this.root.classList.remove("is-missing");
    put(this.problem);
    say(this.link, "");
  }

  async follow(runId) {
    const mine = (this.following = new AbortController());
    const current = () => this.following === mine;
    const hear = {
      event: (event) => current() && this.heard(event),
      link: (state) => current() && say(this.link, state === "lost" ? "Connection lost. Trying again…" : ""),
    };
    try {
      await follow(runId, 0, hear, mine.signal);
      const run = await insist(() => call(`/api/v1/runs/${encodeURIComponent(runId)}`), mine.signal);
      if (current()) this.end(run);
    } catch (problem) {
      if (current()) this.refuse(problem);
    }
  }

  heard(event) {
    const before = this.state.status;
    const changed = evolve(this.state, event);
    this.redrawn = changed === "all" || this.redrawn === "all" ? "all" : [...(this.redrawn ?? []), ...changed];
    // many events make one drawing
    this.frame ??= requestAnimationFrame(() => this.draw());
    if (this.state.status !== before) this.hear.announce(this.sentence());
    if (READ_AGAIN_AT.has(event.type)) this.readAgain();
  }

  async readAgain() {
    const mine = this.following;
    try {
      const run = await insist(() => call(`/api/v1/runs/${encodeURIComponent(this.run.run_id)}`), mine.signal);
      if (this.following !== mine) return;
      this.told(run);
      this.draw();
    } catch (problem) {
      if (this.following === mine) this.refuse(problem);
    }
  }

  /** A refused plan's defects stand in its events, not in the run object. */
  async explain(runId) {
    const { state } = this;
    try {
      for (let next = 0; next !== null; ) {
        const page = await call(`/api/v1/runs/${encodeURIComponent(runId)}/events?limit=1000&after=${next}`);
        if (this.state !== state) return;
        page.items.forEach((event) => evolve(state, event));
        next = page.next_after;
      }
      this.draw();
    } catch (problem) {
      if (this.state === state) this.refuse(problem);
    }
  }

  /** The last word is the server's: its run object replaces what was put together from events. */
  end(run) {
    const { problems } = this.state;
    this.following = null;
    this.events.refresh();
    this.state = { ...stateOf(run), problems };
    this.told(run);
    this.redrawn = "all";
    this.draw();
    this.hear.announce(this.sentence());
  }

  told(run) {
    this.run = run;
    say(this.prompt, visible(run.prompt));
    const address = `/api/v1/runs/${encodeURIComponent(run.run_id)}`;
    // a link sends no key
    put(this.more, hasKey() ? null : element("a", { href: address }, "This run as JSON"),
      run.plan ? copyButton("Copy the plan", () => pretty(run.plan)) : null,
      copyButton("Copy the run id", () => run.run_id),
      run.trace_id ? copyButton("Copy the trace id", () => run.trace_id) : null);
    this.hear.changed(run);
  }

  refuse(problem) {
    put(this.problem, problemView(problem));
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    if (!this.state) return;
    const { run, state, redrawn } = this;
    const steps = [...state.steps.values()];
    this.redrawn = [];
    if (redrawn === "all") {
      this.steps.show(steps);
      this.graph.show(steps);
    } else {
      for (const number of new Set(redrawn)) {
        this.steps.update(state.steps.get(number));
        this.graph.update(state.steps.get(number));
      }
    }
    this.drawHead(run, state, steps);
    this.drawOutcome(run, state);
    this.time();
  }

  drawHead(run, state, steps) {
    const status = state.cancelling && !isOver(state.status) ? "cancelling" : worded(state.status);
    if (this.mark.dataset.status !== status) {
      this.mark.dataset.status = status;
      this.mark.className = `badge is-${state.status}`;
      put(this.mark, icon(state.status), status);
    }
    this.heading.hidden = !steps.length;
    const ended = steps.filter((step) => step.endedMs !== null || step.status === "skipped").length;
    const source = { rules: "planned by rules", llm: "planned by a model", cache: "a plan from before", given: "a given plan" };
    const from = source[state.source] ? ` · ${source[state.source]}` : "";
    const count = isOver(state.status) && ended === steps.length ? steps.length : `${ended} of ${steps.length} ended`;
    say(this.heading, `Steps · ${count}${from}`);
    this.heading.title = state.sourceReason;
    this.buttons.show(run, isOver(run.status) ? steps : []);
    const asked = run.status === "awaiting_approval" && run.plan;
    this.approval.hidden = !asked;
    say(this.approval, asked ? `Nothing has run yet. Approving allows exactly this plan, ${run.plan.plan_hash.slice(0, 16)}…` : "");
  }

  drawOutcome(run, state) {
    this.outcome.hidden = !isOver(run.status);
    const key = `${run.run_id} ${run.status} ${run.completed_at} ${state.problems.length}`;
    if (this.outcome.dataset.key === key) return;
    this.outcome.dataset.key = key;
    this.outcome.className = `outcome is-${run.status}`;
    if (run.status === "completed") {
      const kind = isScalar(run.result) ? "result scalar" : "result";
      put(this.outcome, element("h3", {}, "Result"), element("div", { class: kind }, jsonResult(run.result)));
    } else if (isOver(run.status)) {
      const others = state.problems.slice(1).map(({ message, hint }) =>
        element("li", { dir: "auto" }, visible(hint ? `${message} (${hint})` : message)));
      const error = run.error ?? { code: run.status, message: `The run is ${worded(run.status)}.` };
      put(this.outcome, errorView(error), others.length ? element("ul", {}, others) : null);
    }
  }

  /** What changes by itself. */
  time() {
    const { run, state } = this;
    this.steps.time([...state.steps.values()], Date.now());
    const endMs = run.completed_at ? Date.parse(run.completed_at) : Date.now();
    const took = lasted(Math.max(0, endMs - Date.parse(run.created_at)));
    const restarts = run.restarts ? ` · ${run.restarts} restart${run.restarts === 1 ? "" : "s"}` : "";
    say(this.facts, `${local(run.created_at)} · ${took}${restarts}`);
  }

  sentence() {
    const { run, state } = this;
    if (run.status === "completed") return `Run completed. Result: ${short(run.result)}`;
    if (isOver(run.status)) return `Run ${worded(run.status)}. ${run.error?.message ?? ""}`;
    return `Run ${worded(state.status)}.`;
  }
}
