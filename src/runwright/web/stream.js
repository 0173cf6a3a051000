/* Following a run: every event once and in order, across lost connections. */

import { Problem, problemOf } from "./api.js";
import { parsed } from "./json.js";
import { keyHeaders } from "./key.js";

const RETRY_MS = 2_000;
const RETRY_MAX_MS = 15_000;
// the server says something at least every 15 s, or as often as it is set to, up to 60 s
const SILENCE_MAX_MS = 90_000;

/**
 * Hand every event behind `after` to `hear.event`, and return the run's end status.
 *
 * hear.link  told `live`, and `lost` while the connection is being made again
 * Throws Problem when the server refuses for good, AbortError when `signal` says to stop.
 */
export async function follow(runId, after, hear, signal) {
  const place = { after, retryMs: RETRY_MS, failures: 0 };
  for (;;) {
    try {
      const status = await listen(runId, place, hear, signal);
      if (status !== null) return status;
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof Problem && !error.passing) throw error;
    }
    hear.link("lost");
    const waitMs = Math.min(RETRY_MAX_MS, place.retryMs * 2 ** Math.min(place.failures, 4));
    place.failures += 1;
    await pause(waitMs, signal);
  }
}

/** Return what `ask` returns; while the server cannot be reached, ask again. */
export async function insist(ask, signal) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!error.passing) throw error;
    }
    await pause(RETRY_MS, signal);
  }
}

/** Read one connection to its end; null when it broke before the run's end. */
async function listen(runId, place, hear, signal) {
  const connection = new AbortController();
  const stop = () => connection.abort();
  signal.addEventListener("abort", stop);
  let watchdog = setTimeout(stop, SILENCE_MAX_MS);
  try {
    const headers = { ...keyHeaders(), Accept: "text/event-stream", "Last-Event-ID": String(place.after) };
    const path = `/api/v1/runs/${encodeURIComponent(runId)}/events`;
    const response = await fetch(path, { headers, signal: connection.signal });
    if (!response.ok) throw await problemOf(response);
    hear.link("live");
    for await (const frame of frames(response.body)) {
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENCE_MAX_MS);
      place.failures = 0;
      if (frame.retry) place.retryMs = Number(frame.retry);
      if (frame.event === "end") return parsed(frame.data).status;
      const event = frame.data ? parsed(frame.data) : null;
      if (event !== null && event.seq > place.after) {
        place.after = event.seq;
        hear.event(event);
      }
    }
    return null;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", stop);
    connection.abort();
  }
}

/** Yield the fields of each frame of an SSE body. */
async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const looked = Math.max(0, text.length - 1);
    text += value;
    let start = 0;
    for (let end = text.indexOf("\n\n", looked); end !== -1; end = text.indexOf("\n\n", start)) {
      yield fields(text.slice(start, end));
      start = end + 2;
    }
    text = text.slice(start);
  }
}

function fields(frame) {
  const found = {};
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    found[name] = name === "data" && name in found ? `${found.data}\n${value}` : value;
  }
  return found;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
