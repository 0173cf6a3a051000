"""Snapshots of runs in Redis: the newest one, for a while, and nothing that somebody else has put there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from runwright.adapters import snapshots_redis
from runwright.adapters.redis import Bounds, SharedRedis
from runwright.adapters.snapshots_redis import RedisSnapshots, Terms
from runwright.core import events as ev
from runwright.core.codec import Tip
from runwright.core.events import Event
from runwright.core.ids import RunId
from runwright.core.run import created, evolve
from runwright.core.snapshot import Snapshot
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

RUN, OTHER = RunId("run_" + "1" * 32), RunId("run_" + "2" * 32)
KEY = f"t:snapshot:{{{RUN}}}"
TERMS = Terms(every_s=0.02, ttl_s=600.0, bytes_max=64 * 1024)
PATIENCE_S = 60.0
ERROR = ev.RunError(code="cancelled", message="it was cancelled")


def at(seq: int, *, run_id: RunId = RUN, prompt: str = "p") -> Snapshot:
    """A run that has been planned again and again, up to a seq."""
    run = created(run_id, Event(1, 1.0, ev.RunCreated(tenant="t", prompt=prompt, deadline_s=60.0)))
    for number in range(2, seq + 1):
        run = evolve(run, Event(number, 1.0, ev.PlanStarted()))
    return Snapshot(run, Tip(seq, seq.to_bytes(16)))


def over() -> Snapshot:
    run = evolve(at(2).run, Event(3, 2.0, ev.RunCancelling()))
    return Snapshot(evolve(run, Event(4, 2.0, ev.RunCancelled(error=ERROR))), Tip(4, bytes(16)))


@asynccontextmanager
async def process(
    server: PrivateRedis, *, secret: bytes = b"s" * 32, terms: Terms = TERMS
) -> AsyncIterator[RedisSnapshots]:
    """What a process has of Redis, at work."""

    async def known() -> bytes:
        return secret

    redis = SharedRedis(server.url, "t:", Bounds(answer_s=PATIENCE_S, connections=10))
    snapshots = RedisSnapshots(redis, terms, known, lambda run_id: True)
    task = asyncio.create_task(snapshots.work())
    try:
        yield snapshots
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await redis.close()


async def test_the_newest_state_is_read_by_others_and_no_older_one_replaces_it(
    redis_server: PrivateRedis,
) -> None:
    async with process(redis_server) as one, process(redis_server) as other:
        one.keep(at(2))
        one.keep(at(5))
        await wait_until(lambda: one.writes == 1, PATIENCE_S, "the write")
        first = await other.newest(RUN)
        other.keep(at(3))
        await wait_until(lambda: other.writes == 1, PATIENCE_S, "the late write")
        late = await one.newest(RUN)
        other.keep(at(7))
        await wait_until(lambda: other.writes == 2, PATIENCE_S, "the newer write")
        newer = await one.newest(RUN)
        none = await one.newest(OTHER)

    assert (first, late, newer, none) == (at(5), at(5), at(7), None)


async def test_a_snapshot_has_an_end_which_living_runs_put_off(
    redis_server: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is made whole while the run lives; of a run that is over nothing stays."""
    monkeypatch.setattr(snapshots_redis, "LOOKS_PER_TTL", 10_000)
    async with process(redis_server) as snapshots:
        snapshots.keep(at(2))
        await wait_until(lambda: snapshots.writes == 1, PATIENCE_S, "the write")
        left_s = int(redis_server.ask("TTL", KEY))
        redis_server.ask("EXPIRE", KEY, "100")
        await wait_until(lambda: int(redis_server.ask("TTL", KEY)) > 100, PATIENCE_S, "more time")
        snapshots.keep(over())
        await wait_until(lambda: redis_server.ask("DBSIZE") == "0", PATIENCE_S, "the end")

    assert 500 < left_s <= 600


async def test_a_run_that_ends_soon_is_never_written(redis_server: PrivateRedis) -> None:
    async with process(redis_server) as snapshots:
        snapshots.keep(at(2))
        snapshots.keep(over())
        snapshots.keep(at(2, run_id=OTHER))
        await wait_until(lambda: snapshots.writes == 1, PATIENCE_S, "the other run's")
        found = redis_server.ask("KEYS", "*")

    assert found == f"t:snapshot:{{{OTHER}}}"


@pytest.mark.parametrize(
    "planted",
    [
        ("SET", KEY, "garbage"),
        ("SET", KEY, ""),
        ("SET", KEY, "9" * 16 + "[" * 50_000),
        ("SETRANGE", KEY, "200000", "x"),
        ("SETRANGE", KEY, "40", "{}"),  # what was written, changed behind its head
        ("SETRANGE", KEY, "0", "0000000000000099"),
        ("COPY", f"t:snapshot:{{{OTHER}}}", KEY, "REPLACE"),  # another run's
    ],
)
async def test_what_somebody_has_put_there_is_not_served_and_makes_room(
    redis_server: PrivateRedis, planted: tuple[str, ...]
) -> None:
    """It is no error for the reader, and the next write stands in its place."""
    async with process(redis_server) as one:
        one.keep(at(2))
        one.keep(at(2, run_id=OTHER))
        await wait_until(lambda: one.writes == 2, PATIENCE_S, "the writes")
        redis_server.ask(*planted)
        served = await one.newest(RUN)
        one.keep(at(3))
        await wait_until(lambda: one.writes == 3, PATIENCE_S, "the next write")
        after = await one.newest(RUN)

    assert served is None
    assert after == at(3)


async def test_a_value_of_another_kind_is_not_served_and_makes_room(redis_server: PrivateRedis) -> None:
    async with process(redis_server) as one:
        redis_server.ask("RPUSH", KEY, "a")
        served = await one.newest(RUN)
        one.keep(at(3))
        await wait_until(lambda: one.writes == 1, PATIENCE_S, "the write")
        after = await one.newest(RUN)

    assert served is None
    assert after == at(3)


async def test_a_snapshot_that_was_signed_elsewhere_is_refused(redis_server: PrivateRedis) -> None:
    """Write access to Redis is not enough to have a run shown."""
    async with process(redis_server, secret=b"x" * 32) as stranger, process(redis_server) as own:
        stranger.keep(at(9))
        await wait_until(lambda: stranger.writes == 1, PATIENCE_S, "the write")
        served = await own.newest(RUN)

    assert served is None
    assert own.refused == 1


async def test_what_is_too_large_is_not_written(redis_server: PrivateRedis) -> None:
    async with process(redis_server) as snapshots:
        snapshots.keep(at(2, prompt="x" * 64 * 1024))
        snapshots.keep(at(2, run_id=OTHER))
        await wait_until(lambda: snapshots.writes == 1, PATIENCE_S, "the other run's")

        assert redis_server.ask("KEYS", "*") == f"t:snapshot:{{{OTHER}}}"


async def test_nobody_waits_for_a_redis_that_is_away(redis_server: PrivateRedis) -> None:
    """A kept state is lost with Redis, a reader has none; when Redis is back all goes on."""
    async with process(redis_server) as snapshots:
        redis_server.kill()
        snapshots.keep(at(2))
        away = await snapshots.newest(RUN)
        redis_server.start()

        def written() -> bool:
            snapshots.keep(at(4))
            return snapshots.writes > 0

        await wait_until(written, PATIENCE_S, "Redis to be back")
        back = await snapshots.newest(RUN)

    assert away is None
    assert back == at(4)
