/* Requests to the server that this page came from. */

import { element } from "./dom.js";
import { parsed } from "./json.js";
import { keyHeaders, needed } from "./key.js";

const ANSWER_MAX_MS = 60_000;
const UNREACHABLE = "The server does not answer. Check that it is still running, then try again.";

/** An answer that is a refusal, in words that can be shown. */
export class Problem extends Error {
  constructor({ title = "", detail, status = 0, code = "", type = "", errors = [], request_id = "" }) {
    super(detail || title);
    Object.assign(this, { title, status, code, type, errors, request_id });
  }

  /** Whether trying again later may help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Return the answer's JSON; throws Problem, also when the server cannot be reached. */
export async function call(path, { method = "GET", body, headers = {} } = {}) {
  const sent = { Accept: "application/json", ...keyHeaders(), ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(ANSWER_MAX_MS);
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    const response = await fetch(path, { method, headers: sent, body: content, signal });
    if (!response.ok) throw await problemOf(response);
    return parsed(await response.text());
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem({ title: "No answer", detail: UNREACHABLE, code: "unreachable" });
  }
}

/** Return what a refused response says; something between us and the server may have answered instead. */
export async function problemOf(response) {
  try {
    const said = parsed(await response.text());
    if (typeof said.detail === "string") {
      if (said.code === "unauthorized") needed();
      return new Problem(said);
    }
  } catch {
    // not a problem document: the status is all that is known
  }
  const detail = `The answer was ${response.status} ${response.statusText}`.trim();
  return new Problem({ title: "Refused", detail: `${detail}.`, status: response.status });
}

/** Return the element that shows a problem. */
export function problemView(problem) {
  const details = problem.errors
    .filter(({ message }) => message && !problem.message.includes(message))
    .map(({ pointer, message }) => element("li", {}, pointer ? `${pointer}: ${message}` : message));
  const links = [];
  // only pages of this server are linked
  if (/^\/[a-z]/.test(problem.type)) links.push(element("a", { href: problem.type }, "What this means"));
  if (problem.request_id) links.push(element("span", { class: "hint" }, `request ${problem.request_id}`));
  return element(
    "div",
    { class: "problem", role: "alert" },
    problem.title ? element("strong", {}, problem.title) : null,
    element("p", {}, problem.message),
    details.length ? element("ul", {}, details) : null,
    links.length ? element("p", { class: "links" }, links) : null,
  );
}

/** Return a key that makes a repeated request one request. */
export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
