/* A run as this page knows it: built from the run object when it has ended, from its events while it goes on. */

import { plain } from "./json.js";

const OVER = new Set(["completed", "failed", "cancelled", "corrupt"]);
// how a run ended is not read from here: it is shown at once with the result or error of the run object
const RUN_STATUS = {
  "plan.started": "planning",
  "run.awaiting_approval": "awaiting_approval",
  "run.started": "running",
  "run.restarted": "running",
};
const KEPT_AT_RESTART = new Set(["succeeded", "skipped"]);
const REFERENCE = /\{?\{step_(\d+)_output/g;

export function isOver(status) {
  return OVER.has(status);
}

/** Return the state that a run object describes; without its execution log, all steps are to come. */
export function stateOf(run) {
  const state = {
    status: run.status,
    steps: new Map(),
    source: null,
    sourceReason: "",
    problems: [],
    cancelling: false,
  };
  if (run.plan) accept(state, run.plan);
  if (!isOver(run.status)) return state;
  for (const entry of run.execution_log ?? []) {
    const step = state.steps.get(entry.step_number);
    if (!step) continue;
    const startedMs = entry.started_at === null ? null : Date.parse(entry.started_at);
    const durationMs = plain(entry.duration_ms);
    Object.assign(step, {
      status: entry.status,
      attempts: entry.attempts,
      input: entry.tool_input,
      version: entry.tool_version,
      output: entry.output,
      error: entry.error,
      key: entry.idempotency_key,
      startedMs,
      durationMs,
      endedMs: startedMs === null || durationMs === null ? null : startedMs + durationMs,
    });
  }
  return state;
}

/** Change the state by one event; returns the steps to draw again, or `all` when the plan is another one. */
export function evolve(state, event) {
  const [about, verb] = event.type.split(".");
  if (event.type in RUN_STATUS) state.status = RUN_STATUS[event.type];
  if (about === "step") return evolveStep(state, event, verb);
  switch (event.type) {
    case "plan.started":
      state.steps.clear();
      return "all";
    case "plan.step_proposed":
      propose(state, event.data.step);
      return "all";
    case "plan.model_called":
      if (!event.data.error && !event.data.problems?.length) return [];
      state.steps.clear(); // what was proposed does not count any more
      return "all";
    case "plan.accepted":
      accept(state, event.data.plan);
      return "all";
    case "plan.refused":
      state.problems = event.data.problems ?? [];
      return [];
    case "run.cancelling":
      state.cancelling = true;
      return [];
    case "run.restarted":
      return restart(state, event.data.resolve ?? {});
    default:
      return [];
  }
}

function evolveStep(state, event, verb) {
  const step = state.steps.get(event.step_number);
  if (!step) return [];
  const { data } = event;
  const atMs = Date.parse(event.at);
  if (verb === "started") {
    Object.assign(step, { status: "running", attempts: data.attempt, version: data.tool_version, retryMs: null });
    step.startedMs ??= atMs;
    step.input = data.tool_input ?? step.input;
  } else {
    step.status = verb === "retrying" ? "retrying" : verb;
    step.attempts = data.attempt ?? step.attempts;
    step.durationMs = plain(data.duration_ms ?? 0);
    step.error = data.error ?? null;
    step.reason = data.reason ?? null;
    step.output = verb === "succeeded" ? data.output : null;
    step.retryMs = verb === "retrying" ? plain(data.retry_at_s) * 1000 : null;
    step.endedMs = verb === "retrying" ? null : atMs;
  }
  return [step.number];
}

function accept(state, plan) {
  state.source = plan.source;
  state.sourceReason = plan.source_reason ?? "";
  const early = new Map(state.steps);
  state.steps.clear();
  for (const step of [...plan.steps].sort((a, b) => a.step_number - b.step_number)) {
    propose(state, step);
    const known = early.get(step.step_number);
    // what was started for another plan is told to be cancelled after this
    if (known?.tool === step.tool_name && (known.status === "running" || known.status === "succeeded")) {
      state.steps.set(step.step_number, { ...known, after: before(step), version: step.tool_version ?? null });
    }
  }
}

function propose(state, step) {
  state.steps.set(step.step_number, {
    number: step.step_number,
    tool: step.tool_name,
    version: step.tool_version ?? null,
    planned: step.tool_input,
    when: step.when ?? null,
    reasoning: step.reasoning ?? null,
    after: before(step),
    status: "pending",
    attempts: 0,
    input: step.tool_input,
    output: null,
    error: null,
    reason: null,
    key: null,
    startedMs: null,
    endedMs: null,
    durationMs: null,
    retryMs: null,
  });
}

function restart(state, resolve) {
  for (const step of state.steps.values()) {
    const verdict = step.status === "unknown" ? resolve[step.number] : null;
    if (verdict === "succeeded" || verdict === "failed") step.status = verdict;
    else if (!KEPT_AT_RESTART.has(step.status)) {
      Object.assign(step, { status: "pending", error: null, reason: null, endedMs: null });
    }
  }
  state.problems = [];
  state.cancelling = false;
  return "all";
}

/** The numbers of the steps that must have ended before this one starts, ascending. */
function before(step) {
  const numbers = new Set(step.depends_on ?? []);
  refer(step.tool_input, numbers);
  refer(step.when, numbers);
  numbers.delete(step.step_number);
  return [...numbers].sort((a, b) => a - b);
}

function refer(value, numbers) {
  if (typeof value === "string") {
    for (const [text, number] of value.matchAll(REFERENCE)) {
      // `{{step_` stands for the literal text `{step_`
      if (!text.startsWith("{{")) numbers.add(Number(number));
    }
  } else if (value !== null && typeof value === "object") {
    for (const inner of Object.values(value)) refer(inner, numbers);
  }
}
