"""What a JSON Schema says about a place inside a value, without validating any value.

Plans hold references whose values do not exist yet. These functions answer, from the schemas alone,
which types such a value may have and whether a path can exist at all. Where a schema leaves something
open the answer is "anything": only what is certainly wrong is reported. So `not` and `if` are read past, and
`oneOf` is read as `anyOf`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, TypeAlias

from runwright.core.schema_node import (
    ANY_TYPE,
    ANYTHING,
    Schema,
    is_out_of_bounds,
    listed_values,
    required_names,
    type_of,
)
from runwright.core.schema_ways import WORK_MAX, Way, child_of_way, common_types, ways_of

__all__ = [
    "ANYTHING",
    "ANY_TYPE",
    "Path",
    "Schema",
    "accepts",
    "at",
    "child",
    "equal",
    "fields",
    "in_words",
    "is_choice",
    "is_conditional",
    "is_expression",
    "listed",
    "may_fit",
    "may_hold",
    "may_stand",
    "requires",
    "type_of",
    "types",
]

Path: TypeAlias = tuple[str | int, ...]

_FIT_NESTING_MAX = 8


def types(root: Schema, node: Schema) -> frozenset[str]:
    """Return the JSON types that a value at this node may have; `integer` stands beside `number`."""
    ways = ways_of(root, node)
    return common_types(ways[0]) if len(ways) == 1 else frozenset[str]().union(*map(common_types, ways))


def child(root: Schema, node: Schema, key: str | int) -> Schema | None:
    """Return the schema of a field or an item, `None` when the schema rules it out.

    key   a field's name, or an item's index (negative: from the end)
    """
    kind = "object" if isinstance(key, str) else "array"
    inner: list[Schema] = []
    for way in ways_of(root, node):
        joined = child_of_way(way, key) if kind in common_types(way) else None
        if joined is not None and types(root, joined):
            inner.append(joined)
    if len(inner) <= 1:
        return inner[0] if inner else None
    return ANYTHING if any(part in (True, ANYTHING) for part in inner) else {"anyOf": inner}


def at(root: Schema, path: Path) -> Schema | None:
    """Return the schema of the place at the end of a path from the root, `None` when it is ruled out."""
    node: Schema | None = root
    for key in path:
        if node is None:
            return None
        node = child(root, node, key)
    return node


def fields(root: Schema, node: Schema) -> list[str]:
    """Return the names of the fields that the schema lists for an object here, in its order."""
    known = (leaf.get("properties") for way in ways_of(root, node) for leaf in way)
    return list(dict.fromkeys(name for names in known if isinstance(names, dict) for name in names))


def listed(root: Schema, node: Schema) -> list[Any] | None:
    """Return the values that `enum` or `const` leave here, `None` where others are allowed too."""
    found: list[Any] = []
    for way in ways_of(root, node):
        values = next((v for v in map(listed_values, way) if v is not None), None)
        if values is None:
            return None
        found += values
    return found


def requires(root: Schema, node: Schema, name: str) -> bool:
    """Whether an object at this node must have this field, whatever its other fields hold."""
    return name in _required(root, node)


def is_expression(root: Schema, node: Schema) -> bool:
    """Whether text at this node is an arithmetic expression (`"format": "expression"`)."""
    return any(leaf.get("format") == "expression" for way in ways_of(root, node) for leaf in way)


def is_conditional(root: Schema) -> bool:
    """Whether what one field must be can depend on what another one holds (`if` with `then` or `else`)."""
    waiting: list[object] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "if" in node and ("then" in node or "else" in node):
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


def in_words(kinds: frozenset[str]) -> str:
    """Return types as a message names them, such as `number or string`."""
    shown = kinds - {"integer"} if "number" in kinds else kinds
    return " or ".join(sorted(shown)) or "nothing"


def accepts(wanted: frozenset[str], given: str) -> bool:
    """Whether a value of type `given` may stand where `wanted` are allowed."""
    return given in wanted or (given == "integer" and "number" in wanted)


def may_stand(given_root: Schema, given: Schema, wanted_root: Schema, wanted: Schema) -> bool:
    """Whether any value that one schema allows may be passed on, whole, to a place of another.

    There a number or a boolean becomes text where text is wanted and it is not.
    """
    kinds, wanted_kinds = types(given_root, given), types(wanted_root, wanted)
    if "string" in wanted_kinds and not kinds.isdisjoint({"boolean", "integer", "number"}):
        return True
    return may_fit(given_root, given, wanted_root, wanted)


def may_fit(given_root: Schema, given: Schema, wanted_root: Schema, wanted: Schema, nesting: int = 0) -> bool:
    """Whether any object that one schema allows may also fit another, by its fields and their types."""
    common = types(given_root, given) & types(wanted_root, wanted)
    if common != {"object"} or nesting > _FIT_NESTING_MAX:
        return bool(common)
    for name in _required(given_root, given) | _required(wanted_root, wanted):
        here, there = child(given_root, given, name), child(wanted_root, wanted, name)
        if here is None or there is None or not may_fit(given_root, here, wanted_root, there, nesting + 1):
            return False
    return True


def is_choice(root: Schema, node: Schema, kind: str) -> bool:
    """Whether a value of this type can be meant in more than one way."""
    return sum(kind in common_types(way) for way in ways_of(root, node)) > 1


def may_hold(root: Schema, node: Schema, value: Any, open_places: Container[Path], path: Path) -> bool:
    """Whether a value may fit, when the values at some of its places are not known yet.

    path          of this value
    open_places   paths of the unknown values, from the same start
    """
    return _may_hold(root, node, value, path, open_places, [WORK_MAX])


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: numbers by value, at any depth, and true is not 1."""
    waiting = [(left, right)]
    while waiting:
        a, b = waiting.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            waiting.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            waiting.extend(zip(a, b, strict=True))
        elif isinstance(a, bool) is not isinstance(b, bool) or a != b:
            return False
    return True


def _required(root: Schema, node: Schema) -> frozenset[str]:
    ways = [frozenset[str]().union(*(required_names(leaf) for leaf in way)) for way in ways_of(root, node)]
    return frozenset.intersection(*ways) if ways else frozenset()


def _may_hold(
    root: Schema, node: Schema, value: Any, path: Path, open_places: Container[Path], work_left: list[int]
) -> bool:
    work_left[0] -= 1
    if path in open_places or work_left[0] < 0:
        return True
    for way in ways_of(root, node):
        if not _may_be(way, value):
            continue
        parts = ((key, part, child_of_way(way, key)) for key, part in _inner_values(value))
        if all(
            known is not None and _may_hold(root, known, part, (*path, key), open_places, work_left)
            for key, part, known in parts
        ):
            return True
    return False


def _inner_values(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _may_be(way: Way, value: Any) -> bool:
    """Whether a value fits one way, apart from what it holds."""
    if not accepts(common_types(way), type_of(value)) or any(is_out_of_bounds(leaf, value) for leaf in way):
        return False
    if isinstance(value, dict):
        return all(name in value for leaf in way for name in required_names(leaf))
    choices = (listed_values(leaf) for leaf in way if not isinstance(value, list))
    return all(values is None or any(equal(value, one) for one in values) for values in choices)
