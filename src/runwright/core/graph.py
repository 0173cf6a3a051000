"""Who waits for whom in a plan, worked out once when the plan is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runwright.core import refs
from runwright.core.errors import Invalid
from runwright.core.plan import Step

_NONE: frozenset[int] = frozenset()


class Graph(NamedTuple):
    """The plan's steps by number, and their order; index 0 belongs to step 1.

    before      steps that must have ended before this one starts, ascending
    behind      steps that wait for this one, ascending
    references  steps whose output this one needs; it is skipped when one of them was
    is_literal  whether the step's input is passed as it stands
    """

    steps: tuple[Step, ...]
    before: tuple[tuple[int, ...], ...]
    behind: tuple[tuple[int, ...], ...]
    references: tuple[frozenset[int], ...]
    is_literal: tuple[bool, ...]


def graph_of(steps: Sequence[Step]) -> Graph:
    """Return the graph of a plan.

    Raises   Invalid when the steps are not numbered 1 to n, or one waits for a step that never ends
    """
    ordered = tuple(sorted(steps, key=lambda step: step.step_number))
    if any(step.step_number != number for number, step in enumerate(ordered, start=1)):
        raise Invalid(f"the {len(ordered)} steps are not numbered 1 to {len(ordered)}")
    marked = [refs.is_marked(step.tool_input) for step in ordered]
    references = tuple(references_of(step, in_input) for step, in_input in zip(ordered, marked, strict=True))
    before = tuple(
        tuple(sorted(named.union(step.depends_on))) for step, named in zip(ordered, references, strict=True)
    )
    behind: list[list[int]] = [[] for _ in ordered]
    for number, needed in enumerate(before, start=1):
        for earlier in needed:
            if not 1 <= earlier <= len(ordered):
                raise Invalid(f"step {number} waits for step {earlier}, which is not in the plan")
            behind[earlier - 1].append(number)
    is_literal = tuple(not in_input for in_input in marked)
    graph = Graph(ordered, before, tuple(map(tuple, behind)), references, is_literal)
    _require_an_order(graph)
    return graph


def _require_an_order(graph: Graph) -> None:
    """Refuse steps that wait for each other: a run of them would never end."""
    waiting = [len(needed) for needed in graph.before]
    ended = [number for number, count in enumerate(waiting, start=1) if not count]
    for number in ended:  # grows while it is walked
        for later in graph.behind[number - 1]:
            waiting[later - 1] -= 1
            if not waiting[later - 1]:
                ended.append(later)
    if len(ended) < len(waiting):
        stuck = next(number for number, count in enumerate(waiting, start=1) if count)
        raise Invalid(f"step {stuck} waits, in the end, for itself")


def references_of(step: Step, in_input: bool = True) -> frozenset[int]:
    """Return the numbers of the steps whose output this step needs, for its input or its condition.

    in_input  whether the input may hold references at all
    Raises   InvalidRef when a reference is not written correctly
    """
    named = refs.referenced(step.tool_input) if in_input else _NONE
    return named if step.when is None else named | refs.referenced(step.when)
