"""Rate limits in Redis, counted for all processes together by one script on the Redis server's clock.

While Redis does not answer nobody can say what others have admitted: `LimitsUnavailable`. Redis holds a list
for each caller, which ends by itself, and one hash that tells whether what was counted in the last window is
still there. All keys are in one slot of a cluster. Who asks while an answer is awaited is asked for together
with the others in the next round trip.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextvars import Context
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import NoScriptError, RedisError

from runwright.adapters.redis import RedisAway, SharedRedis
from runwright.core.errors import LimitsUnavailable
from runwright.core.rates import Rate, Verdict
from runwright.log import Log

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = Log("runwright.limits")

TAG = "limits"
TOGETHER_MAX = 100  # questions in one round trip


class _Question(NamedTuple):
    log: str
    rate: Rate
    answer: asyncio.Future[list[Any]]


class RedisLimiter:
    """`Limiter` for all processes on one Redis."""

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis
        self._source = files("runwright.adapters").joinpath("lua", "admit.lua").read_text(encoding="utf-8")
        # how Redis names a script, and nothing that anybody's safety rests on
        self._sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()
        self._state, self._logs = redis.key("limit_state", TAG), redis.key("limit", TAG)
        self._made_at: Any = b""
        self._waiting: list[_Question] = []
        self._asking: asyncio.Task[None] | None = None

    async def admit(self, caller: str, rate: Rate) -> Verdict:
        loop = asyncio.get_running_loop()
        question = _Question(f"{self._logs}:{rate.name}:{caller}", rate, loop.create_future())
        self._waiting.append(question)
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask(), context=Context())
        admitted, used, wait_us, self._made_at = await question.answer
        return Verdict.of(rate, admitted=bool(admitted), used=used, wait_us=wait_us)

    async def _ask(self) -> None:
        while self._waiting:
            asked = self._waiting[:TOGETHER_MAX]
            del self._waiting[:TOGETHER_MAX]
            answers: Sequence[Any]
            try:
                answers = await self._redis.ask(partial(self._answers, asked))
            except RedisAway as error:
                answers = [error] * len(asked)
            except Exception as error:  # a fault of ours: nobody is let in, and nobody waits for ever
                log.exception("limits.broken")
                answers = [error] * len(asked)
            for question, answer in zip(asked, answers, strict=True):
                if question.answer.done():
                    continue  # nobody waits for it any more
                if isinstance(answer, Exception):
                    refused = LimitsUnavailable()
                    refused.__cause__ = answer
                    question.answer.set_exception(refused)
                else:
                    question.answer.set_result(answer)

    async def _answers(self, asked: Sequence[_Question], client: Redis) -> list[Any]:
        answers = await self._evaluated(asked, client)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            # what was carried out all the same counts twice then: fewer are admitted, never more
            await client.script_load(self._source)
            answers = await self._evaluated(asked, client)
        return answers

    async def _evaluated(self, asked: Sequence[_Question], client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for question in asked:
            rate = question.rate
            given = (str(rate.limit), str(rate.window_us), str(rate.grain_us), self._made_at)
            pipe.evalsha(self._sha, 2, self._state, question.log, *given)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError) and not isinstance(answer, NoScriptError):
                raise answer
        return answers
