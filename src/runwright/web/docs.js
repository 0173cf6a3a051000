/* The API's reference, drawn from the OpenAPI document that the server makes from its own types. */

import { call, problemView } from "./api.js";
import { element, put, say } from "./dom.js";
import { coded, schemaLink, schemaView } from "./docs_schema.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

async function main() {
  for (const place of document.querySelectorAll("[data-origin]")) say(place, location.origin);
  const routes = document.getElementById("routes");
  try {
    const api = await call("/api/openapi.json");
    say(document.getElementById("about"), `${api.info.title} ${api.info.version}. ${api.info.summary ?? ""}`);
    const groups = grouped(api);
    put(routes, groups.map((group) => groupView(group, api)), schemasView(api));
    put(document.getElementById("contents"), groups.map(contents), element("a", { href: "#schemas" }, "Schemas"));
    reveal();
  } catch (problem) {
    put(routes, problemView(problem));
  }
}

/** Routes by tag, in the order of the document's own list of tags where it has one. */
function grouped(api) {
  const groups = new Map((api.tags ?? []).map(({ name, description }) => [name, { name, description, routes: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => name in item)) {
      const route = { ...item[method], method, path, id: `${method}${path}` };
      route.parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])];
      const name = route.tags?.[0] ?? "other";
      if (!groups.has(name)) groups.set(name, { name, routes: [] });
      groups.get(name).routes.push(route);
    }
  }
  const found = [...groups.values()].filter((group) => group.routes.length);
  for (const group of found) {
    group.routes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : METHODS.indexOf(a.method) - METHODS.indexOf(b.method)));
  }
  return found;
}

function contents(group) {
  return element("a", { href: `#tag-${group.name}` }, named(group.name));
}

function groupView(group, api) {
  return element(
    "section",
    { id: `tag-${group.name}` },
    element("h2", {}, named(group.name)),
    group.description ? element("p", {}, coded(group.description)) : null,
    element("div", { class: "routes" }, group.routes.map((route) => routeView(route, api))),
  );
}

function routeView(route, api) {
  const summary = element(
    "summary",
    {},
    element("span", { class: `method is-${route.method}` }, route.method.toUpperCase()),
    element("code", { class: "path" }, route.path),
    element("span", { class: "says" }, coded(route.description ?? route.summary ?? "")),
  );
  const parts = [];
  if (route.parameters.length) {
    parts.push(element("h3", {}, "Parameters"), element("ul", { class: "fields" }, route.parameters.map(parameterView)));
  }
  for (const [type, { schema }] of Object.entries(route.requestBody?.content ?? {})) {
    parts.push(element("h3", {}, "Body ", element("span", { class: "hint" }, type)), schemaView(schema, api));
  }
  parts.push(element("h3", {}, "Answers"), element("ul", { class: "fields" }, Object.entries(route.responses).map(answerView)));
  return element("details", { id: route.id, class: "route" }, summary, element("div", { class: "route-body" }, parts));
}

function parameterView(parameter) {
  const required = parameter.required ? element("span", { class: "required" }, "required") : null;
  return element(
    "li",
    {},
    element("code", {}, parameter.name),
    element("span", { class: "type" }, schemaLink(parameter.schema ?? {}), `, in the ${parameter.in}`),
    required,
    parameter.description ? element("span", { class: "says" }, coded(parameter.description)) : null,
  );
}

function answerView([status, response]) {
  const bodies = Object.entries(response.content ?? {}).map(([type, { schema }]) =>
    element("span", { class: "type" }, `${type}: `, schemaLink(schema ?? {})));
  const name = status === "default" ? "otherwise" : status;
  return element("li", {}, element("code", {}, name), bodies, element("span", { class: "says" }, coded(response.description)));
}

function schemasView(api) {
  const schemas = Object.entries(api.components?.schemas ?? {}).map(([name, schema]) =>
    element("div", { id: `schema-${name}`, class: "schema", tabindex: -1 }, element("h3", {}, name), schemaView(schema, api)));
  return element("section", { id: "schemas" }, element("h2", {}, "Schemas"), schemas);
}

function named(tag) {
  return tag.slice(0, 1).toUpperCase() + tag.slice(1);
}

/** Open the route that the address names. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", reveal);
main();
