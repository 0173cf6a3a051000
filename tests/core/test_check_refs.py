"""References against the schemas of the tools on both ends."""

from __future__ import annotations

from typing import Any

import pytest
from check_toolbox import Tools, contract, step
from hypothesis import given
from hypothesis import strategies as st
from schema_universe import conforming, paths, random_schemas, unhurried, without_references

from runwright.core import refs
from runwright.core.check import check
from runwright.core.plan import Problem
from runwright.core.policy import Limits

OUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "todos": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}},
        "total": {"type": "number"},
        "ok": {"type": "boolean"},
        "name": {"type": "string"},
        "none": {"type": "null"},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "Exchange Rate": {"type": "number"},
        "open": {},
        "closed": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}},
    },
    "additionalProperties": False,
}
IN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "flag": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "string"}},
        "object": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "strict": {"type": "object", "properties": {"b": {}}, "required": ["b"]},
        "optional": {"type": ["string", "null"]},
        "any": {},
    },
}
TOOLS = Tools(
    [contract("source", output=OUT), contract("sink", IN), contract("number", output={"type": "number"})]
)


def found_in(
    tool_input: dict[str, Any], when: dict[str, Any] | None = None, source: str = "source"
) -> list[Problem]:
    """Return the problems of a step behind one of the given tool."""
    return list(check([step(1, source), step(2, "sink", tool_input, when=when)], TOOLS, Limits()))


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        (".todo", "(source) has no field `todo`", "did you mean todos? fields: todos, total,"),
        (".todos.0", "(source).todos is of type array, so it has no .0", "write [0] for an item of a list"),
        (".todos.id", "(source).todos is of type array, so it has no .id", "write {step_1_output.todos}"),
        (".todos[0].id.x", "is of type integer, so it has no .x", "write {step_1_output.todos[0].id}"),
        ("[0]", "is of type object, so it has no [0]", "write {step_1_output}"),
        (".pair[2]", "(source).pair has no item [2]", "refer to an item that the list can have"),
        (".pair[-3]", "(source).pair has no item [-3]", "refer to an item that the list can have"),
        (".name.length", "is of type string, so it has no .length", "write {step_1_output.name}"),
        (".closed.b", "(source).closed has no field `b`", "fields: a"),
        ('["exchange rate"]', "has no field `exchange rate`", "did you mean Exchange Rate?"),
    ],
)
def test_a_path_that_no_output_can_have_is_refused(path: str, message: str, hint: str) -> None:
    """The message says how far the path leads, the hint where to go; in inputs and in conditions."""
    ref = f"{{step_1_output{path}}}"
    in_input = found_in({"any": [f"see {ref}"]})
    in_condition = found_in({}, {"not": {"left": ref, "op": "exists"}})

    assert [(one.code, one.pointer) for one in in_input] == [("no_such_field", "/steps/1/tool_input/any/0")]
    assert [(one.code, one.pointer) for one in in_condition] == [("no_such_field", "/steps/1/when/not/left")]
    assert message in in_input[0].message
    assert in_input[0].hint is not None
    assert hint in in_input[0].hint


def test_a_field_of_a_plain_number_points_back_to_the_number() -> None:
    """The commonest slip of a model, `.result`, is answered with the spelling that works."""
    (problem,) = found_in({"any": "{step_1_output.result}"}, source="number")

    assert problem.hint == "write {step_1_output}"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".todos[0].id",
        ".todos[-9].more.and.more",
        ".pair[1]",
        ".pair[-2]",
        ".maybe",
        ".open.a[0].b",
        '["Exchange Rate"]',
        ".closed.a",
    ],
)
def test_a_path_that_some_output_may_have_passes(path: str) -> None:
    """Open objects, lists of any length and places without a schema leave the answer to the run."""
    problems = found_in({"any": f"{{step_1_output{path}}}"})

    assert problems == []


@pytest.mark.parametrize(
    ("field", "path", "fits"),
    [
        ("text", ".name", True),
        ("text", ".total", True),
        ("text", ".ok", True),
        ("text", ".maybe", True),
        ("text", ".todos", False),
        ("text", "", False),
        ("text", ".none", False),
        ("optional", ".none", True),
        ("count", ".total", True),
        ("count", ".name", False),
        ("count", ".ok", False),
        ("share", ".todos[0].id", True),
        ("flag", ".ok", True),
        ("flag", ".total", False),
        ("list", ".todos", True),
        ("list", ".pair", True),
        ("list", ".name", False),
        ("object", "", True),
        ("object", ".closed", True),
        ("object", ".todos", False),
        ("strict", ".closed", False),
        ("strict", "", False),
        ("strict", ".open", True),
        ("any", "", True),
    ],
)
def test_a_whole_reference_must_be_able_to_stand_in_its_place(field: str, path: str, fits: bool) -> None:
    """Refused is only what no value could satisfy; numbers and booleans become text."""
    problems = found_in({field: f"{{step_1_output{path}}}"})

    assert [(one.code, one.pointer) for one in problems] == (
        [] if fits else [("wrong_type", f"/steps/1/tool_input/{field}")]
    )


