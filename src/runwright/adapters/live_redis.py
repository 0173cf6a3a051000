"""Wake-ups between processes over Redis: a hint, which may be lost at any time.

News are told at once, and what comes in the moments behind them in one message. Nobody waits for Redis: what
cannot be told in time is forgotten, and the connection with it, so that no late answer is taken for another
one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runwright.adapters.redis import RedisAway, SharedRedis, heeding, said
from runwright.core.ids import RunId
from runwright.log import Log

log = Log("runwright.live")

CHANNEL = "runs"  # behind the prefix
GATHER_S = 0.005  # between two messages
AGAIN_S = (0.1, 0.5, 1.0, 2.0)  # waits until Redis is tried again; the last one repeats
TOLD_MAX = 1_000  # runs in one message
MESSAGE_BYTES_MAX = 64 * 1024  # what is longer is none of ours
WAITING_MAX = 10_000  # runs that wait to be told; more are forgotten
QUIET_S = 15.0


class RedisWire:
    """Tells other processes which runs have news, and rings for the news of theirs.

    ring, ring_all   ring here for one run, and for all when something may have been missed
    """

    def __init__(
        self, redis: SharedRedis, ring: Callable[[RunId], None], ring_all: Callable[[], None]
    ) -> None:
        self._redis, self._channel = redis, redis.prefix + CHANNEL
        self._ring, self._ring_all = ring, ring_all
        self._name = secrets.token_hex(4).encode()
        self._news: dict[RunId, None] = {}
        self._any = asyncio.Event()
        self.listening = self._is_deaf = False

    def tell(self, run_id: RunId) -> None:
        """Have the others told that a run has news; returns at once."""
        if len(self._news) < WAITING_MAX:
            self._news[run_id] = None
            self._any.set()

    async def work(self) -> None:
        """Tell and listen until this is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.tell_all())
            tasks.create_task(self._hearing())

    async def tell_all(self) -> None:
        """Tell, and hear nothing, until this is cancelled."""
        while True:
            await self._any.wait()
            told = list(self._news)[:TOLD_MAX]
            for run_id in told:
                del self._news[run_id]
            if not self._news:
                self._any.clear()
            message = b" ".join((self._name, *(run_id.encode() for run_id in told)))
            with suppress(RedisAway):
                await self._redis.ask(partial(self._published, message))
            await asyncio.sleep(GATHER_S)

    async def _published(self, message: bytes, client: Redis) -> None:
        await client.publish(self._channel, message)

    async def _hearing(self) -> None:
        failed = 0
        while True:
            try:
                await self._heard()
            except (RedisError, OSError, TimeoutError) as error:
                if self.listening or not failed:
                    log.warning("redis.deaf", error=said(error))
                    self._is_deaf = True
                failed = 0 if self.listening else failed
                self.listening = False
            await asyncio.sleep(AGAIN_S[min(failed, len(AGAIN_S) - 1)])
            failed += 1

    async def _heard(self) -> None:
        async with self._redis.client.pubsub() as channel:
            with heeding():
                await channel.subscribe(self._channel)
            while True:
                with heeding():
                    message = await channel.get_message(timeout=QUIET_S)
                    if message is None:  # a connection that was cut in silence is found out
                        await channel.ping()
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    if self._is_deaf:
                        log.info("redis.heard")
                    self._is_deaf, self.listening = False, True
                    self._ring_all()
                elif message["type"] == "message" and len(message["data"]) <= MESSAGE_BYTES_MAX:
                    name, *told = message["data"].split(b" ")
                    if name != self._name:
                        for run_id in told:  # of a run that nobody here follows, or of none at all
                            self._ring(RunId(run_id.decode("ascii", "replace")))
