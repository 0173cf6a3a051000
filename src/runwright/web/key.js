/* The API key of whoever uses this page, where the server asks for one: kept for this tab, sent as a header. */

const PLACE = "runwright.key";
let key = remembered();

/** Return the headers that a request needs. */
export function keyHeaders() {
  return key ? { "X-API-Key": key } : {};
}

/** Return whether a key is in use. */
export function hasKey() {
  return key !== "";
}

/** Use this key from now on; "" uses none. */
export function use(text) {
  key = text.trim();
  try {
    if (key) sessionStorage.setItem(PLACE, key);
    else sessionStorage.removeItem(PLACE);
  } catch {
    // a browser that keeps nothing: the key is known until the page is left
  }
}

/** Say that the server wants a key, or another one. */
export function needed() {
  document.dispatchEvent(new Event("key-needed"));
}

function remembered() {
  try {
    return sessionStorage.getItem(PLACE) ?? "";
  } catch {
    return "";
  }
}
