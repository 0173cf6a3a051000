"""The alternatives of a schema: `$ref`, `allOf`, `anyOf` and `oneOf` followed until none is left.

A way is a set of schema objects that all hold at once; a value fits a schema when it fits one of its ways.
However a schema refers to itself, the work for one answer is bounded; past the bound a way is left open, so
that no answer ever rules out too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from runwright.core.schema_node import (
    ANY_TYPE,
    ANYTHING,
    UNKNOWN,
    Schema,
    declared_types,
    mentions,
    own_child,
    target,
)

Way: TypeAlias = tuple[dict[str, Any], ...]

WORK_MAX = 1_000  # schema objects looked at for one answer
_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "unevaluatedProperties"})
_PLAIN_REFERENCE = frozenset({"$ref", "title", "description", "default"})
_OLD_DRAFTS = ("draft-03", "draft-04", "draft-05", "draft-06", "draft-07")
_WAYS_MAX = 64
_NESTING_MAX = 48


def ways_of(root: Schema, node: Schema) -> list[Way]:
    """Return the ways of a node; none when nothing fits it."""
    for _ in range(_NESTING_MAX):
        if not isinstance(node, dict):
            break
        if _COMBINING.isdisjoint(node):
            return [(node,)]
        ref = node.get("$ref")
        if not isinstance(ref, str) or not _PLAIN_REFERENCE.issuperset(node):
            break
        node = target(root, ref)
    return _expanded(root, node, 0, [WORK_MAX])


def common_types(way: Way) -> frozenset[str]:
    """Return the types that all parts of a way allow."""
    if len(way) == 1:
        return declared_types(way[0])
    return ANY_TYPE.intersection(*map(declared_types, way))


def child_of_way(way: Way, key: str | int) -> Schema | None:
    """Return the schema of a field or an item in one way, `None` when the way rules it out."""
    if len(way) == 1 and "unevaluatedProperties" not in way[0]:
        return own_child(way[0], key)
    closed = any(leaf.get("unevaluatedProperties") is False for leaf in way)
    if closed and isinstance(key, str) and not any(mentions(leaf, key) for leaf in way):
        return None
    parts: list[Schema] = []
    for leaf in way:
        own = own_child(leaf, key)
        if own is None:
            return None
        if own is not True and own != ANYTHING:
            parts.append(own)
    if len(parts) <= 1:
        return parts[0] if parts else ANYTHING
    return {"allOf": parts}


def _expanded(root: Schema, node: Schema, nesting: int, work_left: list[int]) -> list[Way]:
    if isinstance(node, bool):
        return [()] if node else []
    work_left[0] -= 1
    if work_left[0] < 0 or nesting > _NESTING_MAX:
        return [(UNKNOWN,)]
    ref = node.get("$ref")
    if isinstance(ref, str) and _is_old_draft(root):
        return _expanded(root, target(root, ref), nesting + 1, work_left)
    found: list[Way] = [(node,)] if declared_types(node) else []
    for alternatives in _combined(root, node):
        ways = [way for part in alternatives for way in _expanded(root, part, nesting + 1, work_left)]
        if len(ways) * len(found) > _WAYS_MAX:
            ways = [(UNKNOWN,)]
        both = [(*one, *other) for one in found for other in ways]
        work_left[0] -= sum(map(len, both))
        if work_left[0] < 0:
            return [(UNKNOWN,)]
        found = [way for way in both if common_types(way)]
    return found


def _combined(root: Schema, node: dict[str, Any]) -> Iterator[list[Schema]]:
    """Yield lists of schemas; of each list at least one must hold."""
    if isinstance(node.get("$ref"), str):
        yield [target(root, node["$ref"])]
    if isinstance(node.get("allOf"), list):
        yield from ([part] for part in node["allOf"])
    for keyword in ("anyOf", "oneOf"):
        if isinstance(node.get(keyword), list):
            yield node[keyword]


def _is_old_draft(root: Schema) -> bool:
    """Whether keywords beside a `$ref` are without effect, as they were up to draft 7."""
    return isinstance(root, dict) and any(draft in str(root.get("$schema", "")) for draft in _OLD_DRAFTS)
