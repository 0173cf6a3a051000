/* JSON Schema in words. */

import { element } from "./dom.js";

const BOUNDS = [
  ["format", (v) => v], ["pattern", (v) => `matches ${v}`], ["const", (v) => `is ${JSON.stringify(v)}`],
  ["minimum", (v) => `at least ${v}`], ["maximum", (v) => `at most ${v}`],
  ["exclusiveMinimum", (v) => `above ${v}`], ["exclusiveMaximum", (v) => `below ${v}`],
  ["minLength", (v) => `${v} characters or more`], ["maxLength", (v) => `${v} characters or fewer`],
  ["minItems", (v) => `${v} items or more`], ["maxItems", (v) => `${v} items or fewer`],
];

/** A text in which `backticks` mark code. */
export function coded(text) {
  return text.split(/(`[^`]+`)/).map((part) => (/^`.+`$/.test(part) ? element("code", {}, part.slice(1, -1)) : part));
}

/** The fields of a schema, one a line; of a named schema, the fields that it has. */
export function schemaView(schema, api) {
  const name = refName(schema);
  const shown = name === null ? schema : (api.components?.schemas?.[name] ?? {});
  const fields = Object.entries(shown.properties ?? {});
  const required = new Set(shown.required ?? []);
  return element(
    "div",
    {},
    shown.description ? element("p", { class: "says" }, coded(shown.description)) : null,
    fields.length
      ? element("ul", { class: "fields" }, fields.map(([field, inner]) => fieldView(field, inner, required.has(field))))
      : element("p", { class: "type" }, schemaLink(shown)),
    shown.additionalProperties === false ? element("p", { class: "hint" }, "No other field is accepted.") : null,
  );
}

function fieldView(name, schema, required) {
  const fallback = schema.default !== undefined && schema.default !== null;
  return element(
    "li",
    {},
    element("code", {}, name),
    element("span", { class: "type" }, schemaLink(schema), fallback ? `, default ${JSON.stringify(schema.default)}` : ""),
    required ? element("span", { class: "required" }, "required") : null,
    schema.description ? element("span", { class: "says" }, coded(schema.description)) : null,
  );
}

/** What a value may be, with links to named schemas. */
export function schemaLink(schema) {
  const name = refName(schema);
  if (name !== null) return [element("a", { href: `#schema-${name}` }, name)];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((choice, index) => [index ? " or " : "", ...schemaLink(choice)]);
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(", ")];
  if (schema.type === "array") return ["list of ", ...schemaLink(schema.items ?? {})];
  const fields = Object.keys(schema.properties ?? {});
  if (fields.length) return [`object with ${fields.join(", ")}`];
  const types = [schema.type ?? "any JSON"].flat().join(" or ");
  const bounds = BOUNDS.filter(([key]) => key in schema).map(([key, say]) => say(schema[key]));
  return [[types, ...bounds].join(", ")];
}

function refName(schema) {
  return typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1) : null;
}
