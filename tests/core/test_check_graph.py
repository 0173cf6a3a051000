"""The shape of plans: numbers, steps that are not there, and steps that wait for each other."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from check_toolbox import Tools, contract, step
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core.check import check
from runwright.core.check_graph import cycles
from runwright.core.plan import Problem, Step
from runwright.core.policy import Limits


def found_in(*steps: Step) -> tuple[Problem, ...]:
    """Return the problems of these steps."""
    return check(steps, Tools([contract("t")]), Limits())


def waiting(number: int, *needed: int) -> Step:
    """Return a step that refers to others."""
    return step(number, "t", {"a": [f"{{step_{one}_output}}" for one in needed]})


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 3], []),
        ([3, 1, 2], []),
        ([1, 1], [("duplicate_step_number", 1)]),
        ([1, 2, 1, 1], [("duplicate_step_number", 2), ("duplicate_step_number", 3)]),
        ([1, 3], [("step_numbers_not_contiguous", 1)]),
        ([0, 1], [("step_numbers_not_contiguous", 0)]),
        ([-5, 1, 2], [("step_numbers_not_contiguous", 0)]),
        ([2], [("step_numbers_not_contiguous", 0)]),
        ([1, 10**18, 1], [("step_numbers_not_contiguous", 1), ("duplicate_step_number", 2)]),
    ],
)
def test_steps_are_numbered_from_one_without_gaps(
    numbers: list[int], expected: list[tuple[str, int]]
) -> None:
    """The order does not matter; each repeated number is a problem, and all gaps together are one."""
    problems = found_in(*(step(number, "t") for number in numbers))

    assert [(one.code, one.pointer) for one in problems] == [
        (code, f"/steps/{position}/step_number") for code, position in expected
    ]


def test_gaps_are_named() -> None:
    """The message says which numbers are missing, the hint which ones to change."""
    (problem,) = found_in(*(step(number, "t") for number in (1, 2, 7, 9, 10, 11, 12, 13, 14)))

    assert problem.message == "step numbers must be 1 to 9 without gaps; missing: steps 3, 4, 5, 6, 8"
    assert problem.hint == "renumber steps 10 to 14, and what refers to it"


@pytest.mark.parametrize(
    ("one", "pointer"),
    [
        (waiting(1, 5), "/steps/0/tool_input/a/0"),
        (waiting(1, 0), "/steps/0/tool_input/a/0"),
        (step(1, "t", {"x": "{step_2_output} and {step_5_output}"}), "/steps/0/tool_input/x"),
        (step(1, "t", depends_on=(2, 5, 5, 2)), "/steps/0/depends_on/1"),
        (
            step(1, "t", when={"all": [{"left": "{step_5_output}", "op": "exists"}]}),
            "/steps/0/when/all/0/left",
        ),
        (
            step(1, "t", when={"not": {"left": 1, "op": "in", "right": ["{step_5_output}"]}}),
            "/steps/0/when/not/right/0",
        ),
    ],
)
def test_a_step_that_is_not_there_is_reported_where_it_is_named(one: Step, pointer: str) -> None:
    """In inputs, conditions and `depends_on`; the hint says which steps there are."""
    (problem,) = found_in(one, step(2, "t"))

    assert (problem.code, problem.pointer, problem.hint) == (
        "unknown_step",
        pointer,
        "the plan has steps 1, 2",
    )


@pytest.mark.parametrize(
    "one",
    [
        waiting(1, 1),
        step(1, "t", depends_on=(1,)),
        step(1, "t", when={"left": "{step_1_output}", "op": "exists"}),
    ],
)
def test_a_step_cannot_wait_for_itself(one: Step) -> None:
    """It is a self reference and no cycle."""
    problems = found_in(one)

    assert [problem.code for problem in problems] == ["self_reference"]


def test_a_number_used_twice_hides_nothing_of_either_step() -> None:
    """Both steps are checked, and a reference to the number is no unknown step."""
    problems = found_in(step(1, "t"), step(1, "t", {"a": "{step_9_output}"}), waiting(2, 1))

    assert [problem.code for problem in problems] == ["duplicate_step_number", "unknown_step"]


def test_a_cycle_is_named_from_its_lowest_step() -> None:
    """The path says who waits for whom; the pointer is where the first step of it refers to the next."""
    problems = found_in(waiting(3, 4, 1), waiting(1), waiting(2, 4), waiting(4, 2), waiting(5, 3))

    assert [(one.code, one.step_number, one.pointer) for one in problems] == [
        ("cycle", 2, "/steps/2/tool_input/a/0")
    ]
    assert problems[0].message == "these steps wait for each other: 2 → 4 → 2"


def test_a_cycle_may_run_through_conditions_and_dependencies() -> None:
    """Every way of waiting counts."""
    problems = found_in(
        step(1, "t", depends_on=(3,)),
        step(2, "t", when={"left": "{step_1_output.a}", "op": "eq", "right": 1}),
        waiting(3, 2),
    )

    assert [(one.code, one.pointer) for one in problems] == [("cycle", "/steps/0/depends_on/0")]
    assert problems[0].message.endswith("1 → 3 → 2 → 1")


def test_a_long_cycle_is_named_in_short() -> None:
    """A thousand steps in a circle give one line."""
    problems = found_in(*(waiting(number, number % 1_000 + 1) for number in range(1, 1_001)))

    assert len(problems) == 1
    assert problems[0].message.endswith("1 → 2 → 3 → 4 → 5 → 6 → 7 → 8 → 9 → 10 → 11 → … → 1")


graphs = st.integers(1, 8).flatmap(
    lambda count: st.fixed_dictionaries(
        {
            number: st.sets(
                st.integers(1, count).filter(lambda other, number=number: other != number), max_size=3
            )
            if count > 1
            else st.just(set())
            for number in range(1, count + 1)
        }
    )
)


def _is_acyclic(needs: dict[int, set[int]]) -> bool:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError:
        return False
    return True


@settings(deadline=None)
@given(graphs)
def test_exactly_the_real_circles_are_found(needs: dict[int, set[int]]) -> None:
    """Each circle exists, no two share a step, and without their steps no circle is left."""
    found = cycles(needs)

    assert bool(found) is not _is_acyclic(needs)
    for circle in found:
        assert circle[0] == min(circle)
        assert all(
            after in needs[before] for before, after in zip(circle, circle[1:] + circle[:1], strict=True)
        )
    cut = [number for circle in found for number in circle]
    assert len(cut) == len(set(cut))
    assert _is_acyclic({number: needed - set(cut) for number, needed in needs.items() if number not in cut})


@settings(deadline=None)
@given(graphs)
def test_a_plan_is_refused_for_its_shape_exactly_when_it_has_a_circle(needs: dict[int, set[int]]) -> None:
    """Steps may stand in any order and refer to later ones."""
    problems = found_in(*(waiting(number, *sorted(needed)) for number, needed in reversed(needs.items())))

    assert {problem.code for problem in problems} == (set() if _is_acyclic(needs) else {"cycle"})
