/* The list of recent runs: by status, by text, page after page. */

import { call, problemView } from "./api.js";
import { element, icon, put, say, worded } from "./dom.js";
import { visible } from "./json.js";
import { local, since } from "./times.js";

const PAGE = 20;
const PROMPT_CHARACTERS_MAX = 200;
const REFRESH_MS = 20_000;
const TYPING_MS = 300;

export class Runs {
  /** parts: the elements `list, status, text, more, refresh, problem, note`; `pick` gets a run's id */
  constructor(parts, pick) {
    Object.assign(this, parts, { pick, items: [], cursor: null, current: null, asked: 0 });
    this.status.addEventListener("change", () => this.reload());
    this.text.addEventListener("input", () => this.soon());
    this.text.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.reload();
    });
    this.refresh.addEventListener("click", () => this.reload());
    this.more.addEventListener("click", () => this.older());
    this.list.addEventListener("click", (event) => this.clicked(event));
    setInterval(() => document.hidden || this.newest(), REFRESH_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.newest());
  }

  /** Begin at the newest run again. */
  async reload() {
    this.items = [];
    await this.newest();
  }

  /** Read the newest page; older runs that were read before stay. */
  async newest() {
    await this.read("", (page) => {
      const last = page.items.at(-1);
      // ids grow with time, so what stands behind this page is known by its id
      const older = last && page.next_cursor ? this.items.filter((run) => run.run_id < last.run_id) : [];
      this.items = [...page.items, ...older];
      if (!older.length) this.cursor = page.next_cursor;
    });
  }

  async older() {
    await this.read(`&cursor=${encodeURIComponent(this.cursor)}`, (page) => {
      this.items.push(...page.items);
      this.cursor = page.next_cursor;
    });
  }

  /** Show a run's new status at once, and the others soon. */
  changed(run) {
    this.current = run.run_id;
    const known = this.items.find(({ run_id }) => run_id === run.run_id);
    if (known && known.status === run.status) this.draw();
    else this.soon();
  }

  /** Mark a run as the one that is shown; null for none. */
  mark(runId) {
    this.current = runId;
    this.draw();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.newest(), TYPING_MS);
  }

  async read(more, take) {
    const asked = (this.asked += 1);
    const status = this.status.value ? `&status=${this.status.value}` : "";
    const text = this.text.value ? `&q=${encodeURIComponent(this.text.value)}` : "";
    try {
      const page = await call(`/api/v1/runs?limit=${PAGE}${status}${text}${more}`);
      if (asked !== this.asked) return;
      take(page);
      put(this.problem);
      this.draw();
    } catch (problem) {
      if (asked === this.asked) put(this.problem, problemView(problem));
    }
  }

  draw() {
    const focused = document.activeElement?.closest?.("#runs a")?.getAttribute("href");
    put(this.list, this.items.map((run) => this.entry(run)));
    if (focused) this.list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    this.more.hidden = this.cursor === null;
    const filtered = this.status.value || this.text.value;
    say(this.note, this.items.length ? "" : filtered ? "No run matches." : "No runs yet.");
  }

  entry(run) {
    const prompt = visible((run.prompt ?? "").slice(0, PROMPT_CHARACTERS_MAX)) || "(no prompt)";
    const current = run.run_id === this.current;
    const when = run.created_at
      ? element("time", { datetime: run.created_at, title: local(run.created_at) }, since(run.created_at))
      : null;
    const link = element(
      "a",
      { href: `/?run=${encodeURIComponent(run.run_id)}`, "data-run": run.run_id, "aria-current": current && "true" },
      icon(run.status),
      element("span", { class: "prompt", dir: "auto" }, prompt),
      element("span", { class: "hint" }, worded(run.status), when ? " · " : null, when),
    );
    return element("li", { class: `is-${run.status}` }, link);
  }

  clicked(event) {
    const link = event.target.closest("a[data-run]");
    const plainly = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) && event.button === 0;
    if (!link || !plainly) return;
    event.preventDefault();
    this.pick(link.dataset.run);
  }
}
