"""The values that a run consists of. They are frozen; `run.evolve` makes the next from the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from runwright.core import events as ev
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event, RunError
from runwright.core.graph import Graph
from runwright.core.ids import RunId, Tenant
from runwright.core.plan import Plan, Problem

RunStatus = Literal["pending", "planning", "awaiting_approval", "running", "completed", "failed", "cancelled"]
StepStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled", "unknown"]

OVER: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled"})


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one step of a running plan.

    waiting    steps that must end before this one can start
    attempts   calls over the life of the run
    tries      calls since the run was last (re)started, those cut off by a crash not counted
    crashes    calls cut off by a dying process since the run was last (re)started
    """

    step_number: int
    waiting: int
    status: StepStatus = "pending"
    attempts: int = 0
    tries: int = 0
    crashes: int = 0
    retry_at_s: float | None = None
    tool_input: dict[str, Any] | None = None
    output: Any = None
    error: RunError | None = None
    started_at_s: float | None = None
    duration_ms: float | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt, or one given plan, being planned and carried out.

    steps      by step number, from 1
    ready      steps whose inputs exist and that were never started since the (re)start
    running    steps whose tool may be at work, as the journal knows it
    retrying   steps that wait for their next attempt
    left       steps that have not succeeded and were not skipped
    planning   a planner may be at work
    """

    run_id: RunId
    tenant: Tenant
    seq: int
    status: RunStatus
    created: ev.RunCreated
    created_at_s: float
    deadline_at_s: float
    planning: bool = False
    plan: Plan | None = None
    refusal: RunError | None = None
    problems: tuple[Problem, ...] = ()
    graph: Graph | None = None
    steps: tuple[StepState, ...] = ()
    ready: tuple[int, ...] = ()
    running: tuple[int, ...] = ()
    retrying: tuple[int, ...] = ()
    left: int = 0
    failed_step: int | None = None
    cancelling: bool = False
    awaiting_since_s: float | None = None
    approved: bool = False
    rejected: bool = False
    restarts: int = 0
    error: RunError | None = None
    started_at_s: float | None = None
    completed_at_s: float | None = None

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def awaits_person(self) -> bool:
        """Whether nothing happens in the run until a person has answered."""
        answered = self.approved or self.rejected or self.cancelling
        return self.status == "awaiting_approval" and not answered

    def inputs_of(self, step_number: int) -> dict[int, Any]:
        """Return the outputs that a step refers to, by step number, as far as there are any."""
        if self.graph is None:
            return {}
        named = (self.steps[n - 1] for n in self.graph.references[step_number - 1])
        return {state.step_number: state.output for state in named if state.status == "succeeded"}


Change: TypeAlias = Callable[[Run, Event, Any, RunStatus], Run]


def require(allowed: bool, why: str) -> None:
    """Refuse an event that the tables allow and the run's details do not.

    Raises   IllegalTransition
    """
    if not allowed:
        raise IllegalTransition(why)
