"""The plan check: every defect of a plan at once, before anything is done.

It runs on every plan, whoever made it. Its promise: a plan that passes never fails because of a reference
that could have been known to be wrong. It reports only what is certain; what depends on values that do not
exist yet is left to the run. A defect hides no other defect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

from runwright.core.check_graph import cycle_problems, link_problems, number_problems
from runwright.core.check_hints import choice, one_line
from runwright.core.check_reading import Reading, read
from runwright.core.check_refs import Outputs, condition_problems, reference_problems
from runwright.core.check_values import value_problems
from runwright.core.plan import Problem, Step
from runwright.core.policy import Limits
from runwright.core.tool import Toolbox, ToolSpec

PROBLEMS_MAX = 1_000
_NEAREST_TOOLS_MAX = 16


def check(steps: Sequence[Step], tools: Toolbox, limits: Limits) -> tuple[Problem, ...]:
    """Return every defect of a plan's steps, in the order of the steps; an empty tuple for a sound plan."""
    if not steps:
        said, hint = "the plan has no steps", "give at least one step"
        return (Problem(code="invalid_value", message=said, pointer="/steps", hint=hint),)
    found = tuple(islice(_problems(steps, tools, limits), PROBLEMS_MAX + 1))
    if len(found) <= PROBLEMS_MAX:
        return found
    said = f"there are more problems; only the first {PROBLEMS_MAX} are listed"
    more = Problem(code=found[-1].code, message=said, pointer="/steps", hint="correct these and check again")
    return (*found[:PROBLEMS_MAX], more)


def _problems(steps: Sequence[Step], tools: Toolbox, limits: Limits) -> Iterator[Problem]:
    if len(steps) > limits.steps_max:
        setting = "RUNWRIGHT_PLAN_STEPS_MAX"
        said = f"the plan has {len(steps)} steps, the limit is {limits.steps_max} (setting {setting})"
        hint = "make a shorter plan, or several"
        yield Problem(code="too_many_steps", message=said, pointer="/steps", hint=hint)
    readings = [
        read(position, step, tools.find(step.tool_name, step.tool_version), limits)
        for position, step in enumerate(steps[: limits.steps_max])
    ]
    numbers = {step.step_number for step in steps}
    misnumbered = number_problems(steps)
    hints = _tool_hints(readings, tools)
    cyclic = cycle_problems(readings)
    outputs = Outputs(_specs(readings))
    for reading in readings:
        of_step = chain(
            misnumbered.get(reading.position, ()),
            _tool_problems(reading, tools, hints),
            reading.problems,
            value_problems(reading),
            link_problems(reading, numbers),
            reference_problems(reading, outputs),
            condition_problems(reading, outputs),
            cyclic.get(reading.position, ()),
        )
        said_before: set[Problem] = set()
        for problem in of_step:
            if problem not in said_before:
                said_before.add(problem)
                yield problem


def _specs(readings: Sequence[Reading]) -> dict[int, list[ToolSpec | None]]:
    found: dict[int, list[ToolSpec | None]] = defaultdict(list)
    for reading in readings:
        found[reading.step.step_number].append(reading.tool.spec if reading.tool else None)
    return found


def _tool_hints(readings: Sequence[Reading], tools: Toolbox) -> dict[str, str]:
    """Return what to say of the first few unknown tool names; finding the nearest name takes its time."""
    unknown = dict.fromkeys(reading.step.tool_name for reading in readings if reading.tool is None)
    return {name: choice(name, tools.names(), "tools") for name in islice(unknown, _NEAREST_TOOLS_MAX)}


def _tool_problems(reading: Reading, tools: Toolbox, hints: Mapping[str, str]) -> Iterator[Problem]:
    name, version = reading.step.tool_name, reading.step.tool_version
    if reading.tool is not None:
        return
    if tools.find(name, None) is None:
        said = f"there is no tool {one_line(name)}"
        yield reading.problem("unknown_tool", said, ("tool_name",), hints.get(name, "see the list of tools"))
    else:
        said = f"{name} has no version {one_line(str(version))}"
        hint = choice(str(version), tools.versions(name), "versions")
        yield reading.problem("unknown_version", said, ("tool_version",), hint)
