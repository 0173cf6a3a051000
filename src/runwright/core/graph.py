"""Who waits for whom in a plan, worked out once when the plan is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runwright.core import refs
from runwright.core.plan import Step


class Graph(NamedTuple):
    """The plan's steps by number, and their order; index 0 belongs to step 1.

    before      steps that must have ended before this one starts, ascending
    behind      steps that wait for this one, ascending
    references  steps whose output this one needs; it is skipped when one of them was
    """

    steps: tuple[Step, ...]
    before: tuple[tuple[int, ...], ...]
    behind: tuple[tuple[int, ...], ...]
    references: tuple[frozenset[int], ...]


def graph_of(steps: Sequence[Step]) -> Graph:
    """Return the graph of a plan that has passed the check."""
    ordered = tuple(sorted(steps, key=lambda step: step.step_number))
    references = tuple(references_of(step) for step in ordered)
    before = tuple(
        tuple(sorted(named.union(step.depends_on))) for step, named in zip(ordered, references, strict=True)
    )
    behind: list[list[int]] = [[] for _ in ordered]
    for number, needed in enumerate(before, start=1):
        for earlier in needed:
            behind[earlier - 1].append(number)
    return Graph(ordered, before, tuple(map(tuple, behind)), references)


def references_of(step: Step) -> frozenset[int]:
    """Return the numbers of the steps whose output this step needs, for its input or its condition.

    Raises   InvalidRef when a reference is not written correctly
    """
    named = refs.referenced(step.tool_input)
    return named if step.when is None else named | refs.referenced(step.when)
