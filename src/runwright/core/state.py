"""The values that a run consists of. They are frozen; `run.evolve` makes the next from the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from runwright.core import events as ev
from runwright.core.budget import ModelUse
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event, RunError
from runwright.core.graph import Graph
from runwright.core.ids import PlanId, RunId, Tenant
from runwright.core.plan import Plan, Problem, Step
from runwright.core.trace import Trace, trace_of

RunStatus = Literal["pending", "planning", "awaiting_approval", "running", "completed", "failed", "cancelled"]
StepStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled", "unknown"]

OVER: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled"})


class StepState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class EarlyStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A step of a plan that is still being written, which may start before the plan is accepted.

    plan_id        the plan that it is proposed for
    state          of its call
    tool_version   that was called; None: none was yet
    """

    plan_id: PlanId
    step: Step
    state: StepState
    tool_version: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was called and has neither failed nor been discarded."""
        return self.state.status in ("running", "succeeded")


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What language models took for a run.

    cost_usd   None once the price of a call is not known
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    llm_calls: int = 0

    @property
    def spent(self) -> ModelUse:
        """What it is for a budget; a cost that is not known counts as nothing."""
        tokens = self.prompt_tokens + self.completion_tokens
        return ModelUse(tokens, self.cost_usd or 0.0, self.llm_calls)


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One prompt, or one given plan, being planned and carried out.

    steps      by step number, from 1
    ready      steps whose inputs exist and that were never started since the (re)start
    running    steps whose tool may be at work, as the journal knows it
    retrying   steps that wait for their next attempt
    left       steps that have not succeeded and were not skipped
    planning   a planner may be at work; it began, or another one before it, at `planning_since_s`
    draft_id   the plan that is being written, where its steps may start early
    early      those steps
    """

    run_id: RunId
    tenant: Tenant
    seq: int
    status: RunStatus
    created: ev.RunCreated
    created_at_s: float
    deadline_at_s: float
    planning: bool = False
    planning_since_s: float | None = None
    draft_id: PlanId | None = None
    early: tuple[EarlyStep, ...] = ()
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
    restarted_at_s: float | None = None
    usage: Usage = Usage()
    error: RunError | None = None
    started_at_s: float | None = None
    completed_at_s: float | None = None

    @property
    def trace(self) -> Trace | None:
        """The span of the request that asked for the run."""
        return trace_of(self.created.traceparent)

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
