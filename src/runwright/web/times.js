/* Times and durations in words. */

const UNITS = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** Return a duration in milliseconds as a person would say it. */
export function lasted(ms) {
  if (ms < 10) return `${(Math.round(ms * 10) / 10).toString()} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** Return how long ago a time was. */
export function since(text) {
  let amount = Math.min(0, (Date.parse(text) - Date.now()) / 1_000);
  if (amount > -5) return "just now";
  for (const [size, unit] of UNITS) {
    if (Math.abs(amount) < size) return ago.format(Math.round(amount), unit);
    amount /= size;
  }
  return "";
}

/** Return a time on the reader's own clock. */
export function local(text) {
  return new Date(text).toLocaleString();
}
