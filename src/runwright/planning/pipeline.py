"""How a request becomes a plan that may be carried out. Read this file first.

    request → given plan, or the rules planner → pin versions → check → accepted or refused

The check always runs, whoever made the plan. Nothing here acts: a planner proposes, the check decides,
and only the driver calls tools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec.structs import replace

from runwright.core.check import check
from runwright.core.errors import NotUnderstood
from runwright.core.events import RunError
from runwright.core.ids import PlanId
from runwright.core.plan import Plan, PlanSource, Problem, Step, plan_hash
from runwright.core.policy import Limits
from runwright.core.tool import Toolbox
from runwright.planning.rules.plan import plan_steps
from runwright.ports import PlanEvent, PlanFailed, PlanMade, PlanRequest, StepProposed


class Pipeline:
    """`Planner` for every request: a given plan is taken as it is, a prompt goes to the rules planner."""

    def __init__(self, tools: Toolbox, limits: Limits, new_plan_id: Callable[[], PlanId]) -> None:
        self._tools, self._limits, self._new_plan_id = tools, limits, new_plan_id

    def is_immediate(self, request: PlanRequest) -> bool:
        """Always, as long as prompts are planned by rules."""
        return True

    async def plan(self, request: PlanRequest) -> AsyncIterator[PlanEvent]:
        if request.draft is not None:
            yield self._judged(request.draft.goal, request.draft.steps, "given")
            return
        try:
            steps = plan_steps(request.prompt)
        except NotUnderstood as error:
            yield PlanFailed(RunError(code=error.code, message=error.message, hint=error.hint))
            return
        verdict = self._judged(request.prompt, steps, "rules")
        if isinstance(verdict, PlanMade):
            for step in verdict.plan.steps:
                yield StepProposed(step)
        yield verdict

    def problems(self, steps: Sequence[Step]) -> tuple[Problem, ...]:
        """Return every defect of a plan."""
        return check(steps, self._tools, self._limits)

    def _judged(self, goal: str, steps: Sequence[Step], source: PlanSource) -> PlanMade | PlanFailed:
        problems = self.problems(steps)
        if problems:
            return PlanFailed(_invalid(problems), problems)
        pinned = tuple(self._pinned(step) for step in steps)
        made = Plan(
            plan_id=self._new_plan_id(),
            goal=goal,
            steps=pinned,
            source=source,
            plan_hash=plan_hash(goal, pinned),
        )
        return PlanMade(made)

    def _pinned(self, step: Step) -> Step:
        """The step with its tool's version written down: a run keeps it whatever is loaded later."""
        contract = self._tools.find(step.tool_name, step.tool_version)
        assert contract is not None, "the check knows every tool"
        return replace(step, tool_version=contract.spec.version)


def _invalid(problems: Sequence[Problem]) -> RunError:
    first, more = problems[0], len(problems) - 1
    tail = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return RunError(
        code="invalid_plan", message=first.message + tail, step_number=first.step_number, hint=first.hint
    )
