"""A small universe of JSON values, and random schemas to hold against all of it."""

from __future__ import annotations

from itertools import product
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from runwright.core import schema as schemas

# Drawing a schema takes its time on a busy machine; that says nothing about the code.
unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SCALARS: list[Any] = [None, True, 1, 1.5, "a"]
NAMES = ("a", "b")
INDICES = (0, 1, -1, -2)


def _grown(inner: list[Any]) -> list[Any]:
    absent = object()
    objects = [
        {name: value for name, value in zip(NAMES, values, strict=True) if value is not absent}
        for values in product([absent, *inner], repeat=len(NAMES))
    ]
    return [*SCALARS, *objects, [], *([one] for one in inner), *map(list, product(inner, repeat=2))]


INNER = [*SCALARS, {}, {"a": 1}, {"b": "a"}, {"a": None, "b": 1.5}, [], [1], ["a", None], [{"a": "a"}]]
# Every value with at most two fields or items, each from a few values of every type.
UNIVERSE = _grown(INNER)

_KINDS = st.sampled_from(sorted(schemas.ANY_TYPE))
_VALUES = st.lists(st.sampled_from(INNER), min_size=1, max_size=3)
_BOUND = st.integers(0, 2)


def _exact_keywords(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Keywords that are answered exactly."""
    return {
        "type": _KINDS | st.lists(_KINDS, min_size=1, max_size=3, unique=True),
        "properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": st.sampled_from(
            [True, False, {"enum": ["a"]}, {"pattern": "^a$"}, {"maxLength": 0}]
        ),
        "maxProperties": _BOUND,
        "items": inner,
        "maxItems": _BOUND,
    }


def _careful_keywords(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Keywords of which only what is certain is used."""
    patterns = st.sampled_from(["^a", "b$", "[ab]", "^x-", ".", "^(a|b)$", "c{2}"])
    return {
        "patternProperties": st.dictionaries(patterns, inner, max_size=2),
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "unevaluatedProperties": st.just(False),
        "minItems": _BOUND,
        "enum": _VALUES,
        "const": st.sampled_from(INNER),
        "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
        "minProperties": _BOUND,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "contains": inner,
        "uniqueItems": st.booleans(),
        "$ref": st.sampled_from(["#", "#/$defs/x", "#/$defs/y", "#/$defs/z/anyOf/0"]),
        "oneOf": st.lists(inner, min_size=1, max_size=2),
    }


def random_schemas(depth: int, *, exact: bool) -> st.SearchStrategy[Any]:
    """Draw schemas; exact ones hold only keywords that are answered exactly."""
    inner = st.booleans() | st.just({}) if depth == 0 else random_schemas(depth - 1, exact=exact)
    keywords = _exact_keywords(inner) | ({} if exact else _careful_keywords(inner))
    some = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    plain = some.flatmap(lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen}))
    parts = st.lists(inner, min_size=1, max_size=3)
    combined = st.fixed_dictionaries({}, optional={"allOf": parts, "anyOf": parts})
    return st.booleans() | st.builds(lambda one, two: {**one, **two}, plain, combined)


paths = st.lists(st.sampled_from([*NAMES, *INDICES]), min_size=1, max_size=2).map(tuple)


def conforming(schema: Any, path: schemas.Path) -> list[tuple[Any, Any]]:
    """Return the values of the universe that fit and have the path, each with what stands at its end."""
    ends = ((value, _end(value, path)) for value in UNIVERSE)
    reached = [(value, end) for value, end in ends if end is not _NOWHERE]
    validator = jsonschema_rs.validator_for(schema)
    return [(value, end) for value, end in reached if validator.is_valid(value)]


def without_references(node: Any) -> Any:
    """Return a schema without `$ref`, so that it can stand inside another one."""
    if isinstance(node, dict):
        return {key: without_references(part) for key, part in node.items() if key != "$ref"}
    return [without_references(part) for part in node] if isinstance(node, list) else node


_NOWHERE = object()


def _end(value: Any, path: schemas.Path) -> Any:
    for key in path:
        named = isinstance(value, dict) and isinstance(key, str) and key in value
        listed = isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
        if not (named or listed):
            return _NOWHERE
        value = value[key]
    return value
