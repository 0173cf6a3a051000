"""Conditions: what is true, what cannot be decided, and what is no condition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import conditions
from runwright.core.errors import ToolTerminal

OUTPUTS: dict[int, Any] = {
    1: {"n": 3, "f": 3.0, "s": "abc", "none": None, "list": [1, "a", {"x": 1.0}], "yes": True, "o": {"k": 0}},
    2: 10,
}
N, S, LIST, MISSING = "{step_1_output.n}", "{step_1_output.s}", "{step_1_output.list}", "{step_1_output.gone}"


def compared(left: Any, op: str, right: Any) -> dict[str, Any]:
    """Return the comparison as a condition."""
    return {"left": left, "op": op, "right": right}


@pytest.mark.parametrize(
    ("left", "op", "right", "holds"),
    [
        (N, "eq", 3, True),
        (N, "eq", 3.0, True),
        (N, "eq", "{step_1_output.f}", True),
        (N, "eq", "3", False),
        (N, "ne", "3", True),
        ("{step_1_output.yes}", "eq", 1, False),
        ("{step_1_output.yes}", "eq", True, True),
        ("{step_1_output.none}", "eq", None, True),
        ("{step_1_output.none}", "eq", False, False),
        (LIST, "eq", [1.0, "a", {"x": 1}], True),
        (LIST, "eq", [True, "a", {"x": 1}], False),
        ("n is {step_1_output.n}", "eq", "n is 3", True),
        (["{step_1_output.n}", {"k": "{step_2_output}"}], "eq", [3, {"k": 10}], True),
        ("{{step_1_output}", "eq", "{{step_1_output}", True),
        (N, "lt", "{step_2_output}", True),
        (N, "lt", 3.0, False),
        (N, "le", 3.0, True),
        (N, "gt", 2.5, True),
        (N, "ge", 3, True),
        (N, "ge", 3.5, False),
        (S, "lt", "abd", True),
        (S, "gt", "ABC", True),
        (2**60, "lt", 2.0**60 + 256, True),
        (1, "in", LIST, True),
        (True, "in", LIST, False),
        ({"x": 1}, "in", LIST, True),
        ("b", "in", S, True),
        ("", "in", S, True),
        ("B", "in", S, False),
        ("k", "in", "{step_1_output.o}", True),
        ("x", "in", "{step_1_output.o}", False),
        (N, "in", [1, 2, N], True),
    ],
)
def test_a_comparison_is_decided_by_json_values(left: Any, op: str, right: Any, holds: bool) -> None:
    """Numbers compare by value, true is not 1, whole references keep their type and text is rendered."""
    when = compared(left, op, right)

    assert conditions.problems(when) == []
    assert conditions.holds(when, OUTPUTS) is holds
    assert conditions.holds({"not": when}, OUTPUTS) is not holds


@pytest.mark.parametrize(
    ("left", "exists"),
    [
        (N, True),
        ("{step_1_output}", True),
        ("{step_1_output.none}", True),
        (MISSING, False),
        ("{step_1_output.list[2].x}", True),
        ("{step_1_output.list[3]}", False),
        ("{step_1_output.list[-4]}", False),
        ("{step_1_output.s.length}", False),
        ("{step_7_output}", False),
    ],
)
def test_exists_asks_only_whether_the_place_is_there(left: str, exists: bool) -> None:
    """Null is a value; a place that is missing, of a step that is missing too, is not."""
    when = {"left": left, "op": "exists"}

    assert conditions.problems(when) == []
    assert conditions.holds(when, OUTPUTS) is exists


@pytest.mark.parametrize(
    ("left", "op", "right", "words"),
    [
        (N, "lt", S, "integer and string"),
        (S, "ge", 1, "string and integer"),
        ("{step_1_output.yes}", "lt", "{step_2_output}", "boolean and integer"),
        ("{step_1_output.none}", "gt", "{step_1_output.none}", "null and null"),
        (LIST, "le", LIST, "array and array"),
        ("a", "in", N, "integer"),
        ("a", "in", "{step_1_output.none}", "null"),
        (N, "in", S, "integer"),
        (N, "in", "{step_1_output.o}", "integer"),
        (MISSING, "eq", None, "no field 'gone'"),
        (N, "ne", "{step_1_output.list[9]}", "3 items"),
        ("{step_7_output}", "eq", 1, "step 7 has no output"),
    ],
)
def test_what_cannot_be_compared_ends_in_a_sentence(left: Any, op: str, right: Any, words: str) -> None:
    """Values without an order, and places that are missing, are errors and never simply false."""
    when = compared(left, op, right)

    assert conditions.problems(when) == []
    with pytest.raises(ToolTerminal, match=words.replace("[", r"\[")):
        conditions.holds(when, OUTPUTS)


def test_a_condition_is_read_no_further_than_needed() -> None:
    """A part that could not be decided does no harm behind one that settles the answer."""
    there, same = {"left": MISSING, "op": "exists"}, compared(MISSING, "eq", 1)

    assert conditions.holds({"all": [there, same]}, OUTPUTS) is False
    assert conditions.holds({"any": [{"not": there}, same]}, OUTPUTS) is True
    with pytest.raises(ToolTerminal):
        conditions.holds({"all": [same, there]}, OUTPUTS)


def test_nothing_to_ask_is_all_and_not_any() -> None:
    """An empty `all` is true and an empty `any` is false."""
    outcome = [conditions.holds({key: []}, {}) for key in ("all", "any")]

    assert outcome == [True, False]


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], bool, int]:
    """Draw a condition over known numbers with its answer and its number of comparisons."""
    kind = draw(st.sampled_from(["leaf", "all", "any", "not"])) if depth else "leaf"
    if kind == "leaf":
        left, right = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        return compared(f"{{step_{left + 1}_output}}", "lt", right), left < right, 1
    parts = draw(st.lists(trees(depth=depth - 1), min_size=1, max_size=3))
    if kind == "not":
        return {"not": parts[0][0]}, not parts[0][1], parts[0][2]
    answer = all(part[1] for part in parts) if kind == "all" else any(part[1] for part in parts)
    return {kind: [part[0] for part in parts]}, answer, sum(part[2] for part in parts)


@settings(deadline=None)
@given(trees())
def test_combinations_are_those_of_logic(tree: tuple[dict[str, Any], bool, int]) -> None:
    """Any nesting of all, any and not gives the answer of its parts, and all comparisons are found."""
    when, answer, count = tree

    assert conditions.problems(when) == []
    assert conditions.holds(when, {1: 0, 2: 1, 3: 2}) is answer
    assert len(list(conditions.comparisons(when))) == count


@pytest.mark.parametrize(
    ("when", "path", "words"),
    [
        ({}, (), "`left`, `op`, `right` is missing"),
        ([], (), "not array"),
        ("{step_1_output}", (), "not string"),
        (True, (), "not boolean"),
        ({"left": 1, "right": 2}, (), "`op` is missing"),
        ({"left": 1, "op": "eq"}, (), "`right` is missing"),
        ({"op": "exists"}, (), "`left` is missing"),
        ({"left": 1, "op": "==", "right": 1}, ("op",), "one of eq, ne, lt, le, gt, ge, in, exists"),
        ({"left": 1, "op": ["eq"], "right": 1}, ("op",), "one of eq"),
        ({"left": 1, "op": None, "right": 1}, ("op",), "one of eq"),
        ({"left": N, "op": "exists", "right": True}, ("right",), "`right` has no meaning"),
        ({"left": 1, "op": "exists"}, ("left",), "one reference"),
        ({"left": "plain", "op": "exists"}, ("left",), "one reference"),
        ({"left": f"n: {N}", "op": "exists"}, ("left",), "one reference"),
        ({"left": 1, "op": "eq", "right": 1, "else": 2}, ("else",), "`else` has no meaning"),
        ({"all": {}}, ("all",), "takes a list"),
        ({"any": "x"}, ("any",), "takes a list"),
        ({"not": []}, ("not",), "not array"),
        ({"all": [], "any": []}, (), "`all` must stand alone"),
        ({"all": [], "left": 1}, (), "`all` must stand alone"),
        ({"all": [compared(1, "eq", 1), {"any": [3]}]}, ("all", 1, "any", 0), "not integer"),
        ({"not": {"not": {"left": 1}}}, ("not", "not"), "`op`, `right` is missing"),
        (compared([1], "lt", N), (), "array and"),
        (compared("a", "lt", 1), (), "string and integer"),
        (compared("x", "in", 5), (), "not into integer"),
        (compared(5, "in", "text"), (), "not for integer"),
    ],
)
def test_what_is_no_condition_is_explained_where_it_stands(
    when: Any, path: tuple[Any, ...], words: str
) -> None:
    """Each defect of shape has a path and one line."""
    found = conditions.problems(when)

    assert [one[0] for one in found] == [path]
    assert words in found[0][1]


def test_every_defect_is_found_at_once() -> None:
    """One bad part does not hide the next one."""
    found = conditions.problems({"all": [{}, compared(1, "is", 1), {"any": 5}, compared(1, "eq", 1)]})

    assert [path for path, _ in found] == [("all", 0), ("all", 1, "op"), ("all", 2, "any")]


def test_conditions_are_bounded_in_depth_and_number() -> None:
    """The largest condition passes and the next one does not."""
    leaf = compared(N, "eq", 3)
    deep = leaf
    for _ in range(conditions.NESTING_MAX):
        deep = {"not": deep}
    wide = {"all": [leaf] * conditions.COMPARISONS_MAX}

    assert conditions.problems(deep) == conditions.problems(wide) == []
    assert "deeper than" in conditions.problems({"not": deep})[0][1]
    assert "comparisons at most" in conditions.problems({"all": [wide, leaf]})[0][1]


def test_a_reference_that_is_not_written_correctly_is_no_matter_of_shape() -> None:
    """The reading of references reports it; the condition's shape is found sound."""
    broken = "{step_1_output"

    assert conditions.problems(compared(broken, "lt", 1)) == []
    assert conditions.problems({"left": broken, "op": "exists"}) == []
