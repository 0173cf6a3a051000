"""A model's answer as a plan: whatever is no part of a plan is dropped, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from runwright.core.errors import Invalid
from runwright.core.graph import references_of
from runwright.core.misfit import misfit
from runwright.core.plan import Problem, Step
from runwright.core.refusal import one_line

GOAL_MAX = 1_000
# of a plan that is still being written
_OPEN = frozenset({"unknown_step", "step_numbers_not_contiguous"})


class Answer(NamedTuple):
    """What a model proposes; `cannot` is why it proposes nothing."""

    goal: str
    steps: tuple[Step, ...]
    cannot: str


class Unreadable(Exception):
    """The answer is no plan; `problems` say why, in words for the model."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(problems[0].message)


class _Step(msgspec.Struct, frozen=True):
    """A step as models write it: the version of a tool is not theirs to choose."""

    step_number: int
    tool_name: str
    tool_input: dict[str, Any] | None = None
    depends_on: list[int] | None = None
    when: dict[str, Any] | None = None
    reasoning: str | None = None


class _Plan(msgspec.Struct, frozen=True):
    steps: list[_Step]
    goal: str | None = None
    cannot: str | None = None


_decode_plan = msgspec.json.Decoder(_Plan).decode
_decode_step = msgspec.json.Decoder(_Step).decode


def read(text: str | None) -> Answer:
    """Return the plan in the JSON text of an answer.

    Raises   Unreadable
    """
    if text is None:
        raise Unreadable(_problem("the answer holds no complete JSON object"))
    try:
        plan = _decode_plan(text)
    except msgspec.ValidationError as error:
        why, pointer = misfit(str(error))
        raise Unreadable(_problem(why, pointer)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Unreadable(_problem(f"the answer is not JSON: {one_line(str(error))}")) from None
    goal, cannot = one_line(plan.goal or "")[:GOAL_MAX], one_line(plan.cannot or "")
    return Answer(goal, tuple(map(_step, plan.steps)), cannot)


class EarlySteps:
    """Steps of an answer that is still being written, as far as nothing can be wrong with them any more.

    What depends on steps that are still to come is left to the check of the whole plan.
    """

    def __init__(self, check: Callable[[Sequence[Step]], tuple[Problem, ...]], steps_max: int) -> None:
        self._check, self._steps_max = check, steps_max
        self._known: dict[int, Step] = {}
        self._spoilt = False

    def taken(self, text: str) -> Step | None:
        """Return the step in this JSON text; None when it has a defect, and behind one that has."""
        step = None if self._spoilt else self._sound(text)
        self._spoilt = step is None
        return step

    def _sound(self, text: str) -> Step | None:
        try:
            step = _step(_decode_step(text))
            needed = references_of(step).union(step.depends_on)
        except (msgspec.DecodeError, UnicodeError, RecursionError, Invalid):
            return None
        if step.step_number in self._known or len(self._known) >= self._steps_max:
            return None
        around = [self._known[number] for number in sorted(needed) if number in self._known]
        for problem in self._check([*around, step]):
            if problem.step_number == step.step_number and problem.code not in _OPEN:
                return None
        self._known[step.step_number] = step
        return step


def _step(written: _Step) -> Step:
    return Step(
        step_number=written.step_number,
        tool_name=written.tool_name,
        tool_input=written.tool_input or {},
        depends_on=tuple(written.depends_on or ()),
        when=written.when,
        reasoning=None if written.reasoning is None else one_line(written.reasoning),
    )


def _problem(message: str, pointer: str = "") -> Problem:
    hint = 'answer with {"goal": "…", "steps": [{"step_number": 1, "tool_name": "…", "tool_input": {}}]}'
    return Problem(code="invalid_value", message=message, pointer=pointer, hint=hint)
