"""How the followers of runs hear of what other processes do: over Redis, and by looking in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runwright.adapters.live_local import LocalFeed
from runwright.snapshot_port import Snapshots
from runwright.stores import PostgresStore, Store

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis

LOOK_S = 0.25  # between two looks at the rows of the runs that are followed here
LOOK_SELDOM_S = 2.0  # the same while Redis brings the news


@asynccontextmanager
async def news(
    store: Store, redis: SharedRedis | None, feed: LocalFeed, snapshots: Snapshots | None, *, followed: bool
) -> AsyncIterator[None]:
    """Ring in the feed for the news of other processes, and keep snapshots for them, within the context.

    followed   whether anybody follows runs here; else the others are told, and not listened to
    """
    if not isinstance(store, PostgresStore):
        yield
        return
    from runwright.adapters.live_postgres import FollowedRows

    loop = asyncio.get_running_loop()
    wire = None
    if redis is not None:
        from runwright.adapters.live_redis import RedisWire

        wire = RedisWire(redis, feed.ring, feed.ring_all)
        feed.tell = wire.tell

    def every_s() -> float:
        return LOOK_SELDOM_S if wire is not None and wire.listening else LOOK_S

    tasks = []
    if followed:
        tasks.append(loop.create_task(FollowedRows(store.database, feed, every_s).watch()))
    if wire is not None:
        tasks.append(loop.create_task(wire.work() if followed else wire.tell_all()))
    if snapshots is not None:
        tasks.append(loop.create_task(snapshots.work()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
