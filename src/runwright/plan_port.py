"""The port to planners: what they are asked, and what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol, TypeAlias

from runwright.core.budget import Budget, ModelUse
from runwright.core.events import Draft, PlanModelCalled, RunError
from runwright.core.ids import PlanId, RunId, Tenant
from runwright.core.plan import Plan, Problem, Step


class PlanRequest(NamedTuple):
    """What a planner is asked: a prompt, or a plan that the client gave.

    budget   what models may take for the run
    used     what they have taken already
    """

    run_id: RunId
    tenant: Tenant
    prompt: str
    draft: Draft | None
    budget: Budget = Budget()
    used: ModelUse = ModelUse()


class StepProposed(NamedTuple):
    """A step of a plan that is being made.

    plan_id   the plan's, if it is accepted as it is written; None: the step waits for that
    """

    step: Step
    plan_id: PlanId | None = None


class PlanMade(NamedTuple):
    plan: Plan


class PlanFailed(NamedTuple):
    error: RunError
    problems: tuple[Problem, ...] = ()


PlanEvent: TypeAlias = StepProposed | PlanModelCalled | PlanMade | PlanFailed


class Planner(Protocol):
    """Turns a request into a plan. The last event is `PlanMade` or `PlanFailed`; nothing follows it."""

    def is_immediate(self, request: PlanRequest) -> bool:
        """Whether this request is planned here and now, without asking anybody else."""

    def plan(self, request: PlanRequest) -> AsyncIterator[PlanEvent]:
        """Yield steps as they become known, then the verdict."""
