"""What one schema object says by its own keywords, before `$ref`, `allOf`, `anyOf` and `oneOf` are followed.

`schema` puts these answers together. Both drafts of tuples are read (`prefixItems`, and a list in `items`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sized
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any] | bool

ANY_TYPE = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_COVERED = {kind: frozenset({kind}) for kind in ANY_TYPE} | {"number": frozenset({"number", "integer"})}
ANYTHING: Schema = {}
UNKNOWN: dict[str, Any] = {"additionalProperties": True}  # allows all, and may speak of every field
_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "minimum": operator.lt,
    "maximum": operator.gt,
    "exclusiveMinimum": operator.le,
    "exclusiveMaximum": operator.ge,
}
_LENGTHS: tuple[tuple[type[Sized], str, str], ...] = (
    (str, "minLength", "maxLength"),
    (list, "minItems", "maxItems"),
    (dict, "minProperties", "maxProperties"),
)
_LENGTH_MAX = 1 << 53  # of a list about which nothing is said
_NAME_CHARS_MAX = 100  # a longer field name is not held against patterns
# Patterns that can be tried on a name in bounded time and mean the same in every dialect: characters,
# classes and escapes, each with at most one quantifier, and no groups.
_PLAIN_PATTERN = re.compile(
    r"\^?(?:(?:[A-Za-z0-9_ :/@-]|\\[dw.-]|\.|\[\^?[A-Za-z0-9_ .:-]+\])"
    r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})?)*\$?"
)
_QUANTIFIERS_MAX = 2
# Beside these any field may have been evaluated.
_SPEAKING = frozenset(
    {"additionalProperties", "if", "dependentSchemas", "dependencies", "$dynamicRef", "not"}
)


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


def declared_types(node: dict[str, Any]) -> frozenset[str]:
    """Return the types that `type`, `enum` and `const` leave; `integer` stands beside `number`."""
    declared = node.get("type")
    if isinstance(declared, list):
        found = frozenset[str]().union(*(_COVERED.get(str(name), ANY_TYPE) for name in declared))
    else:
        found = _COVERED.get(declared, ANY_TYPE) if isinstance(declared, str) else ANY_TYPE
    listed = listed_values(node)
    if listed is not None:
        found &= frozenset().union(*(_with_number(type_of(value)) for value in listed))
    return found


def listed_values(node: dict[str, Any]) -> list[Any] | None:
    """Return the values that `const` or `enum` list, `None` where neither stands."""
    if "const" in node:
        return [node["const"]]
    listed = node.get("enum")
    return listed if isinstance(listed, list) else None


def own_child(node: dict[str, Any], key: str | int) -> Schema | None:
    """Return what the own keywords say of a field or an item, `None` when they rule it out."""
    own = _field(node, key) if isinstance(key, str) else _item(node, key)
    listed = listed_values(node)
    if own is None or listed is None:
        return own
    inner = [value[key] for value in listed if has(value, key)]
    if not inner:
        return None
    return {"enum": inner} if own in (True, ANYTHING) else {"allOf": [own, {"enum": inner}]}


def mentions(node: dict[str, Any], name: str) -> bool:
    """Whether the own keywords may count a field as evaluated, for `unevaluatedProperties` beside them."""
    if not _SPEAKING.isdisjoint(node):
        return True
    properties = node.get("properties")
    patterns = node.get("patternProperties")
    return (isinstance(properties, dict) and name in properties) or (
        isinstance(patterns, dict) and any(_matches(pattern, name) is not False for pattern in patterns)
    )


def required_names(node: dict[str, Any]) -> list[str]:
    """Return the fields that an object must have."""
    names = node.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def is_out_of_bounds(node: dict[str, Any], value: object) -> bool:
    """Whether a number, the length of another value or the form of a text is certainly not allowed."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        bounds = [(node[name], is_outside) for name, is_outside in _BOUNDS.items() if name in node]
        return any(type(bound) in (int, float) and is_outside(value, bound) for bound, is_outside in bounds)
    for kind, low, high in _LENGTHS:
        if isinstance(value, kind):
            least, most = node.get(low), node.get(high)
            too_short = isinstance(least, int) and len(value) < least
            if too_short or (isinstance(most, int) and len(value) > most):
                return True
    pattern = node.get("pattern")
    return isinstance(pattern, str) and isinstance(value, str) and _matches(pattern, value) is False


