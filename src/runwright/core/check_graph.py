"""The shape of a plan: the numbers of its steps, and who waits for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from runwright.core.check_reading import Reading, problem_at
from runwright.core.plan import Problem, Step
from runwright.core.schema import Path

_SHOWN_MAX = 12


def number_problems(steps: Sequence[Step]) -> dict[int, list[Problem]]:
    """Return what is wrong with the step numbers, by the position of the step."""
    found: dict[int, list[Problem]] = defaultdict(list)
    first: dict[int, int] = {}
    for position, step in enumerate(steps):
        number = step.step_number
        if first.setdefault(number, position) != position:
            said = f"step number {number} was given before, to the step at /steps/{first[number]}"
            hint = "give every step a number of its own"
            code, path = "duplicate_step_number", ("step_number",)
            found[position].append(problem_at(position, step, code, said, path, hint))
    count = len(first)
    if astray := [number for number in first if not 1 <= number <= count]:
        missing = [number for number in range(1, count + 1) if number not in first]
        position = first[astray[0]]
        said = f"step numbers must be 1 to {count} without gaps; missing: {_listed(missing)}"
        hint = f"renumber {_listed(astray)}, and what refers to it"
        code, path = "step_numbers_not_contiguous", ("step_number",)
        found[position].append(problem_at(position, steps[position], code, said, path, hint))
    return found


def link_problems(reading: Reading, numbers: Collection[int]) -> Iterator[Problem]:
    """Yield what is wrong with the steps that this step waits for: not there, or the step itself."""
    own = reading.step.step_number
    for needed, path in reading.links:
        if needed == own:
            said = f"step {own} waits for itself"
            yield reading.problem("self_reference", said, path, "refer to another step")
        elif needed not in numbers:
            said = f"there is no step {needed}"
            yield reading.problem("unknown_step", said, path, f"the plan has {_listed(sorted(numbers))}")


def cycle_problems(readings: Sequence[Reading]) -> dict[int, list[Problem]]:
    """Return one problem for each circle of waiting steps, by the position of a step in it."""
    said_at: dict[tuple[int, int], tuple[Reading, Path]] = {}
    for reading in readings:
        for needed, path in reading.links:
            said_at.setdefault((reading.step.step_number, needed), (reading, path))
    numbers = {reading.step.step_number for reading in readings}
    needs: dict[int, set[int]] = {number: set() for number in numbers}
    for own, needed in said_at:
        if needed in numbers and needed != own:
            needs[own].add(needed)
    found: dict[int, list[Problem]] = defaultdict(list)
    for cycle in cycles(needs):
        reading, path = said_at[cycle[0], cycle[1]]
        shown = cycle if len(cycle) <= _SHOWN_MAX else [*cycle[: _SHOWN_MAX - 1], "…"]
        said = "these steps wait for each other: " + " → ".join(str(one) for one in (*shown, cycle[0]))
        hint = "take out one of these references, so that one step can go first"
        found[reading.position].append(reading.problem("cycle", said, path, hint))
    return found


def cycles(needs: Mapping[int, Collection[int]]) -> list[list[int]]:
    """Return circles that share no step and leave none over when they are cut, each from its lowest number.

    needs   number → the numbers that it waits for, all of them keys and none of them itself
    """
    waits = {number: set(needed) for number, needed in needs.items()}
    behind: dict[int, list[int]] = defaultdict(list)
    for number, needed in waits.items():
        for earlier in needed:
            behind[earlier].append(number)
    ready = [number for number, needed in waits.items() if not needed]
    found: list[list[int]] = []
    while waits:
        while ready:
            done = ready.pop()
            if waits.pop(done, None) is None:
                continue
            for later in behind[done]:
                if later in waits:
                    waits[later].discard(done)
                    if not waits[later]:
                        ready.append(later)
        if waits:
            cycle = _walk(waits)
            found.append(cycle)
            ready = list(cycle)
    return found


def _walk(waits: Mapping[int, Collection[int]]) -> list[int]:
    """Follow the lowest number waited for until one comes round again."""
    seen: dict[int, int] = {}
    number = min(waits)
    while number not in seen:
        seen[number] = len(seen)
        number = min(waits[number])
    circle = list(seen)[seen[number] :]
    lowest = circle.index(min(circle))
    return circle[lowest:] + circle[:lowest]


def _listed(numbers: Sequence[int]) -> str:
    """Name steps in few words: `steps 1 to 9`, `step 4`, `steps 2, 5 and 7 more`."""
    if len(numbers) == 1:
        return f"step {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"steps {numbers[0]} to {numbers[-1]}"
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return "steps " + ", ".join(str(number) for number in numbers[:5]) + more
