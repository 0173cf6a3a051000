/* A word above everything else when the server cannot keep runs, or when nobody carries them out. */

import { say } from "./dom.js";

const EVERY_MS = 15_000;
const ANSWER_MAX_MS = 10_000;
const WORDS = {
  unavailable: "This server cannot keep runs just now: its database is away or its disk is full. Health says why.",
  draining: "This server is shutting down. Runs go on when it is back.",
};

/** Look now and then, as long as somebody sees the page, and say in a node what is wrong. */
export async function watchHealth(node) {
  for (;;) {
    if (!document.hidden) {
      const words = await trouble();
      say(node, words);
      node.hidden = words === "";
    }
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
  }
}

async function trouble() {
  try {
    const response = await fetch("/health/ready", { signal: AbortSignal.timeout(ANSWER_MAX_MS) });
    const told = await response.json();
    const note = told.note ?? "";
    return WORDS[told.status] ?? `${note.charAt(0).toUpperCase()}${note.slice(1)}`;
  } catch {
    return "The server does not answer.";
  }
}
