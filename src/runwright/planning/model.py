"""A language model as planning calls it: behind its breaker, one of a few at a time, and accounted for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple, TypeAlias

import msgspec

from runwright.breaker_port import Breaker, Standing
from runwright.core.breaker import Permit, Report
from runwright.core.budget import ModelUse
from runwright.core.codec import timestamp
from runwright.core.events import RunError
from runwright.core.ids import Tenant
from runwright.fair_places import FairPlaces
from runwright.log import Log
from runwright.model_port import Llm, ModelAway, ModelError, ModelRequest, ModelUsage
from runwright.planning.purse import Purse

log = Log("runwright.planning")

MESSAGE_TOKENS_MAX = 16  # for what a server writes around a message
COUNTED_TOKENS_MAX = 10**9  # of a question or of an answer: no model takes so many

Price: TypeAlias = Callable[[ModelUsage], float | None]


class Ended(NamedTuple):
    """The end of a question to a model.

    text        the whole answer; empty when there is an error
    was_called  false when nobody was asked, because the breaker is open or no place was free
    cost_usd    None when nobody knows
    error       why there is no answer; None: there is one
    """

    text: str
    was_called: bool
    duration_ms: float
    usage: ModelUsage = ModelUsage(None, None)
    cost_usd: float | None = None
    error: RunError | None = None


class Model:
    """One model of this process.

    breaker  of its server, which others may share
    places   shared by all models: how many calls there may be at once; tenants take them in turn
    wait_s   for a place
    price    of a call, in US dollars
    now_s    a clock that does not jump
    """

    def __init__(
        self,
        llm: Llm,
        *,
        breaker: Breaker,
        places: FairPlaces,
        wait_s: float,
        timeout_s: float,
        price: Price,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._llm, self._breaker, self._places = llm, breaker, places
        self._wait_s, self._timeout_s, self._price, self._now_s = wait_s, timeout_s, price, now_s
        self._failed: dict[str, str | None] | None = None

    @property
    def name(self) -> str:
        return self._llm.model

    async def figures(self) -> dict[str, Any]:
        """Return how the model is, as `/health` shows it."""
        known = await self._breaker.standing()
        return {
            "model": self.name,
            "breaker": known.status,
            "breaker_is_shared": known.is_shared,
            "outages": known.outages,
            "wait_s": round(known.wait_s, 3),
            "last_error": self._failed,
        }

    async def stream(
        self, request: ModelRequest, left_s: float, purse: Purse
    ) -> AsyncGenerator[str | Ended, None]:
        """Yield the answer as it comes, then `Ended`, which is always the last.

        left_s   time for all of it, waiting included
        purse    pays for it
        """
        if (known := self._breaker.refusal()) is not None:
            yield Ended("", False, 0.0, error=self._closed_door(known))
            return
        until_s = self._now_s() + left_s
        asked = tokens_max(request)
        most = await self._use(ModelUsage(asked, request.tokens_max))
        # before a place is taken: a tenant that waits for room in its budget is in nobody's way
        lasts_s = min(left_s, self._wait_s + self._timeout_s)
        reserved = await purse.reserve(self.name, most, lasts_s)
        if isinstance(reserved, RunError):
            yield Ended("", False, 0.0, error=reserved)
            return
        ended: Ended | None = Ended("", False, 0.0)
        heard = 0
        try:
            refusal = await self._placed(purse.tenant, max(0.0, min(self._wait_s, until_s - self._now_s())))
            if refusal is None:
                try:
                    ended = None
                    async with aclosing(self._in_time(request, until_s)) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, Ended):
                                ended = piece
                            else:
                                heard += len(piece.encode())
                                yield piece
                finally:
                    self._places.release()
            else:
                ended = Ended("", False, 0.0, error=refusal)
        finally:
            # as one: a planning may be cut off once more while it waits for this
            await asyncio.shield(self._settled(purse, reserved, ended, ModelUsage(asked, heard)))
        assert ended is not None, "a call ends with its end"
        yield ended

    async def _in_time(self, request: ModelRequest, until_s: float) -> AsyncGenerator[str | Ended, None]:
        """Ask, unless the time is over: room and a place may have been waited for."""
        left_s = until_s - self._now_s()
        if left_s <= 0:
            why = RunError(code="model_busy", message="no time is left to ask the model")
            yield Ended("", False, 0.0, error=why)
            return
        async with aclosing(self._asked(request, min(left_s, self._timeout_s))) as pieces:
            async for piece in pieces:
                yield piece

    async def _settled(self, purse: Purse, reserved: str, ended: Ended | None, most: ModelUsage) -> None:
        await purse.settle(reserved, await self._took(ended, most))

    async def _took(self, ended: Ended | None, most: ModelUsage) -> ModelUse:
        """What a call took: at most one token a byte of what was said and heard, where nobody counted."""
        if ended is None:
            return await self._use(most)
        if not ended.was_called:
            return ModelUse()
        if None not in ended.usage:
            return await self._use(ended.usage)
        if ended.error is not None and not most.completion_tokens:  # nobody answered, so nobody took anything
            return ModelUse(llm_calls=1)
        return await self._use(most)

    async def _use(self, usage: ModelUsage) -> ModelUse:
        tokens, cost_usd = (
            (usage.prompt_tokens or 0) + (usage.completion_tokens or 0),
            await self._cost_usd(usage),
        )
        return ModelUse(tokens, cost_usd or 0.0, 1, int(cost_usd is None))

    async def _asked(self, request: ModelRequest, timeout_s: float) -> AsyncGenerator[str | Ended, None]:
        began_s, texts, usage = self._now_s(), list[str](), ModelUsage(None, None)
        permit = await self._breaker.enter()
        if isinstance(permit, Standing):
            yield Ended("", False, 0.0, error=self._closed_door(permit))
            return
        report: Report = "abandoned"
        failure: ModelError | None = None
        try:
            async with aclosing(self._llm.stream(request, timeout_s)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, ModelUsage):
                        usage = _possible(delta)
                    else:
                        texts.append(delta)
                        yield delta
            report = "answered"
        except ModelError as error:
            failure, report = error, "outage" if error.is_outage else "answered"
            if error.is_outage and self._now_s() - began_s >= timeout_s < self._timeout_s:
                report = "abandoned"  # it had less time than a call has, so nobody knows
        except Exception as error:  # an adapter may fail in ways of its own: an outage like any other
            log.exception("model.crashed", model=self.name)
            failure, report = ModelAway(f"the model's adapter failed: {type(error).__name__}"), "outage"
        finally:
            await self._report(permit, report, failure)
        yield Ended(
            "" if failure else "".join(texts),
            True,
            round((self._now_s() - began_s) * 1_000, 3),
            usage,
            await self._cost_usd(usage),
            None
            if failure is None
            else RunError(code=failure.code, message=failure.message, hint=failure.hint),
        )

    async def _report(self, permit: Permit, report: Report, failure: ModelError | None) -> None:
        if failure is not None:
            self._failed = {"message": failure.message, "hint": failure.hint, "at": timestamp(time.time())}
        rest_s = failure.retry_after_s if failure else 0.0
        status = await self._breaker.report(permit, report, rest_s)
        if status is not None:
            said = failure.message if failure else ""
            log.warning("model.breaker", model=self.name, status=status, why=said)

    def _closed_door(self, known: Standing) -> RunError:
        if known.is_asked:
            message = f"the model {self.name} asked not to be called for another {known.wait_s:.0f} s"
            return RunError(code="model_busy", message=message)
        if known.status == "half_open":
            message = f"the model {self.name} failed, and somebody else is trying whether it is back"
        else:
            message = (
                f"the model {self.name} failed again and again and is left alone for another"
                f" {known.wait_s:.0f} s"
            )
        return RunError(code="model_unavailable", message=message)

    async def _placed(self, tenant: Tenant, wait_s: float) -> RunError | None:
        """Take a place among the calls at once, or say that none was free."""
        try:
            async with asyncio.timeout(wait_s):
                await self._places.acquire(tenant)
        except TimeoutError:
            message = f"no call to a model was free for {wait_s:.0f} s"
            return RunError(code="model_busy", message=message, hint="RUNWRIGHT_LLM_CALLS_AT_ONCE_MAX")
        return None

    async def _cost_usd(self, usage: ModelUsage) -> float | None:
        if None in usage:
            return None
        return await asyncio.to_thread(self._price, usage)  # loading a price list takes its time


def _possible(counted: ModelUsage) -> ModelUsage:
    """What a server counted, without what cannot be: budgets and sums are made of it."""
    prompt, answer = (
        count if count is not None and 0 <= count <= COUNTED_TOKENS_MAX else None for count in counted
    )
    return ModelUsage(prompt, answer)


def tokens_max(request: ModelRequest) -> int:
    """Return how many tokens a question may be, at most: no tokenizer makes more of a text than its bytes."""
    told = sum(len(message.content.encode()) + MESSAGE_TOKENS_MAX for message in request.messages)
    return told + len(msgspec.json.encode(request.schema))
