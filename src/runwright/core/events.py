"""Events: the past-tense facts that a run consists of.

A `Fact` is what happened; an `Event` is a fact with its place in the run's journal. The type names are
the wire's (`step.succeeded`). Facts never change after a release that recorded them; new fields get
defaults, so that old journals replay for ever.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from runwright.core.budget import Budget
from runwright.core.ids import PlanId
from runwright.core.plan import Plan, Problem, Step

Approval = Literal["auto", "required"]
Resolution = Literal["retry", "succeeded", "failed"]


class RunError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a run or a step did not succeed, in one line for a person."""

    code: str
    message: str
    step_number: int | None = None
    hint: str | None = None


class _Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Untracked by the garbage collector, as all frozen JSON is: it cannot be part of a cycle."""

    type: ClassVar[str]


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan as a client gives it, before the server has checked it."""

    goal: str
    steps: tuple[Step, ...]


class RunCreated(_Fact, frozen=True, kw_only=True):
    """A run was accepted.

    draft         the plan that the client gave, if any
    budget        what models may take for the run; None: as much as they like
    traceparent   the span of the request that asked for it, as W3C Trace Context writes it
    """

    type = "run.created"
    tenant: str
    prompt: str
    deadline_s: float
    draft: Draft | None = None
    approval: Approval = "auto"
    user: str | None = None
    metadata: dict[str, Any] = {}
    budget: Budget | None = None
    traceparent: str | None = None


class PlanStarted(_Fact, frozen=True, kw_only=True):
    type = "plan.started"


class PlanStepProposed(_Fact, frozen=True, kw_only=True):
    """The planner proposes a step.

    plan_id   of the plan that it is for, where the step may start before that is accepted
    """

    type = "plan.step_proposed"
    step: Step
    plan_id: PlanId | None = None


class ModelVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a judge said of a plan.

    confidence   0 to 1
    """

    is_valid: bool
    confidence: float
    issues: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


class PlanModelCalled(_Fact, frozen=True, kw_only=True):
    """A language model was asked, and this came of it.

    round     1, 2, 3 … of the same purpose
    error     why its answer is of no use; None: it was used
    problems  what the check found in the plan that it proposed
    verdict   of a judge
    prompt_tokens, completion_tokens, cost_usd   None where nobody said
    """

    type = "plan.model_called"
    purpose: Literal["plan", "judge"]
    round: int
    model: str
    duration_ms: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    error: RunError | None = None
    problems: tuple[Problem, ...] = ()
    verdict: ModelVerdict | None = None


class PlanAccepted(_Fact, frozen=True, kw_only=True):
    type = "plan.accepted"
    plan: Plan


class PlanRefused(_Fact, frozen=True, kw_only=True):
    """No plan can be carried out; `problems` has every defect that the check found."""

    type = "plan.refused"
    error: RunError
    problems: tuple[Problem, ...] = ()


class RunAwaitingApproval(_Fact, frozen=True, kw_only=True):
    type = "run.awaiting_approval"
    plan_hash: str


class RunApproved(_Fact, frozen=True, kw_only=True):
    type = "run.approved"
    plan_hash: str


class RunRejected(_Fact, frozen=True, kw_only=True):
    type = "run.rejected"
    plan_hash: str


class RunStarted(_Fact, frozen=True, kw_only=True):
    type = "run.started"


class StepStarted(_Fact, frozen=True, kw_only=True):
    """The intent to call a tool, recorded before the call.

    tool_input    with references resolved; absent when the plan's own input is meant
    after_crash   the attempt before this one was cut off with its process
    """

    type = "step.started"
    attempt: int
    tool_name: str
    tool_version: str
    tool_input: dict[str, Any] | None = None
    after_crash: bool = False


class StepRetrying(_Fact, frozen=True, kw_only=True):
    type = "step.retrying"
    attempt: int
    error: RunError
    retry_at_s: float
    duration_ms: float


class StepSucceeded(_Fact, frozen=True, kw_only=True):
    type = "step.succeeded"
    attempt: int
    output: Any
    duration_ms: float


class StepFailed(_Fact, frozen=True, kw_only=True):
    """An attempt failed for good; attempt 0: the tool was never called."""

    type = "step.failed"
    attempt: int
    error: RunError
    duration_ms: float = 0.0


class StepSkipped(_Fact, frozen=True, kw_only=True):
    type = "step.skipped"
    reason: str


class StepCancelled(_Fact, frozen=True, kw_only=True):
    type = "step.cancelled"
    attempt: int
    reason: str
    duration_ms: float = 0.0


class StepUnknown(_Fact, frozen=True, kw_only=True):
    """A step that must not be repeated was cut off; nobody knows whether it acted."""

    type = "step.unknown"
    attempt: int
    reason: str
    duration_ms: float = 0.0


class RunCancelling(_Fact, frozen=True, kw_only=True):
    type = "run.cancelling"


class RunRestarted(_Fact, frozen=True, kw_only=True):
    """A failed run goes on; `resolve` settles its unknown steps, by step number."""

    type = "run.restarted"
    resolve: dict[int, Resolution] = {}


class RunCompleted(_Fact, frozen=True, kw_only=True):
    type = "run.completed"


class RunFailed(_Fact, frozen=True, kw_only=True):
    type = "run.failed"
    error: RunError


class RunCancelled(_Fact, frozen=True, kw_only=True):
    type = "run.cancelled"
    error: RunError


Fact: TypeAlias = (
    RunCreated
    | PlanStarted
    | PlanStepProposed
    | PlanModelCalled
    | PlanAccepted
    | PlanRefused
    | RunAwaitingApproval
    | RunApproved
    | RunRejected
    | RunStarted
    | StepStarted
    | StepRetrying
    | StepSucceeded
    | StepFailed
    | StepSkipped
    | StepCancelled
    | StepUnknown
    | RunCancelling
    | RunRestarted
    | RunCompleted
    | RunFailed
    | RunCancelled
)

FACTS: dict[str, type[Fact]] = {fact.type: fact for fact in get_args(Fact)}


class Event(msgspec.Struct, frozen=True, gc=False):
    """A fact in its place.

    seq   1, 2, 3 … within the run, without gaps
    at_s  epoch seconds, to the millisecond
    """

    seq: int
    at_s: float
    fact: Fact
    step_number: int | None = None
