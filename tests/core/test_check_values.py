"""Inputs against the schema of their tool, with and without references beside them."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from check_toolbox import Tools, contract, step
from hypothesis import given
from hypothesis import strategies as st
from schema_universe import INNER, UNIVERSE, random_schemas, unhurried, without_references

from runwright.core import refs
from runwright.core.check import check
from runwright.core.plan import Problem
from runwright.core.policy import Limits

MAIL = {
    "type": "object",
    "properties": {
        "to": {"type": "string", "description": "Address.\nOf one person."},
        "cc": {"type": "array", "items": {"type": "string"}},
        "priority": {"enum": ["low", "high"]},
        "body": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        "size": {"type": "integer", "minimum": 1},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "code": {"type": "string", "maxLength": 6, "enum": ["{step_", "{step_x"]},
    },
    "required": ["to"],
    "additionalProperties": False,
}
R = "{step_1_output}"


def found_in(
    schema: dict[str, Any], tool_input: dict[str, Any], output: dict[str, Any] | None = None
) -> list[Problem]:
    """Return the problems of a step behind one that gives `output`."""
    tools = Tools([contract("source", output=output), contract("sink", schema)])
    return list(check([step(1, "source"), step(2, "sink", tool_input)], tools, Limits()))


def places(problems: list[Problem]) -> list[tuple[str, str]]:
    """Return code and pointer inside the input of each problem."""
    return [(one.code, one.pointer.removeprefix("/steps/1/tool_input")) for one in problems]


@pytest.mark.parametrize(
    ("tool_input", "expected"),
    [
        ({"to": "a", "cc": ["b"], "priority": "low", "body": {"text": ""}, "size": 1, "note": None}, []),
        ({}, [("missing_input", "/to")]),
        ({"to": R}, []),
        ({"to": R, "cc": [R, R], "body": {"text": f"x {R}"}, "size": R, "priority": R, "note": R}, []),
        ({"to": 5}, [("wrong_type", "/to")]),
        ({"to": "a", "too": 1, "size": R}, [("unexpected_input", "/too")]),
        ({"to": "a", "too": R}, [("unexpected_input", "/too")]),
        ({"to": "a", "too": [{"x": f"a {R}"}]}, [("unexpected_input", "/too")]),
        ({"cc": [R]}, [("missing_input", "/to")]),
        ({"to": "a", "cc": [R, 5]}, [("wrong_type", "/cc/1")]),
        ({"to": "a", "cc": R}, []),
        ({"to": "a", "cc": f"{R},{R}"}, [("wrong_type", "/cc")]),
        ({"to": "a", "cc": {"x": R}}, [("wrong_type", "/cc")]),
        ({"to": "a", "body": {"txt": R}}, [("missing_input", "/body/text")]),
        ({"to": "a", "body": [R]}, [("wrong_type", "/body")]),
        ({"to": "a", "priority": "urgent"}, [("invalid_value", "/priority")]),
        ({"to": "a", "priority": 3}, [("wrong_type", "/priority")]),
        ({"to": "a", "size": 0}, [("invalid_value", "/size")]),
        ({"to": "a", "size": 1.0}, []),
        ({"to": "a", "size": 1.5}, [("wrong_type", "/size")]),
        ({"to": "a", "size": "{{step_"}, [("wrong_type", "/size")]),
        ({"to": "{{step_1_output}"}, []),
        ({"to": "a", "code": "{{step_"}, []),
        ({"to": "a", "code": "{{step_x"}, [("invalid_value", "/code")]),
        ({"to": "a", "code": 5}, [("wrong_type", "/code")]),
        ({"to": "a", "note": 5}, [("wrong_type", "/note")]),
        ({"to": "a", "size": f"{R}0"}, [("wrong_type", "/size")]),
        ({"to": "{step_1_output", "too": 1}, [("invalid_value", "/to"), ("unexpected_input", "/too")]),
    ],
)
def test_an_input_is_held_against_its_schema(
    tool_input: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Known values are judged, unknown ones are not, and neither hides the other."""
    problems = found_in(MAIL, tool_input)

    assert places(problems) == expected


def test_messages_and_hints_name_place_type_and_choices() -> None:
    """A person, or a model that repairs its plan, finds everything needed in the line."""
    tool_input = {"to": 5, "cc": ["a", 6], "priority": "urgent", "bodi": {}, "size": 0}
    said = {
        one.pointer.rsplit("input/")[-1]: f"{one.message} · {one.hint}" for one in found_in(MAIL, tool_input)
    }
    missing = found_in(MAIL, {})[0]

    assert said["to"] == "`to` is of type integer, but sink wants string · give string: Address."
    assert said["cc/1"] == "`cc[1]` is of type integer, but sink wants string · give string"
    assert said["priority"].endswith('give one of "low", "high"')
    assert said["bodi"].startswith("sink takes no `bodi` · did you mean body? fields: to, cc,")
    assert said["size"].endswith("give integer")
    assert (missing.message, missing.hint) == ("sink needs `to`", "add it: string: Address.")


