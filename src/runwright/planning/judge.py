"""Judges of plans: whether a plan that passed the check is the one that was asked for.

A judge can ask for another plan. It cannot change one, and its word raises no permission.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Any

import msgspec

from runwright.core.events import Draft, ModelVerdict, PlanModelCalled, RunError
from runwright.core.refusal import one_line
from runwright.core.tool import ToolSpec
from runwright.model_port import ModelRequest
from runwright.planning import prompt as prompts
from runwright.planning.model import Ended, Model
from runwright.planning.partial import PartialPlan
from runwright.planning.purse import Purse

ANSWER_TOKENS_MAX = 1_000
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_QUOTED = re.compile(r'"([^"\n]{1,200})"|“([^”\n]{1,200})”|«([^»\n]{1,200})»')


class _Answer(msgspec.Struct, frozen=True):
    is_valid: bool
    confidence: float
    issues: list[str] = []
    suggestions: list[str] = []


class ModelJudge:
    """Asks a model whether a plan does what a request asks."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def asked(
        self,
        prompt: str,
        draft: Draft,
        tools: tuple[ToolSpec, ...],
        *,
        nonce: str,
        number: int,
        left_s: float,
        purse: Purse,
    ) -> PlanModelCalled | RunError:
        """Return the call with the verdict or the error in it; the error alone when nobody was asked."""
        messages = prompts.judging_messages(prompt, draft, tools, nonce)
        request = ModelRequest(messages, prompts.verdict_schema(), "verdict", ANSWER_TOKENS_MAX)
        ended: Ended | None = None
        async with aclosing(self._model.stream(request, left_s, purse)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Ended):
                    ended = piece
        assert ended is not None, "a stream ends with its end"
        verdict, error = None, ended.error
        if error is None:
            verdict = _verdict(ended.text)
            if verdict is None:
                error = RunError(code="model_answer_invalid", message="the judge's answer is no verdict")
        elif not ended.was_called:
            return error
        return PlanModelCalled(
            purpose="judge",
            round=number,
            model=self._model.name,
            duration_ms=ended.duration_ms,
            prompt_tokens=ended.usage.prompt_tokens,
            completion_tokens=ended.usage.completion_tokens,
            cost_usd=ended.cost_usd,
            error=error,
            verdict=verdict,
        )


def _verdict(text: str) -> ModelVerdict | None:
    reading = PartialPlan()
    reading.feed(text)
    try:
        answer = msgspec.json.decode(reading.whole or "", type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not 0 <= answer.confidence <= 1:
        return None
    most = prompts.ISSUES_MAX
    return ModelVerdict(
        is_valid=answer.is_valid,
        confidence=answer.confidence,
        issues=tuple(map(one_line, answer.issues[:most])),
        suggestions=tuple(map(one_line, answer.suggestions[:most])),
    )


def judged_by_rules(prompt: str, draft: Draft) -> ModelVerdict:
    """Return a verdict without a model: numbers and quoted texts of the request must appear in the plan.

    The confidence is the part of them that does; 1 when there are none.
    """
    given = _plain(" ".join(_texts([step.tool_input for step in draft.steps])))
    numbers = set(_NUMBER.findall(given))
    wanted = dict.fromkeys(_NUMBER.findall(_plain(prompt)))
    missing = [number for number in wanted if number not in numbers]
    quotes = dict.fromkeys("".join(found) for found in _QUOTED.findall(prompt))
    missing += [quote for quote in quotes if _plain(quote) not in given]
    count = len(wanted) + len(quotes)
    issues = tuple(f"the request says {one_line(text)!r}, the plan does not" for text in missing)
    confidence = 1.0 if not count else round((count - len(missing)) / count, 3)
    return ModelVerdict(is_valid=not missing, confidence=confidence, issues=issues[: prompts.ISSUES_MAX])


def _plain(text: str) -> str:
    """Text without what numbers are grouped with, and without regard to letter case."""
    return re.sub(r"(?<=\d)[,_' ](?=\d{3}\b)", "", text).lower()


def _texts(values: list[Any]) -> list[str]:
    """Every string and number in JSON values, however deep they are."""
    found, left = [], values[:]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif value is not None and not isinstance(value, bool):
            found.append(str(value))
    return found
