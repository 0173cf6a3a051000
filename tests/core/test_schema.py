"""What schemas say about places, held against every value of a small universe."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_universe import NAMES, UNIVERSE, conforming, paths, random_schemas, unhurried, without_references

from runwright.core import schema as schemas


@unhurried
@given(random_schemas(2, exact=False), random_schemas(1, exact=False), paths)
def test_a_place_that_some_value_has_is_never_ruled_out(schema: Any, other: Any, path: schemas.Path) -> None:
    """Whatever the schema, a path and a type that a conforming value has are held possible."""
    if isinstance(schema, dict):
        schema = {**schema, "$defs": {"x": other, "y": {"$ref": "#/$defs/x"}, "z": {"anyOf": [other]}}}
    found = [end for _, end in conforming(schema, path)]
    node = schemas.at(schema, path)

    if found:
        assert node is not None
        kinds = schemas.types(schema, node)
        assert all(schemas.accepts(kinds, schemas.type_of(value)) for value in found)


@unhurried
@given(random_schemas(1, exact=True), paths)
def test_a_place_that_no_value_has_is_ruled_out(schema: Any, path: schemas.Path) -> None:
    """With types, fields, items and alternatives alone, the answer is exact."""
    node = schemas.at(schema, path)

    assert (node is not None) is bool(conforming(schema, path))


@unhurried
@given(st.data(), random_schemas(1, exact=False), random_schemas(1, exact=False))
def test_a_value_that_fits_both_ends_may_stand_and_may_fit(
    data: st.DataObject, given_: Any, wanted: Any
) -> None:
    """No schema pair is called incompatible while one value of the universe conforms to both."""
    given_, wanted = without_references(given_), without_references(wanted)
    one, other = jsonschema_rs.validator_for(given_), jsonschema_rs.validator_for(wanted)
    shared = [value for value in UNIVERSE if one.is_valid(value) and other.is_valid(value)]

    if shared:
        assert schemas.may_fit(given_, given_, wanted, wanted)
        assert schemas.may_stand(given_, given_, wanted, wanted)
        assert schemas.may_hold(wanted, wanted, data.draw(st.sampled_from(shared)), set(), ())


@unhurried
@given(random_schemas(2, exact=False), st.sampled_from(UNIVERSE), st.data())
def test_a_conforming_value_may_hold_whatever_is_hidden_of_it(
    schema: Any, value: Any, data: st.DataObject
) -> None:
    """Replacing parts of a conforming value by unknowns never makes it impossible."""
    schema = without_references(schema)
    hidden = set(data.draw(st.lists(st.sampled_from([("a",), ("b",), (0,), (1,), ("a", "b")]), max_size=3)))

    if jsonschema_rs.is_valid(schema, value):
        assert schemas.may_hold(schema, schema, value, hidden, ())


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, -0.0, 0.5, 2.0**60])
    | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None)
@given(_json, _json)
def test_equality_is_that_of_json_schema(one: Any, other: Any) -> None:
    """Two values are equal exactly when a `const` of one allows the other, and each equals itself."""
    assert schemas.equal(one, other) is jsonschema_rs.is_valid({"const": one}, other)
    assert schemas.equal(one, one)
