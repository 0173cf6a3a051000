/* JSON without loss. JSON.parse rounds 2**100; here a number that JavaScript cannot hold keeps its digits. */

import { copyButton, element, put } from "./dom.js";

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const MARK = `exact-${crypto.getRandomValues(new Uint32Array(4)).join("-")}:`;
// they change how the text around them is shown, or are not seen at all
const INVISIBLE =
  /[\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\uffa0]|\udb40[\udc00-\udfff]/g;
const COLOURED_CHARACTERS_MAX = 20_000;
const SHOWN_CHARACTERS_MAX = 100_000;
const UNFOLDED_LINES_MAX = 14;
const UNFOLDED_CHARACTERS_MAX = 900;
const SHORT_CHARACTERS_MAX = 160;

/** A number as it was written. */
class Exact {
  constructor(digits) {
    this.digits = digits;
  }
}

/** Return a JSON text as a value; throws SyntaxError. */
export function parsed(text) {
  const kept = text.replace(TOKEN, (token) =>
    token[0] === '"' || String(Number(token)) === token ? token : `"${MARK}${token}"`,
  );
  if (kept.length === text.length) return JSON.parse(text);
  return JSON.parse(kept, (_, value) =>
    typeof value === "string" && value.startsWith(MARK) ? new Exact(value.slice(MARK.length)) : value,
  );
}

/** Return a number of seconds, milliseconds or the like as a plain number. */
export function plain(value) {
  return value instanceof Exact ? Number(value.digits) : value;
}

/** Whether a value is one text, number or word. */
export function isScalar(value) {
  return value === null || typeof value !== "object" || value instanceof Exact;
}

/** Return a value as indented JSON. */
export function pretty(value) {
  return [...tokens(value, "\n")].map(([text]) => text).join("");
}

/** Return a value in one line, cut when long: strings without quotes. */
export function short(value) {
  if (typeof value === "string" && value) return cut(visible(value));
  const parts = [];
  let length = 0;
  for (const [text] of tokens(value, " ")) {
    parts.push(text);
    length += text.length;
    if (length > SHORT_CHARACTERS_MAX) break;
  }
  return cut(parts.join(""));
}

/** Return a text with characters that cannot be seen, or that reorder others, written as escapes. */
export function visible(text) {
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(INVISIBLE, (found) => found.split("").map(escape).join(""));
}

/** Return a value to be looked at: coloured, folded when long. */
export function jsonView(value) {
  const text = pretty(value);
  const lines = text.split("\n", UNFOLDED_LINES_MAX + 1).length;
  const small = lines <= UNFOLDED_LINES_MAX && text.length <= UNFOLDED_CHARACTERS_MAX;
  return small ? block(value, text) : folded(value, text);
}

/** The same for a value that people came for: folded only when very long. */
export function jsonResult(value) {
  const text = pretty(value);
  return text.length <= COLOURED_CHARACTERS_MAX ? block(value, text) : folded(value, text);
}

function folded(value, text) {
  const box = element("div", { class: "folded" });
  const summary = element("summary", {}, sized(value, text));
  const fold = element("details", { on: { toggle: fill } }, summary, box);
  function fill() {
    if (fold.open && !box.firstChild) put(box, block(value, text), copyButton("Copy", () => text));
  }
  return fold;
}

function block(value, text) {
  const pre = element("pre", { class: "json", tabindex: 0 });
  if (text.length <= COLOURED_CHARACTERS_MAX) {
    for (const [token, kind] of tokens(value, "\n")) {
      pre.append(kind ? element("span", { class: kind }, token) : token);
    }
    return pre;
  }
  pre.append(text.slice(0, SHOWN_CHARACTERS_MAX));
  if (text.length > SHOWN_CHARACTERS_MAX) {
    pre.append(`\n… ${(text.length - SHOWN_CHARACTERS_MAX).toLocaleString("en")} more characters; “Copy” takes all`);
  }
  return pre;
}

function sized(value, text) {
  const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
  const size = count(text.length, "character");
  if (Array.isArray(value)) return `list of ${count(value.length, "item")}, ${size}`;
  if (value instanceof Exact) return `number, ${size}`;
  if (value !== null && typeof value === "object") {
    return `object with ${count(Object.keys(value).length, "field")}, ${size}`;
  }
  return `text, ${size}`;
}

/** Yield pairs of text and kind; `gap` is a line break, or a blank for everything in one line. */
function* tokens(value, gap) {
  if (value === null || typeof value === "boolean") yield [String(value), "word"];
  else if (typeof value === "number") yield [String(value), "number"];
  else if (value instanceof Exact) yield [value.digits, "number"];
  else if (typeof value === "string") yield [quoted(value), "string"];
  else if (Array.isArray(value)) yield* enclosed("[", value.map((v) => [null, v]), "]", gap);
  else yield* enclosed("{", Object.entries(value), "}", gap);
}

function* enclosed(open, entries, close, gap) {
  if (!entries.length) {
    yield [open + close, ""];
    return;
  }
  const inner = gap === " " ? gap : `${gap}  `;
  let before = gap === " " ? open : open + inner;
  for (const [key, value] of entries) {
    yield [before, ""];
    if (key !== null) {
      yield [quoted(key), "key"];
      yield [": ", ""];
    }
    yield* tokens(value, inner);
    before = `,${inner}`;
  }
  yield [gap === " " ? close : gap + close, ""];
}

function quoted(text) {
  return visible(JSON.stringify(text));
}

function cut(text) {
  return text.length > SHORT_CHARACTERS_MAX ? `${text.slice(0, SHORT_CHARACTERS_MAX - 1)}…` : text;
}
