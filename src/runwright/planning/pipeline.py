"""How a request becomes a plan that may be carried out. Read this file first.

    request → given plan, or a model, or the rules planner → check → pin versions → accepted or refused
                             └ none, away, of no use ┘

The check always runs, whoever made the plan. Nothing here acts: a planner proposes, the check decides,
and only the driver calls tools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from runwright.core.check import check
from runwright.core.errors import NotUnderstood
from runwright.core.events import RunError
from runwright.core.ids import PlanId
from runwright.core.plan import Plan, PlanSource, Problem, Step, plan_hash
from runwright.core.policy import Limits
from runwright.core.refusal import one_line
from runwright.core.tool import Toolbox
from runwright.plan_port import PlanEvent, PlanFailed, PlanMade, PlanRequest, StepProposed
from runwright.planning.proposals import Doubted, Exhausted, GaveUp, Sound

if TYPE_CHECKING:
    from runwright.planning.llm import ModelPlanning


class Pipeline:
    """`Planner` for every request: a given plan is taken as it is, a prompt goes to the planners.

    model   where one is configured; what it does not plan is planned by rules
    """

    def __init__(
        self,
        tools: Toolbox,
        limits: Limits,
        new_plan_id: Callable[[], PlanId],
        model: ModelPlanning | None = None,
    ) -> None:
        self._tools, self._limits, self._new_plan_id, self._model = tools, limits, new_plan_id, model

    def is_immediate(self, request: PlanRequest) -> bool:
        """Whether no model is asked."""
        return self._model is None or request.draft is not None

    async def plan(self, request: PlanRequest) -> AsyncIterator[PlanEvent]:
        if request.draft is not None:
            yield self._judged(request.draft.goal, request.draft.steps, "given")
            return
        why: RunError | None = None
        if self._model is not None:
            async with aclosing(self._model.plan(request, self._new_plan_id)) as events:
                async for event in events:
                    match event:
                        case Sound():
                            yield self._judged(
                                event.draft.goal, event.draft.steps, "llm", event.doubt, event.plan_id
                            )
                            return
                        case Doubted() | Exhausted():
                            yield PlanFailed(event.error)
                            return
                        case GaveUp():
                            why = event.error
                        case _:
                            yield event
        for told in self._by_rules(request.prompt, why):
            yield told

    def _by_rules(self, prompt: str, why: RunError | None) -> Iterator[PlanEvent]:
        """Steps and the verdict; `why` no model made the plan."""
        # loaded for the first prompt: a program that gives its plans does without 4 MiB and 60 ms
        from runwright.planning.rules.plan import plan_steps

        try:
            steps = plan_steps(prompt)
        except NotUnderstood as error:
            yield PlanFailed(_not_understood(error, why))
            return
        verdict = self._judged(prompt, steps, "rules", None if why is None else why.message)
        if isinstance(verdict, PlanMade):
            for step in verdict.plan.steps:
                yield StepProposed(step)
        yield verdict

    def problems(self, steps: Sequence[Step]) -> tuple[Problem, ...]:
        """Return every defect of a plan."""
        return check(steps, self._tools, self._limits)

    def _judged(
        self,
        goal: str,
        steps: Sequence[Step],
        source: PlanSource,
        reason: str | None = None,
        plan_id: PlanId | None = None,
    ) -> PlanMade | PlanFailed:
        problems = self.problems(steps)
        if problems:
            return PlanFailed(_invalid(problems), problems)
        pinned = tuple(self._pinned(step) for step in steps)
        made = Plan(
            plan_id=plan_id or self._new_plan_id(),
            goal=goal,
            steps=pinned,
            source=source,
            plan_hash=plan_hash(goal, pinned),
            source_reason=None if reason is None else one_line(reason),
        )
        return PlanMade(made)

    def _pinned(self, step: Step) -> Step:
        """The step with its tool's version written down: a run keeps it whatever is loaded later."""
        contract = self._tools.find(step.tool_name, step.tool_version)
        assert contract is not None, "the check knows every tool"
        return replace(step, tool_version=contract.spec.version)


def _not_understood(error: NotUnderstood, why: RunError | None) -> RunError:
    if why is None:
        return RunError(code=error.code, message=error.message, hint=error.hint)
    said = f"{error.message.rstrip('.')}; and no model made a plan: {one_line(why.message)}"
    return RunError(code=error.code, message=said, hint=why.hint or error.hint)


def _invalid(problems: Sequence[Problem]) -> RunError:
    first, more = problems[0], len(problems) - 1
    tail = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return RunError(
        code="invalid_plan", message=first.message + tail, step_number=first.step_number, hint=first.hint
    )
