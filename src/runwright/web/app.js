/* The page: the prompt, the run that is shown, the list of runs, and the address that names them. */

import { call, freshKey, problemView } from "./api.js";
import { element, put, say } from "./dom.js";
import { watchHealth } from "./health.js";
import { hasKey, use } from "./key.js";
import { RunView } from "./run.js";
import { Runs } from "./runs.js";

const by = (id) => document.getElementById(id);
const RUN_ID = /^[A-Za-z0-9_-]{1,128}$/;
const MARKS = { completed: "✓ ", failed: "✕ ", cancelled: "✕ ", awaiting_approval: "? " };
const TITLE_CHARACTERS_MAX = 60;

const [form, prompt, send] = [by("ask"), by("prompt"), by("send")];
let attempt = { body: "", key: "" };

const runs = new Runs(
  { list: by("runs"), status: by("runs-status"), text: by("runs-text"), more: by("runs-more"),
    refresh: by("runs-refresh"), problem: by("runs-problem"), note: by("runs-note") },
  (runId) => go(runId),
);
const view = new RunView(by("run"), {
  announce: (sentence) => say(by("announcer"), sentence),
  changed: (run) => {
    runs.changed(run);
    document.title = `${MARKS[run.status] ?? "… "}${run.prompt.slice(0, TITLE_CHARACTERS_MAX)} · Runwright`;
  },
});

/** Show what the address names: `?run=` shows a run, `?prompt=` fills the box and runs nothing. */
function arrive() {
  const asked = new URLSearchParams(location.search);
  const runId = asked.get("run");
  introduce(runId === null);
  if (asked.has("prompt")) prompt.value = asked.get("prompt");
  if (runId === null) {
    view.close();
    runs.mark(null);
    document.title = "Runwright";
  } else {
    runs.mark(runId);
    // what cannot be an id is asked for all the same: the server says what is wrong
    view.open(RUN_ID.test(runId) ? runId : "-");
  }
}

/** What helps at the start gives room to a run. */
function introduce(wanted) {
  by("welcome").hidden = !wanted;
  by("examples").hidden = !wanted;
  prompt.rows = wanted ? 3 : 2;
}

function go(runId) {
  history.pushState(null, "", `/?run=${encodeURIComponent(runId)}`);
  arrive();
  by("run").scrollIntoView({ block: "nearest" });
}

async function submit() {
  const text = prompt.value;
  if (!text.trim() || send.disabled) return;
  const body = { prompt: text, approval: by("approval").checked ? "required" : "auto" };
  const told = JSON.stringify(body);
  // when an answer got lost, sending the same again must not run it twice
  if (attempt.body !== told) attempt = { body: told, key: freshKey() };
  send.disabled = true;
  try {
    const run = await call("/api/v1/runs", { method: "POST", body, headers: { "Idempotency-Key": attempt.key } });
    attempt = { body: "", key: "" };
    put(by("ask-problem"));
    introduce(false);
    history.pushState(null, "", `/?run=${run.run_id}`);
    view.show(run);
    by("run").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    put(by("ask-problem"), problemView(problem));
  } finally {
    send.disabled = false;
  }
}

async function listTools() {
  try {
    const { items } = await call("/api/v1/tools");
    put(by("tools"), items.map((tool) => [
      // a link sends no key
      element("dt", {}, hasKey() ? tool.name : element("a", { href: `/api/v1/tools/${encodeURIComponent(tool.name)}` }, tool.name)),
      element("dd", {}, tool.description),
    ]).flat());
  } catch (problem) {
    put(by("tools"), problemView(problem));
  }
}

/** Use another key, and read everything with it. */
function changeKey(text) {
  use(text);
  by("key-text").value = "";
  put(by("ask-problem"));
  showKey(false);
  arrive();
  runs.reload();
  listTools();
}

function showKey(wanted) {
  by("key").hidden = !wanted;
  by("key-forget").hidden = !hasKey();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
prompt.addEventListener("keydown", (event) => {
  const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  // on a touch screen Enter is the only way to a new line
  if (!sends || (matchMedia("(pointer: coarse)").matches && !event.ctrlKey && !event.metaKey)) return;
  event.preventDefault();
  submit();
});
by("examples").addEventListener("click", (event) => {
  const example = event.target.closest("button");
  if (!example) return;
  prompt.value = example.textContent;
  prompt.focus();
});
document.addEventListener("key-needed", () => showKey(true));
by("key").addEventListener("submit", (event) => {
  event.preventDefault();
  changeKey(by("key-text").value);
});
by("key-forget").addEventListener("click", () => changeKey(""));
addEventListener("popstate", arrive);

showKey(false);
arrive();
runs.newest();
listTools();
watchHealth(by("trouble"));
