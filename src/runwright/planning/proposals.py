"""How models are asked for plans, and what may come of it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from runwright.core.events import Draft, PlanModelCalled, RunError
from runwright.core.ids import PlanId
from runwright.plan_port import StepProposed


class ModelRules(NamedTuple):
    """How models are asked for plans.

    planning_s       for all calls together
    budget_wait_s    for room in a tenant's budget that calls under way have reserved
    repairs_max      answers with defects that the model may correct, over all of a run's planning
    judge            who says whether a sound plan is the right one; a `llm` judge comes as a `ModelJudge`
    judge_rounds_max   plans that are made again because the judge did not accept one
    confidence_min   of a judge who accepts
    on_doubt         what becomes of a sound plan that no judge accepted: the best is taken, or the run fails
    early_steps      whether pure steps may start while the model is still writing
    """

    planning_s: float = 180.0
    budget_wait_s: float = 10.0
    answer_tokens_max: int = 4_096
    tool_tokens_max: int = 6_000
    repairs_max: int = 2
    judge: Literal["off", "rules", "llm"] = "off"
    judge_rounds_max: int = 2
    confidence_min: float = 0.8
    on_doubt: Literal["best", "fail"] = "fail"
    early_steps: bool = True

    @property
    def starts_early(self) -> bool:
        """Whether steps may start before the whole plan is written: nobody else has a say in it."""
        return self.early_steps and self.judge == "off"


class Sound(NamedTuple):
    """A plan that may be carried out.

    plan_id   that its steps were proposed for
    doubt     what a judge has against it
    """

    draft: Draft
    plan_id: PlanId | None
    doubt: str | None = None


class GaveUp(NamedTuple):
    """The model made no plan; others may."""

    error: RunError


class Doubted(NamedTuple):
    """There is a plan, and it shall not be carried out."""

    error: RunError


class Exhausted(NamedTuple):
    """A budget does not suffice for what is left to ask."""

    error: RunError


ModelEvent: TypeAlias = StepProposed | PlanModelCalled | Sound | GaveUp | Doubted | Exhausted
