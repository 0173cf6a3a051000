"""What schemas say about places, held against every value of a small universe."""

from __future__ import annotations

from itertools import product
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import schema as schemas

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


def _schemas(depth: int, *, exact: bool) -> st.SearchStrategy[Any]:
    inner = st.booleans() | st.just({}) if depth == 0 else _schemas(depth - 1, exact=exact)
    keywords = _exact_keywords(inner) | ({} if exact else _careful_keywords(inner))
    some = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    plain = some.flatmap(lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen}))
    parts = st.lists(inner, min_size=1, max_size=3)
    combined = st.fixed_dictionaries({}, optional={"allOf": parts, "anyOf": parts})
    return st.booleans() | st.builds(lambda one, two: {**one, **two}, plain, combined)


paths = st.lists(st.sampled_from([*NAMES, *INDICES]), min_size=1, max_size=2).map(tuple)


def _values_at(schema: Any, path: schemas.Path) -> list[Any]:
    """The values that stand at the path in conforming values of the universe."""
    ends = ((value, _end(value, path)) for value in UNIVERSE)
    reached = [(value, end) for value, end in ends if end is not _NOWHERE]
    validator = jsonschema_rs.validator_for(schema)
    return [end for value, end in reached if validator.is_valid(value)]


_NOWHERE = object()


def _end(value: Any, path: schemas.Path) -> Any:
    for key in path:
        named = isinstance(value, dict) and isinstance(key, str) and key in value
        listed = isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
        if not (named or listed):
            return _NOWHERE
        value = value[key]
    return value


@settings(max_examples=150, deadline=None)
@given(_schemas(2, exact=False), _schemas(1, exact=False), paths)
def test_a_place_that_some_value_has_is_never_ruled_out(schema: Any, other: Any, path: schemas.Path) -> None:
    """Whatever the schema, a path and a type that a conforming value has are held possible."""
    if isinstance(schema, dict):
        schema = {**schema, "$defs": {"x": other, "y": {"$ref": "#/$defs/x"}, "z": {"anyOf": [other]}}}
    found = _values_at(schema, path)
    node = schemas.at(schema, path)

    if found:
        assert node is not None
        kinds = schemas.types(schema, node)
        assert all(schemas.accepts(kinds, schemas.type_of(value)) for value in found)


@settings(max_examples=150, deadline=None)
@given(_schemas(1, exact=True), paths)
def test_a_place_that_no_value_has_is_ruled_out(schema: Any, path: schemas.Path) -> None:
    """With types, fields, items and alternatives alone, the answer is exact."""
    node = schemas.at(schema, path)

    assert (node is not None) is bool(_values_at(schema, path))


@settings(max_examples=100, deadline=None)
@given(st.data(), _schemas(1, exact=False), _schemas(1, exact=False))
def test_a_value_that_fits_both_ends_may_stand_and_may_fit(
    data: st.DataObject, given_: Any, wanted: Any
) -> None:
    """No schema pair is called incompatible while one value of the universe conforms to both."""
    given_, wanted = _without_references(given_), _without_references(wanted)
    one, other = jsonschema_rs.validator_for(given_), jsonschema_rs.validator_for(wanted)
    shared = [value for value in UNIVERSE if one.is_valid(value) and other.is_valid(value)]

    if shared:
        assert schemas.may_fit(given_, given_, wanted, wanted)
        assert schemas.may_stand(given_, given_, wanted, wanted)
        assert schemas.may_hold(wanted, wanted, data.draw(st.sampled_from(shared)), set(), ())


@settings(max_examples=100, deadline=None)
@given(_schemas(2, exact=False), st.sampled_from(UNIVERSE), st.data())
def test_a_conforming_value_may_hold_whatever_is_hidden_of_it(
    schema: Any, value: Any, data: st.DataObject
) -> None:
    """Replacing parts of a conforming value by unknowns never makes it impossible."""
    schema = _without_references(schema)
    hidden = set(data.draw(st.lists(st.sampled_from([("a",), ("b",), (0,), (1,), ("a", "b")]), max_size=3)))

    if jsonschema_rs.is_valid(schema, value):
        assert schemas.may_hold(schema, schema, value, hidden, ())


def _without_references(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_references(part) for key, part in node.items() if key != "$ref"}
    return [_without_references(part) for part in node] if isinstance(node, list) else node


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, -0.0, 0.5, 2.0**60])
    | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=6,
)


@given(_json, _json)
def test_equality_is_that_of_json_schema(one: Any, other: Any) -> None:
    """Two values are equal exactly when a `const` of one allows the other, and each equals itself."""
    assert schemas.equal(one, other) is jsonschema_rs.is_valid({"const": one}, other)
    assert schemas.equal(one, one)
