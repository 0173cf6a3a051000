/* The events of a run as a table, read page by page while it is open. */

import { call } from "./api.js";
import { element, put, say } from "./dom.js";

const PAGE = 500;
const ROWS_MAX = 2_000;

export class EventLog {
  constructor() {
    this.summary = element("summary", {}, "Events");
    this.rows = element("tbody");
    this.note = element("p", { class: "hint" });
    const head = ["seq", "after the first", "type", "step"].map((name) => element("th", { scope: "col" }, name));
    const table = element("table", {}, element("thead", {}, element("tr", {}, head)), this.rows);
    const box = element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Events" }, table);
    this.fold = element("details", { class: "events", on: { toggle: () => this.refresh() } }, this.summary, box, this.note);
    this.reset(null);
  }

  /** Begin anew for another run. */
  reset(runId) {
    Object.assign(this, { runId, last: 0, count: 0, firstMs: null, busy: false, again: false });
    put(this.rows);
    say(this.note, "");
    if (runId !== null) this.refresh();
  }

  /** Read what has happened since; while it reads, one more call is remembered. */
  async refresh() {
    if (!this.fold.open || this.runId === null) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    const { runId } = this;
    this.busy = true;
    try {
      do {
        this.again = false;
        await this.read(runId);
      } while (this.again && runId === this.runId);
    } catch (error) {
      if (runId === this.runId) say(this.note, error.message);
    } finally {
      if (runId === this.runId) this.busy = false;
    }
  }

  async read(runId) {
    for (let next = this.last; next !== null && this.count < ROWS_MAX; ) {
      const page = await call(`/api/v1/runs/${encodeURIComponent(runId)}/events?after=${next}&limit=${PAGE}`);
      if (runId !== this.runId) return;
      page.items.forEach((event) => this.add(event));
      next = page.next_after;
    }
    say(this.note, this.count < ROWS_MAX ? "" : `The first ${ROWS_MAX.toLocaleString("en")} events.`);
  }

  add(event) {
    const atMs = Date.parse(event.at);
    this.firstMs ??= atMs;
    const { attempt } = event.data;
    const step = event.step_number === undefined ? "" : String(event.step_number);
    const cells = [
      String(event.seq),
      `${(atMs - this.firstMs).toLocaleString("en")} ms`,
      attempt > 1 ? `${event.type} (attempt ${attempt})` : event.type,
      step,
    ];
    this.rows.append(element("tr", {}, cells.map((text) => element("td", {}, text))));
    this.last = event.seq;
    this.count += 1;
  }
}
