"""The contract of live feeds, for each way in which a process can hear of runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from runwright.adapters.live_local import LocalFeed
from runwright.adapters.live_postgres import FollowedRows
from runwright.adapters.live_redis import RedisWire
from runwright.adapters.postgres import Bounds as DatabaseBounds
from runwright.adapters.postgres import Database
from runwright.adapters.redis import Bounds, SharedRedis
from runwright.core.ids import RunId
from runwright.testing.feed_contract import PATIENCE_S, FeedContract, Followed
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

RUNS = RunId("run_" + "1" * 32), RunId("run_" + "2" * 32)
INSERT = """
INSERT INTO runs (run_id, tenant, status, epoch, seq, head, created_at, tools, witness)
VALUES ($1, 't', 'running', 1, 1, '', 1.0, '', '')"""


@asynccontextmanager
async def at_work(*work: object) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]  # type: ignore[call-overload]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TestLocalFeed(FeedContract):
    """In one process."""

    @pytest.fixture
    def followed(self) -> Followed:
        feed = LocalFeed()

        async def happens(run_id: RunId) -> None:
            feed.publish(run_id)

        return Followed(feed, happens, RUNS)


class TestRedisWire(FeedContract):
    """From another process, over Redis."""

    @pytest.fixture
    async def followed(self, redis_server: PrivateRedis) -> AsyncIterator[Followed]:
        here, there = LocalFeed(), LocalFeed()
        shared = [SharedRedis(redis_server.url, "t:", Bounds(PATIENCE_S, 4)) for _ in range(2)]
        wires = [
            RedisWire(redis, feed.ring, feed.ring_all)
            for redis, feed in zip(shared, (here, there), strict=True)
        ]
        there.tell = wires[1].tell

        async def happens(run_id: RunId) -> None:
            there.publish(run_id)

        async with at_work(*(wire.work() for wire in wires)):
            await wait_until(lambda: all(wire.listening for wire in wires), PATIENCE_S, "both to listen")
            yield Followed(here, happens, RUNS)
        for redis in shared:
            await redis.close()


class TestFollowedRows(FeedContract):
    """From another process, by looking at the rows of runs in PostgreSQL."""

    @pytest.fixture
    async def followed(self, postgres_url: str) -> AsyncIterator[Followed]:
        feed = LocalFeed()
        database = Database(postgres_url, DatabaseBounds(PATIENCE_S, PATIENCE_S, PATIENCE_S, PATIENCE_S, 2))
        await database.open()
        con = await asyncpg.connect(postgres_url)
        for run_id in RUNS:
            await con.execute(INSERT, run_id.removeprefix("run_"))

        async def happens(run_id: RunId) -> None:
            await con.execute("UPDATE runs SET seq = seq + 1 WHERE run_id = $1", run_id.removeprefix("run_"))

        async with at_work(FollowedRows(database, feed, lambda: 0.01).watch()):
            yield Followed(feed, happens, RUNS)
        await con.close()
        await database.close()