@pytest.mark.parametrize(
    ("field", "fits"), [("text", True), ("optional", True), ("any", True), ("count", False), ("list", False)]
)
def test_a_reference_inside_text_makes_text(field: str, fits: bool) -> None:
    """Whatever the value is, the whole is a string."""
    problems = found_in({field: "{step_1_output.total} "})

    assert [one.code for one in problems] == ([] if fits else ["wrong_type"])


def test_types_are_named_and_a_part_is_offered() -> None:
    """The line says what comes, what is wanted, and which part may be meant."""
    said = [found_in({"text": f"{{step_1_output{path}}}"})[0] for path in (".todos", ".closed", ".none")]

    assert said[0].message == "{step_1_output.todos} is of type array, but sink wants string for `text`"
    assert [one.hint for one in said] == [
        "refer to one item: {step_1_output.todos[0]}",
        "refer to one of its fields: a",
        "it takes string",
    ]


def test_the_names_of_fields_are_no_references() -> None:
    """A reference stands in a value, never in a key."""
    problems = found_in({"any": {"{step_9_output.x}": 1, "{step_1_output": 2}})

    assert problems == []


@pytest.mark.parametrize(
    ("left", "op", "right", "code"),
    [
        (".total", "gt", 3, None),
        (".total", "gt", "3", "wrong_type"),
        (".name", "lt", ".maybe", None),
        (".name", "lt", ".total", "wrong_type"),
        (".todos", "ge", 1, "wrong_type"),
        (".ok", "eq", 1, None),
        (".open", "lt", 1, None),
        (3, "in", ".todos", None),
        (3, "in", ".total", "wrong_type"),
        (3, "in", ".name", "wrong_type"),
        ("a", "in", ".name", None),
        ("a", "in", ".closed", None),
        ([1], "lt", 1, "bad_condition"),
        (".nothing", "lt", 1, "no_such_field"),
    ],
)
def test_a_comparison_that_can_never_be_decided_is_refused(
    left: Any, op: str, right: Any, code: str | None
) -> None:
    """By the types that the referenced outputs can have."""
    left, right = (
        f"{{step_1_output{side}}}" if isinstance(side, str) and side.startswith(".") else side
        for side in (left, right)
    )
    problems = found_in({}, {"all": [{"left": left, "op": op, "right": right}]})

    assert [one.code for one in problems] == ([] if code is None else [code])


def _plan_text(path: tuple[str | int, ...]) -> str:
    return "{step_1_output" + "".join(map(refs.written, path)) + "}"


@unhurried
@given(random_schemas(2, exact=False), paths, st.sampled_from(sorted(IN["properties"])), st.booleans())
def test_what_some_output_makes_work_is_never_refused(
    output: Any, path: tuple[str | int, ...], field: str, inside_text: bool
) -> None:
    """If one conforming output lets the step run with this reference, the plan passes the check."""
    output = without_references(output)
    text = _plan_text(path) + (" " if inside_text else "")
    tools = Tools([contract("source", output=output), contract("sink", IN)])
    problems = check([step(1, "source"), step(2, "sink", {field: text})], tools, Limits())
    sink = tools.find("sink", None)
    assert sink is not None
    rendered = (refs.render({field: text}, IN, {1: value}) for value, _ in conforming(output, path))

    if any(not sink.input_faults(tool_input) for tool_input in rendered):
        assert problems == ()


@unhurried
@given(
    random_schemas(1, exact=True),
    paths.map(lambda path: path[:1]),
    st.sampled_from(["text", "count", "flag", "list", "object", "any"]),
)
def test_what_no_output_makes_work_is_refused(output: Any, path: tuple[str | int, ...], field: str) -> None:
    """The promise: a plan that passes never fails by a reference that could have been known to be wrong."""
    tools = Tools([contract("source", output=output), contract("sink", IN)])
    text = _plan_text(path)
    problems = check([step(1, "source"), step(2, "sink", {field: text})], tools, Limits())
    sink = tools.find("sink", None)
    assert sink is not None
    rendered = (refs.render({field: text}, IN, {1: value}) for value, _ in conforming(output, path))

    if not problems:
        assert any(not sink.input_faults(tool_input) for tool_input in rendered)