def has(value: object, key: str | int) -> bool:
    """Whether a JSON value has this field, or this item (negative: from the end)."""
    if isinstance(key, str):
        return isinstance(value, dict) and key in value
    return isinstance(value, list) and -len(value) <= key < len(value)


def target(root: Schema, pointer: str) -> Schema:
    """Return what a local `$ref` points to, `UNKNOWN` when that cannot be found."""
    if pointer != "#" and not pointer.startswith("#/"):
        return UNKNOWN
    node: Any = root
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif (
            isinstance(node, list)
            and key.isascii()
            and len(key) <= 9
            and key.isdigit()
            and int(key) < len(node)
        ):
            node = node[int(key)]
        else:
            return UNKNOWN
    return node if isinstance(node, dict | bool) else UNKNOWN


def _with_number(kind: str) -> frozenset[str]:
    return frozenset({kind, "number"}) if kind == "integer" else frozenset({kind})


def _field(node: dict[str, Any], name: str) -> Schema | None:
    if node.get("maxProperties") == 0 or not _may_be_named(node.get("propertyNames", True), name):
        return None
    properties = node.get("properties")
    if isinstance(properties, dict) and name in properties:
        return _as_schema(properties[name])
    patterns = node.get("patternProperties")
    if isinstance(patterns, dict) and patterns:
        verdicts = {pattern: _matches(pattern, name) for pattern in patterns}
        certain = [patterns[pattern] for pattern, verdict in verdicts.items() if verdict]
        if certain:
            return {"allOf": certain}
        if None in verdicts.values():
            return ANYTHING
    return _as_schema(node.get("additionalProperties", ANYTHING))


def _may_be_named(names: object, name: str) -> bool:
    if not isinstance(names, dict):
        return names is not False
    listed = listed_values(names)
    return not is_out_of_bounds(names, name) and (listed is None or name in listed)


def _matches(pattern: str, name: str) -> bool | None:
    """Whether a name fits a pattern; `None` when it would take a full regular expression to know."""
    quantifiers = sum(pattern.count(sign) for sign in "*+?{")
    plain = quantifiers <= _QUANTIFIERS_MAX and _PLAIN_PATTERN.fullmatch(pattern)
    if not plain or len(name) > _NAME_CHARS_MAX or not (name.isascii() and name.isprintable()):
        return None
    anchored = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    try:
        return re.search(anchored, name, re.ASCII) is not None
    except re.error:
        return None


def _item(node: dict[str, Any], index: int) -> Schema | None:
    first, rest = _tuple_of(node)
    length_max = node.get("maxItems", _LENGTH_MAX)
    if not isinstance(length_max, int):
        length_max = _LENGTH_MAX
    if rest is False:
        length_max = min(length_max, len(first))
    length_max = next((n for n, part in enumerate(first[:length_max]) if part is False), length_max)
    if index >= length_max:
        return None
    if index >= 0:
        return first[index] if index < len(first) else rest
    length_min = node.get("minItems", 0)
    start = max(0, length_min + index) if isinstance(length_min, int) else 0
    open_ways = first[start : length_max + index + 1]
    if len(first) - index <= length_max:
        open_ways = [*open_ways, rest]
    return {"anyOf": open_ways} if open_ways else None


def _tuple_of(node: dict[str, Any]) -> tuple[list[Schema], Schema]:
    """Return the schemas of the first items, and the one of all others."""
    items = node.get("items", ANYTHING)
    first = node.get("prefixItems")
    if isinstance(items, list):
        first, items = items, node.get("additionalItems", ANYTHING)
    parts = first if isinstance(first, list) else []
    return [_open(part) for part in parts], _open(items)


def _open(value: object) -> Schema:
    return value if isinstance(value, dict | bool) else ANYTHING


def _as_schema(value: object) -> Schema | None:
    return None if value is False else _open(value)