NUMBERS = {"type": "object", "properties": {"a": {}, "b": {}}}


@pytest.mark.parametrize(
    ("schema", "tool_input", "expected"),
    [
        ({"minProperties": 2}, {"a": R}, [("invalid_value", "")]),
        ({"maxProperties": 1}, {"a": R, "b": 1}, [("invalid_value", "")]),
        ({"propertyNames": {"maxLength": 1}}, {"a": R, "bb": 1}, [("unexpected_input", "/bb")]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": R}, [("missing_input", "/b")]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": R}, [("missing_input", "/b")]),
        ({"properties": {"a": False}}, {"a": R}, [("unexpected_input", "/a")]),
        ({"properties": {"a": False}}, {"a": 1, "b": R}, [("unexpected_input", "/a")]),
        (
            {"additionalProperties": False},
            {"a": R, "b": 1},
            [("unexpected_input", "/a"), ("unexpected_input", "/b")],
        ),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"a": {}}}]}, {"a": R}, []),
        (
            {"unevaluatedProperties": False, "allOf": [{"properties": {"a": {"type": "string"}}}]},
            {"a": R, "b": 1},
            [("unexpected_input", "/b")],
        ),
        ({"properties": {"a": {"items": {}, "minItems": 2}}}, {"a": [R]}, [("invalid_value", "/a")]),
        (
            {"properties": {"a": {"maxItems": 1}}},
            {"a": [R, 1]},
            [("invalid_value", "/a")],
        ),
        (
            {"properties": {"a": {"prefixItems": [{}], "items": False}}},
            {"a": [1, R]},
            [("unexpected_input", "/a/1")],
        ),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [R, None]}, []),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, 1]}, [("invalid_value", "/a")]),
        ({"properties": {"a": {"contains": {"const": 7}}}}, {"a": [R]}, []),
        ({"properties": {"a": {"contains": {"const": 7}}}}, {"a": [1]}, [("invalid_value", "/a")]),
        ({"enum": [{"a": 1}]}, {"a": R}, []),
        ({"const": {"a": 1}}, {"b": R}, [("invalid_value", ""), ("unexpected_input", "/b")]),
        ({"not": {"properties": {"a": {"type": "null"}}}}, {"a": R}, []),
        ({"not": {"required": ["a"]}}, {"a": 1}, [("invalid_value", "")]),
        ({"properties": {"a": {"enum": [1, 2]}}}, {"a": R}, []),
        ({"properties": {"a": {"type": "string", "pattern": "^x"}}}, {"a": f"y{R}"}, []),
    ],
)
def test_each_keyword_is_used_as_far_as_it_is_certain(
    schema: dict[str, Any], tool_input: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Keywords over names and numbers of fields stand beside references; keywords over values do not."""
    problems = found_in({"type": "object", **schema}, tool_input)

    assert places(problems) == expected


ACTIONS = {
    "type": "object",
    "oneOf": [
        {"properties": {"do": {"const": "add"}, "text": {"type": "string"}}, "required": ["do", "text"]},
        {"properties": {"do": {"const": "drop"}, "id": {"type": "integer"}}, "required": ["do", "id"]},
    ],
}


@pytest.mark.parametrize(
    ("tool_input", "expected"),
    [
        ({"do": "add", "text": R}, []),
        ({"do": "drop", "id": R}, []),
        ({"do": R, "id": 1}, []),
        ({"do": R, "id": R, "text": R}, []),
        ({"do": "add", "id": R}, [("invalid_value", "")]),
        ({"do": "lose", "id": R}, [("invalid_value", "")]),
        ({"do": R, "id": "x"}, [("invalid_value", "")]),
        ({"do": "drop", "id": "x"}, [("invalid_value", "")]),
    ],
)
def test_alternatives_are_refused_only_when_no_value_could_make_one_fit(
    tool_input: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A tool with several actions is judged by the fields that are there and the values that are known."""
    problems = found_in(ACTIONS, tool_input)

    assert places(problems) == expected


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"anyOf": [{"enum": [{"a": 1}]}, {"required": ["b"]}]}, {"a": R}, []),
        ({"anyOf": [{"const": {"a": 1}}, {"required": ["b"]}]}, {"a": R}, []),
        (
            {"oneOf": [{"enum": [{"a": 1, "c": 0}]}, {"properties": {"c": {"minimum": 5}}}]},
            {"a": R, "c": 0},
            [],
        ),
        ({"anyOf": [{"enum": [{"a": 1}]}, {"required": ["b"]}]}, {"c": R}, [("missing_input", "/in/b")]),
        ({"anyOf": [MAIL, {"type": "null"}]}, {"to": R, "size": 0}, [("invalid_value", "/in/size")]),
        ({"anyOf": [MAIL, {"type": "null"}]}, {"cc": [R]}, [("missing_input", "/in/to")]),
        ({"anyOf": [MAIL, {"type": "string"}]}, {"to": R, "size": "x"}, [("wrong_type", "/in/size")]),
        ({"anyOf": [MAIL, {"type": "string"}]}, [R], [("wrong_type", "/in")]),
        (
            {**MAIL, "anyOf": [{"required": ["cc"]}, {"required": ["note"]}]},
            {"to": R, "cc": [], "size": 1},
            [],
        ),
        (
            {**MAIL, "anyOf": [{"required": ["cc"]}, {"required": ["note"]}]},
            {"to": R, "cc": [], "size": 0},
            [("invalid_value", "/in/size")],
        ),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"c": R}, [("invalid_value", "/in")]),
    ],
)
def test_which_alternative_was_meant_is_not_guessed_from_a_null(
    schema: dict[str, Any], value: Any, expected: list[tuple[str, str]]
) -> None:
    """A fault inside one alternative counts where no other one could hold once the references have values."""
    problems = found_in({"properties": {"in": schema}}, {"in": value})

    assert places(problems) == expected


