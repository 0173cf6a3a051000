"""The plan check as a whole: every defect at once, in order, with a place, a line and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from check_toolbox import Tools, contract, step

from runwright.core.check import PROBLEMS_MAX, check
from runwright.core.plan import Problem, Step
from runwright.core.policy import Limits

LIMITS = Limits()
ADD_IN = {
    "type": "object",
    "properties": {"text": {"type": "string", "description": "What is to be done."}},
    "required": ["text"],
    "additionalProperties": False,
}
TODO = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id"],
}
ADD_OUT = {
    "type": "object",
    "properties": {"todo": TODO},
    "required": ["todo"],
    "additionalProperties": False,
}
CALC_IN = {
    "type": "object",
    "properties": {"expression": {"type": "string", "format": "expression"}},
    "required": ["expression"],
}
TOOLS = Tools(
    [
        contract("calculator", CALC_IN, {"type": "number"}),
        contract("todo_add", ADD_IN, ADD_OUT, version="1.0.0"),
        contract("todo_add", ADD_IN, ADD_OUT, version="1.1.0"),
        contract("anything"),
    ]
)


def found_in(*steps: Step, limits: Limits = LIMITS) -> tuple[Problem, ...]:
    """Return the problems of these steps."""
    return check(steps, TOOLS, limits)


def places(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """Return code and pointer of each problem."""
    return [(problem.code, problem.pointer) for problem in problems]


def test_a_sound_plan_has_no_problem() -> None:
    """References forward and back, conditions, versions and both kinds of dependency pass."""
    problems = found_in(
        step(2, "todo_add", {"text": "it is {step_1_output}"}, tool_version="1.0.0", depends_on=(1, 1)),
        step(1, "calculator", {"expression": "{step_3_output} + 1"}),
        step(3, "calculator", {"expression": "1"}),
        step(
            4,
            "anything",
            {"x": ["{step_2_output.todo.text}"]},
            when={"left": "{step_1_output}", "op": "gt", "right": 1},
        ),
    )

    assert problems == ()


def test_a_plan_without_steps_is_refused() -> None:
    """There is nothing to carry out."""
    problems = found_in()

    assert places(problems) == [("invalid_value", "/steps")]
    assert problems[0].hint


def test_every_defect_is_found_at_once_in_the_order_of_the_steps() -> None:
    """Cycles, duplicates, bad inputs, bad references and bad conditions do not hide each other."""
    problems = found_in(
        step(1, "todo_ad", {"text": 1}),
        step(
            2, "calculator", {"expresion": "{step_4_output}", "expression": "{step_9_output} {step_1_output"}
        ),
        step(2, "todo_add", {"txt": "x"}, depends_on=(7,)),
        step(4, "todo_add", {"text": "{step_2_output}"}, when={"left": 1, "op": "is", "right": 1}),
        step(6, "calculator", {"expression": "{step_4_output.todo.title.x}"}, tool_version="9"),
        step(7, "calculator", {"expression": "{step_4_output.todos}"}),
    )

    assert places(problems) == [
        ("unknown_tool", "/steps/0/tool_name"),
        ("invalid_value", "/steps/1/tool_input/expression"),
        ("cycle", "/steps/1/tool_input/expresion"),
        ("duplicate_step_number", "/steps/2/step_number"),
        ("unexpected_input", "/steps/2/tool_input/txt"),
        ("missing_input", "/steps/2/tool_input/text"),
        ("bad_condition", "/steps/3/when/op"),
        ("step_numbers_not_contiguous", "/steps/4/step_number"),
        ("unknown_version", "/steps/4/tool_version"),
        ("no_such_field", "/steps/5/tool_input/expression"),
    ]
    assert [problem.step_number for problem in problems] == [1, 2, 2, 2, 2, 2, 4, 6, 6, 7]


def test_every_problem_says_what_to_do_in_one_line() -> None:
    """Message and hint are single lines of bounded length, whatever stands in the plan."""
    long = "x\n" * 4_000
    problems = found_in(
        step(1, long, {}),
        step(2, "todo_add", {long: "x", "text": {long: long}}, tool_version=long),
        step(3, "calculator", {"expression": f'{{step_4_output["{long}"]}}'}, when={long: long}),
        step(4, "todo_add", {"text": "{step_1_output" + long}, when={"left": "a", "op": long, "right": 2}),
        step(5, "todo_add", {"text": [long]}, when={"left": long, "op": "exists"}),
    )

    assert len(problems) >= 8
    for problem in problems:
        assert problem.hint
        assert problem.message.isprintable() and len(problem.message) < 500
        assert problem.hint.isprintable() and len(problem.hint) < 1_000


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("todo.add", "todo_add"),
        ("TodoAdd", "todo_add"),
        ("add_todo", "todo_add"),
        ("calc", "calculator"),
        ("Calculater", "calculator"),
        ("anythin", "anything"),
    ],
)
def test_an_unknown_tool_comes_with_the_nearest_name(name: str, meant: str) -> None:
    """Case, separators, the order of words and small slips do not stand in the way."""
    (problem,) = found_in(step(1, name))

    assert (problem.code, problem.step_number) == ("unknown_tool", 1)
    assert problem.hint is not None and problem.hint.startswith(f"did you mean {meant}?")


@pytest.mark.parametrize("name", ["", "…", "zzzz", "\n"])
def test_a_name_like_no_other_gets_the_list_of_tools(name: str) -> None:
    """Without a near name the hint is the list."""
    (problem,) = found_in(step(1, name))

    assert problem.hint == "tools: anything, calculator, todo_add"


def test_an_empty_toolbox_says_so() -> None:
    """There is no name to offer."""
    (problem,) = check([step(1, "x")], Tools([]), LIMITS)

    assert problem.hint == "there are no tools"


def test_an_unknown_version_comes_with_the_known_ones() -> None:
    """The newest version stands first."""
    (problem,) = found_in(step(1, "todo_add", {"text": 5}, tool_version="2"))

    assert (problem.code, problem.pointer) == ("unknown_version", "/steps/0/tool_version")
    assert problem.hint is not None and "1.1.0, 1.0.0" in problem.hint


def test_too_many_steps_are_one_problem_and_the_first_ones_are_checked() -> None:
    """Limit, number and setting are named; a reference to a step behind the limit is no defect."""
    limits = Limits(steps_max=2)
    steps = [step(1, "x", {"a": "{step_3_output}"}), step(2, "anything"), step(3, "y"), step(3, "y")]
    problems = found_in(*steps, limits=limits)

    assert places(problems) == [("too_many_steps", "/steps"), ("unknown_tool", "/steps/0/tool_name")]
    assert "4 steps, the limit is 2 (setting RUNWRIGHT_PLAN_STEPS_MAX)" in problems[0].message
    assert found_in(*steps[1:2], step(1, "anything"), limits=limits) == ()


def _nested(depth: int) -> dict[str, Any]:
    """Objects and lists inside one another, so many deep."""
    value: Any = "{step_1_output"
    for level in range(depth):
        value = {"a": value} if level % 2 or level == depth - 1 else [value]
    return dict(value)


@pytest.mark.parametrize("name", ["tool_input", "when"])
def test_what_is_nested_too_deep_is_refused_unread(name: str) -> None:
    """The last depth allowed is read, the next one is not, and the deepest does no harm."""
    limits = Limits(json_depth_max=5)
    at_limit, beyond, far = (
        found_in(
            Step(step_number=1, tool_name="anything", **{"tool_input": {}, name: _nested(depth)}),
            limits=limits,
        )
        for depth in (5, 6, 100_000)
    )

    assert at_limit and all(problem.code in ("invalid_value", "bad_condition") for problem in at_limit)
    assert places(beyond) == places(far) == [("too_deep", f"/steps/0/{name}")]
    assert "nested 6 deep, the limit is 5 (setting RUNWRIGHT_JSON_DEPTH_MAX)" in beyond[0].message


@pytest.mark.parametrize("name", ["tool_input", "when"])
def test_what_is_too_large_is_refused_and_still_read(name: str) -> None:
    """The limit, the size and the setting are named, and a bad reference beside the bulk is found too."""
    limits = Limits(input_bytes_max=100)
    big = {"left": "x" * 100, "op": "eq", "right": "{step_7_output}"}
    problems = found_in(
        Step(step_number=1, tool_name="anything", **{"tool_input": {}, name: big}), limits=limits
    )

    assert places(problems) == [
        ("invalid_value", f"/steps/0/{name}"),
        ("unknown_step", f"/steps/0/{name}/right"),
    ]
    assert "the limit is 100 (setting RUNWRIGHT_INPUT_BYTES_MAX)" in problems[0].message


def test_the_largest_input_passes() -> None:
    """The limit itself is allowed."""
    tool_input = {"text": "x" * 100}
    size = len('{"text":""}') + 100

    assert found_in(step(1, "anything", tool_input), limits=Limits(input_bytes_max=size)) == ()
    assert len(found_in(step(1, "anything", tool_input), limits=Limits(input_bytes_max=size - 1))) == 1


@pytest.mark.parametrize("value", ["\ud800", 10**5_000, object()], ids=["surrogate", "digits", "object"])
def test_what_is_no_json_is_refused(value: object) -> None:
    """Half a surrogate pair, a number past all digits or a Python object cannot be recorded."""
    problems = found_in(step(1, "anything", {"a": [value]}), step(2, "nothing"))

    assert places(problems) == [
        ("invalid_value", "/steps/0/tool_input"),
        ("unknown_tool", "/steps/1/tool_name"),
    ]


def test_a_reference_has_a_deepest_path() -> None:
    """Thirty-two fields and indices pass, thirty-three do not."""
    at_limit, beyond = (
        found_in(step(1, "anything"), step(2, "anything", {"a": "{step_1_output" + ".a" * depth + "}"}))
        for depth in (32, 33)
    )

    assert at_limit == ()
    assert places(beyond) == [("too_deep", "/steps/1/tool_input/a")]


def test_a_flood_of_problems_is_cut_and_says_so() -> None:
    """The list holds the first problems and one line about the rest."""
    flood = {f"x{n}": f"{{step_{n + 2}_output}}" for n in range(PROBLEMS_MAX)}
    exactly, more = (found_in(step(1, "anything", flood), *rest) for rest in ([], [step(1, "anything")]))

    assert len(exactly) == PROBLEMS_MAX
    assert len(more) == PROBLEMS_MAX + 1
    assert "only the first 1000 are listed" in more[-1].message


def test_the_same_defect_is_said_once() -> None:
    """Two references to one missing step in one text are one problem; two missing steps are two."""
    once = found_in(step(1, "anything", {"a": "{step_8_output} {step_8_output}"}))
    twice = found_in(step(1, "anything", {"a": "{step_8_output} {step_9_output}"}))

    assert places(once) == [("unknown_step", "/steps/0/tool_input/a")]
    assert places(twice) == [("unknown_step", "/steps/0/tool_input/a")] * 2


def test_a_malformed_reference_is_refused_with_the_right_spelling() -> None:
    """The hint shows how references are written and how literal braces are."""
    (problem,) = found_in(step(1, "anything", {"a/b": ["{step_1_output[x]}"]}))

    assert (problem.code, problem.pointer) == ("invalid_value", "/steps/0/tool_input/a~1b/0")
    assert problem.hint is not None and "{step_2_output.field[0]}" in problem.hint
