"""Plans by a language model: asked, read while it answers, checked, corrected; then judged where one is set.

Nothing a model says is believed. It proposes names, inputs and an order; everything else of a plan is made
here, and the check decides. A model that fails, in whatever way, is a reason and never an exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from runwright.core.check import check
from runwright.core.events import Draft, ModelVerdict, PlanModelCalled, RunError
from runwright.core.ids import PlanId
from runwright.core.plan import Problem, Step
from runwright.core.policy import Limits
from runwright.core.tool import Toolbox, ToolSpec
from runwright.model_port import Message, ModelRequest
from runwright.plan_port import PlanRequest, StepProposed
from runwright.planning import prompt as prompts
from runwright.planning.answer import EarlySteps, Unreadable, read
from runwright.planning.judge import ModelJudge, judged_by_rules
from runwright.planning.model import Ended, Model
from runwright.planning.partial import PartialPlan
from runwright.planning.proposals import Doubted, Exhausted, GaveUp, ModelEvent, ModelRules, Sound
from runwright.planning.purse import Purse
from runwright.tenant_port import Tenants

_INSTEAD = "say it in other words, or give the plan yourself"


@dataclass(slots=True, kw_only=True)
class _Talk:
    """One run's dealings with its models.

    more      the last answer and what is wrong with it
    plan_id   of the plan that the last answer is
    """

    request: PlanRequest
    tools: tuple[ToolSpec, ...]
    nonce: str
    until_s: float
    repairs_left: int
    purse: Purse
    new_plan_id: Callable[[], PlanId]
    more: tuple[Message, ...] = ()
    round: int = 0
    answer: str = ""
    plan_id: PlanId | None = None
    verdict: ModelVerdict | None = None

    def left_s(self) -> float:
        return self.until_s - asyncio.get_running_loop().time()


class _Best(NamedTuple):
    """The plan that a judge thought most of, without accepting it; `doubt` is what is against it."""

    confidence: float
    draft: Draft
    doubt: str


class ModelPlanning:
    """Makes plans by a model.

    judge       asked about sound plans when the rules say `llm`
    new_nonce   makes a word that nobody can know beforehand
    tenants     whose budgets pay for it
    """

    def __init__(
        self,
        model: Model,
        judge: ModelJudge | None,
        *,
        tools: Toolbox,
        limits: Limits,
        rules: ModelRules,
        new_nonce: Callable[[], str],
        tenants: Tenants,
    ) -> None:
        self._model, self._judge, self._tools, self._limits = model, judge, tools, limits
        self._rules, self._new_nonce, self._tenants = rules, new_nonce, tenants

    def _check(self, steps: Sequence[Step]) -> tuple[Problem, ...]:
        return check(steps, self._tools, self._limits)

    async def plan(
        self, request: PlanRequest, new_plan_id: Callable[[], PlanId]
    ) -> AsyncGenerator[ModelEvent, None]:
        """Yield steps and calls as they come, then one of `Sound`, `GaveUp`, `Doubted` and `Exhausted`."""
        rules, loop = self._rules, asyncio.get_running_loop()
        talk = _Talk(
            request=request,
            tools=prompts.candidates(request.prompt, self._tools, rules.tool_tokens_max),
            nonce=self._new_nonce(),
            until_s=loop.time() + rules.planning_s,
            repairs_left=rules.repairs_max,
            purse=Purse(self._tenants, request, rules.budget_wait_s),
            new_plan_id=new_plan_id,
        )
        best: _Best | None = None
        why = ""
        for number in range(1, rules.judge_rounds_max + 2):
            draft: Draft | None = None
            failed: RunError | None = None
            async with aclosing(self._drafted(talk)) as told:
                async for event in told:
                    if isinstance(event, Draft):
                        draft = event
                    elif isinstance(event, RunError):
                        failed = event
                    else:
                        yield event
            if draft is None:
                assert failed is not None, "a drafting ends with a draft or an error"
                if best is None or failed.code == "budget_exhausted":
                    yield _given_up(failed)
                    return
                later = f"; then {failed.message}"
                yield self._doubted(best, talk.plan_id, f"{why}{later}", later)
                return
            verdict = talk.verdict
            if rules.judge == "llm":
                said = await self._judged(talk, draft, number)
                error = said if isinstance(said, RunError) else said.error
                if isinstance(said, PlanModelCalled):
                    yield said
                    verdict = said.verdict
                if error is not None:
                    yield self._unjudged(best, draft, talk.plan_id, error)
                    return
            if verdict is None or (verdict.is_valid and verdict.confidence >= rules.confidence_min):
                yield Sound(draft, talk.plan_id)
                return
            confidence = verdict.confidence if verdict.is_valid else verdict.confidence - 1
            why = _doubt(verdict)
            if best is None or confidence >= best.confidence:
                best = _Best(confidence, draft, why)
            talk.more = prompts.objection(talk.answer, verdict, talk.nonce)
        assert best is not None
        yield self._doubted(best, talk.plan_id, why)

    async def _judged(self, talk: _Talk, draft: Draft, number: int) -> PlanModelCalled | RunError:
        assert self._judge is not None
        return await self._judge.asked(
            talk.request.prompt,
            draft,
            talk.tools,
            nonce=talk.nonce,
            number=number,
            left_s=talk.left_s(),
            purse=talk.purse,
        )

    async def _drafted(
        self, talk: _Talk
    ) -> AsyncGenerator[StepProposed | PlanModelCalled | Draft | RunError, None]:
        """Ask until a plan is sound or the model is given up; the last of it says which."""
        while True:
            talk.round += 1
            talk.plan_id = talk.new_plan_id()
            base = prompts.planning_messages(talk.request.prompt, talk.tools, talk.nonce)
            schema, tokens_max = prompts.plan_schema(talk.tools), self._rules.answer_tokens_max
            asked = ModelRequest((*base, *talk.more), schema, "plan", tokens_max)
            partial, early = PartialPlan(), EarlySteps(self._check, self._limits.steps_max)
            ended: Ended | None = None
            async with aclosing(self._model.stream(asked, talk.left_s(), talk.purse)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Ended):
                        ended = piece
                        continue
                    for text in partial.feed(piece):
                        step = early.taken(text)
                        if step is not None:
                            yield StepProposed(step, talk.plan_id if self._rules.starts_early else None)
            assert ended is not None, "a stream ends with its end"
            if not ended.was_called:
                assert ended.error is not None
                yield ended.error
                return
            draft, problems, error = None, tuple[Problem, ...](), ended.error
            if error is None:
                draft, problems, error = self._read(partial.whole, talk)
            talk.answer, talk.verdict = ended.text, None
            if draft is not None and self._rules.judge == "rules":
                talk.verdict = judged_by_rules(talk.request.prompt, draft)
            yield self._call(ended, talk, problems, error)
            if draft is not None:
                yield draft
                return
            if error is not None:
                yield error
                return
            if not talk.repairs_left:
                yield _unmended(problems)
                return
            talk.repairs_left -= 1
            talk.more = prompts.correction(ended.text, problems, talk.nonce)

    def _read(
        self, text: str | None, talk: _Talk
    ) -> tuple[Draft | None, tuple[Problem, ...], RunError | None]:
        """What a whole answer holds: a sound plan, or its defects, or why the model makes none."""
        try:
            answer = read(text)
        except Unreadable as unreadable:
            return None, unreadable.problems, None
        if answer.cannot and not answer.steps:
            said = f"the model says that the tools cannot do it: {answer.cannot}"
            return None, (), RunError(code="not_understood", message=said)
        problems = self._check(answer.steps)
        if problems:
            return None, problems, None
        return Draft(goal=answer.goal or talk.request.prompt, steps=answer.steps), (), None

    def _call(
        self, ended: Ended, talk: _Talk, problems: tuple[Problem, ...], error: RunError | None
    ) -> PlanModelCalled:
        return PlanModelCalled(
            purpose="plan",
            round=talk.round,
            model=self._model.name,
            duration_ms=ended.duration_ms,
            prompt_tokens=ended.usage.prompt_tokens,
            completion_tokens=ended.usage.completion_tokens,
            cost_usd=ended.cost_usd,
            error=error,
            problems=problems[: prompts.PROBLEMS_MAX],
            verdict=talk.verdict,
        )

    def _unjudged(
        self, best: _Best | None, draft: Draft, plan_id: PlanId | None, error: RunError
    ) -> Sound | GaveUp | Exhausted:
        if self._rules.on_doubt == "fail" or error.code == "budget_exhausted":
            return _given_up(error)
        if best is None:
            return Sound(draft, plan_id, f"nobody judged the plan: {error.message}")
        return Sound(best.draft, plan_id, f"{best.doubt}; then nobody judged another plan: {error.message}")

    def _doubted(self, best: _Best, plan_id: PlanId | None, why: str, later: str = "") -> Sound | Doubted:
        """The best plan with the doubt about it, or a failure with the last one; `later` no plan was made."""
        if self._rules.on_doubt == "best":
            return Sound(best.draft, plan_id, f"{best.doubt}{later}")
        return Doubted(RunError(code="plan_refused", message=f"no plan was made: {why}", hint=_INSTEAD))


def _given_up(error: RunError) -> GaveUp | Exhausted:
    return Exhausted(error) if error.code == "budget_exhausted" else GaveUp(error)


def _doubt(verdict: ModelVerdict) -> str:
    issues = "; ".join(verdict.issues[:3]) or "no reason was given"
    kind = "accepts" if verdict.is_valid else "rejects"
    return f"the judge {kind} the plan with confidence {verdict.confidence:g}: {issues}"


def _unmended(problems: Sequence[Problem]) -> RunError:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    said = f"the model's plan has defects that it did not mend: {problems[0].message}{more}"
    # what the check advises is for who writes the plan, and that was the model
    return RunError(code="invalid_plan", message=said, hint=_INSTEAD)