CONDITIONAL = {
    "type": "object",
    "properties": {"a": {}, "b": {"type": "integer"}, "c": {"required": ["d"]}, "off": False},
    "required": ["z"],
    "additionalProperties": {},
    "if": {"properties": {"a": {"const": 1}}},
    "then": {"required": ["x"]},
    "else": {"required": ["y"], "properties": {"b": {"minimum": 5}}},
}


@pytest.mark.parametrize(
    ("tool_input", "expected"),
    [
        ({"z": 0, "a": R, "b": 1}, []),
        ({"z": 0, "a": 1, "b": 1}, [("missing_input", "/x")]),
        ({"z": 0, "a": 2, "b": 1}, [("invalid_value", "/b"), ("missing_input", "/y")]),
        (
            {"a": R, "b": "x", "c": {}},
            [("wrong_type", "/b"), ("missing_input", "/c/d"), ("missing_input", "/z")],
        ),
    ],
)
def test_what_a_condition_in_the_schema_asks_for_waits_for_the_value(
    tool_input: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """With a reference anywhere, only what the schema says unconditionally is reported."""
    problems = found_in(CONDITIONAL, tool_input)

    assert sorted(places(problems)) == sorted(expected)


@unhurried
@given(random_schemas(2, exact=False), st.sampled_from(UNIVERSE), st.data())
def test_an_input_that_some_values_complete_is_never_refused(
    schema: Any, value: Any, data: st.DataObject
) -> None:
    """Take an input that fits, hide parts of it behind references: the check has nothing to say."""
    schema = {"properties": {"in": without_references(schema)}, "required": ["in"]}
    path = data.draw(st.sampled_from([(), ("a",), ("b",), (0,), (1,), ("a", "b"), ("a", 0)]))
    tool_input = {"in": _hidden(refs_escaped(value), path)}

    if jsonschema_rs.is_valid(schema, {"in": value}):
        assert found_in(schema, tool_input) == []


@unhurried
@given(random_schemas(2, exact=False), st.sampled_from([*INNER, *UNIVERSE]))
def test_an_input_without_references_is_refused_exactly_when_it_does_not_fit(schema: Any, value: Any) -> None:
    """No fault of a known value is ever dropped; the run does not look at such an input again."""
    schema = {"properties": {"in": without_references(schema)}}
    problems = found_in(schema, {"in": value})

    assert bool(problems) is not jsonschema_rs.is_valid(schema, {"in": value})
    assert {one.code for one in problems} <= {
        "wrong_type",
        "invalid_value",
        "missing_input",
        "unexpected_input",
    }


def refs_escaped(value: Any) -> Any:
    """Return a value whose texts are escaped for a plan."""
    return refs.escaped(value) if isinstance(value, str) else value


def _hidden(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value with a reference at the path, as far as the path leads."""
    if not path:
        return R
    key = path[0]
    if isinstance(value, dict) and key in value:
        return {**value, key: _hidden(value[key], path[1:])}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [*value[:key], _hidden(value[key], path[1:]), *value[key + 1 :]]
    return value
