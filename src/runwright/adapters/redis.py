"""One Redis: its connections, and how long anything may take.

Redis is a hint: what is asked there has an answer of its own without it. So nobody waits longer than
`answer_s`, nothing is tried twice, and a Redis that does not answer is not asked again until a probe has
reached it. A connection whose answer was not waited for is closed, never given to the next one who asks.
No error of the driver leaves this module, and no password.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as Unreached
from redis.exceptions import TimeoutError as Unanswered

from runwright.core.errors import Invalid
from runwright.log import Log

T = TypeVar("T")
log = Log("runwright.redis")

PROBE_WAITS_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # the last one repeats
ERROR_CHARACTERS_MAX = 200

# what says nothing of the question: the server could not be reached, or did not answer in time
LOST = (Unreached, Unanswered, BusyLoadingError, OSError, TimeoutError)


class RedisAway(Exception):
    """Redis did not answer, or refused; do without it."""


class Bounds(NamedTuple):
    """How long and how much, at most.

    answer_s      for one question, a free connection and a new one included
    connections   at once; more questions wait, within `answer_s`
    """

    answer_s: float
    connections: int


class SharedRedis:
    """The connections of this process to the Redis that all processes share.

    prefix   every key and channel begins with it
    away     why Redis is not asked just now; None while it answers
    failed   the newest failure, and when it was, in epoch seconds; None when there was none
    Raises   Invalid for an address that is none
    """

    def __init__(self, url: str, prefix: str, bounds: Bounds) -> None:
        self.prefix, self.bounds = prefix, bounds
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                timeout=bounds.answer_s,
                max_connections=bounds.connections,
                socket_connect_timeout=bounds.answer_s,
                socket_timeout=bounds.answer_s,
                retry=Retry(NoBackoff(), 0),
                # of RESP 3 the pool would take connections back that hold the answer to another question
                protocol=2,
            )
        except ValueError as error:
            hint = "write redis://HOST:6379/0"
            raise Invalid("RUNWRIGHT_REDIS_URL is no address of a Redis", hint=hint) from error
        self.client = Redis(connection_pool=pool)
        self.away: str | None = None
        self.failed: tuple[str, float] | None = None
        self._probe: asyncio.Task[None] | None = None

    def key(self, kind: str, tag: str) -> str:
        """Return a key; all keys with one tag are in one slot of a Redis Cluster."""
        return f"{self.prefix}{kind}:{{{tag}}}"

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """Return what Redis answers, within `answer_s`.

        Raises   RedisAway; at once while Redis is known to be away
        """
        if self.away is not None:
            raise RedisAway(self.away)
        try:
            return await self._asked(question)
        except LOST as error:
            self._lost(error)
            raise RedisAway(said(error)) from error
        except RedisError as error:  # it answers, and refuses: full, read-only, without the right
            self.failed = said(error), time.time()
            raise RedisAway(said(error)) from error

    async def lag_ms(self) -> float:
        """Return how long Redis takes to answer, in milliseconds.

        Raises   RedisAway
        """
        begun_s = time.perf_counter()
        await self.ask(lambda client: client.ping())
        return (time.perf_counter() - begun_s) * 1_000

    async def facts(self) -> dict[str, str | int | float]:
        """Return what the server says of itself, as `INFO` names it.

        Raises   RedisAway
        """
        said: dict[str, str | int | float] = await self.ask(lambda client: client.info())
        return said

    async def close(self) -> None:
        """Let go of every connection."""
        if self._probe is not None:
            self._probe.cancel()
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(self.bounds.answer_s):
                await self.client.connection_pool.aclose()

    async def _asked(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        async with asyncio.timeout(self.bounds.answer_s):
            with heeding():
                return await question(self.client)

    def _lost(self, error: BaseException) -> None:
        """Take note that Redis did not answer; from now on it is asked by the probe alone."""
        self.failed = said(error), time.time()
        if self.away is None:
            log.warning("redis.away", error=said(error))
        self.away = said(error)
        if self._probe is None or self._probe.done():
            self._probe = asyncio.get_running_loop().create_task(self._probed())

    async def _probed(self) -> None:
        for wait_s in chain(PROBE_WAITS_S, repeat(PROBE_WAITS_S[-1])):
            await asyncio.sleep(wait_s)
            try:
                await self._asked(lambda client: client.ping())
            except (RedisError, OSError, TimeoutError) as error:
                self.failed = said(error), time.time()
            else:
                break
        self.away = None
        log.info("redis.back")


@contextmanager
def heeding() -> Iterator[None]:
    """Let no cancellation be lost of what is awaited inside.

    The client awaits with `asyncio.wait_for`, and that of Python 3.11 forgets one that comes with the answer.

    Raises   CancelledError
    """
    task = asyncio.current_task()
    assert task is not None
    asked = task.cancelling()
    yield
    if task.cancelling() > asked:
        raise asyncio.CancelledError


def said(error: BaseException) -> str:
    """Return what an error of Redis says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:ERROR_CHARACTERS_MAX]
