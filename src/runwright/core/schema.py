"""What a JSON Schema says about a place inside a value, without validating any value.

Plans hold references whose values do not exist yet. These functions answer, from the schemas alone,
which types such a value may have and whether a path can exist at all. Where a schema leaves something
open the answer is "anything": only what is certainly wrong is reported.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any] | bool

ANY_TYPE = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
ANYTHING: Schema = {}
_DEREFERENCE_MAX = 16  # hops of $ref to $ref; a longer chain is a circle


def resolved(root: Schema, node: Schema) -> Schema:
    """Return the node itself, or what its local `$ref` points to; `ANYTHING` when that cannot be found."""
    for _ in range(_DEREFERENCE_MAX):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            return node
        node = _by_pointer(root, node["$ref"])
    return ANYTHING


def types(root: Schema, node: Schema, depth: int = 0) -> frozenset[str]:
    """Return the JSON types that a value at this node may have; `integer` stands beside `number`."""
    node = resolved(root, node)
    if isinstance(node, bool):
        return ANY_TYPE if node else frozenset()
    if depth > _DEREFERENCE_MAX:
        return ANY_TYPE
    found = _declared_types(node)
    for part in node.get("allOf", ()):
        found &= types(root, part, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(node.get(keyword), list):
            found &= frozenset().union(*(types(root, part, depth + 1) for part in node[keyword]))
    return found


def child(root: Schema, node: Schema, key: str | int, depth: int = 0) -> Schema | None:
    """Return the schema of a field or an item, `None` when the schema rules it out.

    key   a field's name, or an item's index (negative: from the end)
    """
    node = resolved(root, node)
    if isinstance(node, bool):
        return ANYTHING if node else None
    if depth > _DEREFERENCE_MAX:
        return ANYTHING
    if ("object" if isinstance(key, str) else "array") not in _declared_types(node):
        return None
    own = _field(node, key) if isinstance(key, str) else _item(node, key)
    if own is None:
        return None
    parts = [own]
    for part in node.get("allOf", ()):
        inner = child(root, part, key, depth + 1)
        if inner is None:
            return None
        parts.append(inner)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(node.get(keyword), list):
            open_ways = [c for p in node[keyword] if (c := child(root, p, key, depth + 1)) is not None]
            if not open_ways:
                return None
            parts.append(open_ways[0] if len(open_ways) == 1 else {"anyOf": open_ways})
    telling = [part for part in parts if part not in (ANYTHING, True)]
    if len(telling) <= 1:
        return telling[0] if telling else ANYTHING
    return {"allOf": telling}


def is_expression(root: Schema, node: Schema) -> bool:
    """Whether text at this node is an arithmetic expression (`"format": "expression"`)."""
    node = resolved(root, node)
    return isinstance(node, dict) and node.get("format") == "expression"


def type_of(value: object) -> str:
    """Return the JSON type of a plain JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def accepts(wanted: frozenset[str], given: str) -> bool:
    """Whether a value of type `given` may stand where `wanted` are allowed."""
    return given in wanted or (given == "integer" and "number" in wanted)


def _declared_types(node: dict[str, Any]) -> frozenset[str]:
    declared = node.get("type")
    if isinstance(declared, str):
        found = frozenset({declared})
    elif isinstance(declared, list):
        found = frozenset(t for t in declared if isinstance(t, str))
    else:
        found = ANY_TYPE
    if "number" in found:
        found |= {"integer"}
    if "const" in node:
        found &= _with_number(type_of(node["const"]))
    if isinstance(node.get("enum"), list):
        found &= frozenset().union(*(_with_number(type_of(value)) for value in node["enum"]))
    return found


def _with_number(kind: str) -> frozenset[str]:
    return frozenset({kind, "number"}) if kind == "integer" else frozenset({kind})


def _field(node: dict[str, Any], name: str) -> Schema | None:
    properties = node.get("properties")
    if isinstance(properties, dict) and name in properties:
        return _as_schema(properties[name])
    if node.get("patternProperties"):
        return ANYTHING
    return _as_schema(node.get("additionalProperties", ANYTHING))


def _item(node: dict[str, Any], index: int) -> Schema | None:
    items_max = node.get("maxItems")
    if isinstance(items_max, int) and (index >= items_max or -index > items_max):
        return None
    first = node.get("prefixItems")
    if isinstance(first, list) and first:
        if 0 <= index < len(first):
            return _as_schema(first[index])
        if index < 0:
            return ANYTHING
    return _as_schema(node.get("items", ANYTHING))


def _as_schema(value: object) -> Schema | None:
    if value is False:
        return None
    return value if isinstance(value, dict | bool) else ANYTHING


def _by_pointer(root: Schema, ref: str) -> Schema:
    if not ref.startswith("#"):
        return ANYTHING
    node: object = root
    for raw in ref[1:].split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            return ANYTHING
        node = node[key]
    return node if isinstance(node, dict | bool) else ANYTHING
