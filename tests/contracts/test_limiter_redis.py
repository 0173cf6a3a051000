"""Rate limits in Redis keep the contract, over any number of processes, and are never forgotten in silence."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from runwright.adapters.limiter_redis import RedisLimiter
from runwright.adapters.redis import Bounds, SharedRedis
from runwright.core.errors import LimitsUnavailable
from runwright.core.rates import Rate, SlidingLog, Verdict
from runwright.testing.limiter_contract import BLINK, MINUTE, LimiterContract
from runwright.testing.waiting import wait_until
from services.postgres import Absent
from services.redis import PrivateRedis, private

PATIENCE_S = 60.0
REPLICAS = 4
PREFIX = "rate-limits:"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A Redis server of this module; tests that need it are skipped, visibly, where none is installed."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(private(tmp_path_factory.mktemp("redis")))
        except Absent as absent:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{absent}; under CI there must be one")
            pytest.skip(str(absent))
        yield started


@pytest.fixture
def redis(server: PrivateRedis) -> PrivateRedis:
    """The server, empty, as it was before anybody used it."""
    server.ask("FLUSHALL")
    return server


@asynccontextmanager
async def process(server: PrivateRedis, answer_s: float = PATIENCE_S) -> AsyncIterator[RedisLimiter]:
    """The limiter of a new process."""
    shared = SharedRedis(server.url, PREFIX, Bounds(answer_s, 10))
    yield RedisLimiter(shared)
    await shared.close()


@pytest.fixture
async def limiter(redis: PrivateRedis) -> AsyncIterator[RedisLimiter]:
    """The limiter of a process."""
    async with process(redis) as opened:
        yield opened


@pytest.fixture
async def replicas(redis: PrivateRedis) -> AsyncIterator[list[RedisLimiter]]:
    """The limiters of several processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(process(redis)) for _ in range(REPLICAS)]


class TestRedisLimiter(LimiterContract):
    """The contract, on a Redis of this module's own."""


async def test_all_processes_count_together(replicas: list[RedisLimiter]) -> None:
    """Ten in all are admitted, whoever is asked."""
    verdicts = await asyncio.gather(*(one.admit("a", MINUTE) for one in replicas * 25))

    assert sum(verdict.admitted for verdict in verdicts) == 10


async def test_keys_end_by_themselves_and_share_a_slot(limiter: RedisLimiter, redis: PrivateRedis) -> None:
    """Everything has our prefix and one tag, and all that belongs to a caller has an end."""
    await limiter.admit("abc123", MINUTE)
    await limiter.admit("abc123", Rate("many", 1_000))
    keys = set(redis.ask("KEYS", "*").split())
    state = PREFIX + "limit_state:{limits}"

    assert keys == {state, PREFIX + "limit:{limits}:minute:abc123", PREFIX + "limit:{limits}:many:abc123"}
    assert all(0 < int(redis.ask("PTTL", key)) <= 61_500 for key in keys - {state})


@pytest.mark.parametrize("loss", ["flush", "restart"])
async def test_what_was_lost_counts_as_used_up(
    replicas: list[RedisLimiter], redis: PrivateRedis, loss: str
) -> None:
    """After a flush or a restart nobody is admitted for one window, not even by a process that is new."""
    for one in replicas:
        assert (await one.admit("a", BLINK)).admitted
        assert (await one.admit("a", MINUTE)).admitted
    if loss == "flush":
        redis.ask("FLUSHALL")
    else:
        redis.kill()
        redis.start()
    refused = await _answered(replicas[0], MINUTE)
    async with process(redis) as new:
        others = [await _answered(one, MINUTE) for one in (*replicas[1:], new)]
        while not (await new.admit("a", BLINK)).admitted:  # a window of half a second passes
            await asyncio.sleep(0.05)

    assert not refused.admitted and 50 < refused.wait_s <= 60
    assert not any(verdict.admitted for verdict in others)


async def test_a_new_process_that_is_first_after_a_loss_is_found_out(redis: PrivateRedis) -> None:
    """It takes the empty Redis for a beginning; the first process that knows better closes the window."""
    async with process(redis) as old, process(redis) as new:
        await old.admit("a", MINUTE)
        redis.ask("FLUSHALL")
        trusting = await new.admit("a", MINUTE)
        knowing = await old.admit("a", MINUTE)
        after = await new.admit("a", MINUTE)

    assert [trusting.admitted, knowing.admitted, after.admitted] == [True, False, False]


async def test_a_script_that_was_dropped_is_brought_back(limiter: RedisLimiter, redis: PrivateRedis) -> None:
    """SCRIPT FLUSH loses no count, and nobody notices."""
    before = [await limiter.admit("a", MINUTE) for _ in range(3)]
    redis.ask("SCRIPT", "FLUSH")
    after = await asyncio.gather(*(limiter.admit("a", MINUTE) for _ in range(20)))

    assert sum(verdict.admitted for verdict in (*before, *after)) == 10


async def test_who_gives_up_harms_nobody(limiter: RedisLimiter) -> None:
    """Those who asked in the same round trip get their answers."""
    asked = [asyncio.create_task(limiter.admit("a", MINUTE)) for _ in range(6)]
    await asyncio.sleep(0)
    for task in asked[:3]:
        task.cancel()
    told = await asyncio.gather(*asked, return_exceptions=True)

    assert [isinstance(one, asyncio.CancelledError) for one in told] == [True] * 3 + [False] * 3
    assert all(verdict.admitted for verdict in told[3:])  # type: ignore[union-attr]


async def test_nobody_is_admitted_while_redis_is_silent(redis: PrivateRedis) -> None:
    """Everybody is told so within a bounded time; when Redis is back the count goes on."""
    async with process(redis, answer_s=0.5) as limiter:
        for _ in range(4):
            await _answered(limiter, MINUTE)
        redis.pause()
        try:
            told = await asyncio.gather(
                *(limiter.admit("a", MINUTE) for _ in range(50)), return_exceptions=True
            )
        finally:
            redis.go_on()
        verdict = await _answered(limiter, MINUTE)

    assert all(isinstance(error, LimitsUnavailable) for error in told)
    # what was asked while it was silent may have been counted when it woke: fewer are admitted, never more
    assert verdict.remaining <= 5


async def _answered(limiter: RedisLimiter, rate: Rate) -> Verdict:
    """The first verdict once Redis answers."""
    found = list[Verdict]()

    async def asked() -> None:
        while not found:
            try:
                found.append(await limiter.admit("a", rate))
            except LimitsUnavailable:
                await asyncio.sleep(0.01)

    asking = asyncio.create_task(asked())
    await wait_until(asking.done, PATIENCE_S, "Redis to answer")
    await asking
    return found[0]


SCRIPT = files("runwright.adapters").joinpath("lua", "admit.lua").read_text(encoding="utf-8")
# the same script on a clock that the test sets
ON_A_CLOCK = SCRIPT.replace("redis.call('TIME')", "{ARGV[5], ARGV[6]}")
GAPS = st.one_of(
    st.integers(0, 5), st.integers(0, 2_000_000), st.sampled_from([999_999, 1_000_000, 1_000_001])
)


@settings(max_examples=40)
@given(limit=st.integers(1, 300), gaps=st.lists(GAPS, min_size=1, max_size=60), crowd=st.integers(1, 5))
def test_the_script_and_its_twin_in_memory_agree(
    server: PrivateRedis, limit: int, gaps: list[int], crowd: int
) -> None:
    """At the same moments both admit the same callers and tell the same figures."""
    rate, twin, now_us = Rate("r", limit, window_s=1, slack_s=0), SlidingLog(), 1_795_387_371_123_456
    with Redis.from_url(server.url) as plain:
        plain.flushall()
        script = plain.register_script(ON_A_CLOCK)
        for gap in gaps:
            now_us += gap
            for _ in range(crowd):
                clock = divmod(now_us, 1_000_000)
                expected = twin.admit(now_us, rate)
                admitted, used, wait_us, _made_at = script(
                    keys=["{t}state", "{t}log"], args=[limit, rate.window_us, rate.grain_us, "", *clock]
                )
                assert bool(admitted) == expected.admitted
                assert max(0, limit - used) == expected.remaining
                assert wait_us == round(expected.wait_s * 1_000_000)
                assert plain.llen("{t}log") <= 130


@pytest.mark.parametrize("back_s", [1, 3_600])
def test_a_clock_that_is_put_back_closes_for_a_window_at_most(server: PrivateRedis, back_s: int) -> None:
    """What counted goes on counting, by the new time, and then there is room again."""
    with Redis.from_url(server.url) as plain:
        plain.flushall()
        script = plain.register_script(ON_A_CLOCK)

        def ask(at_s: int) -> int:
            return int(script(keys=["{t}state", "{t}log"], args=[3, 60_000_000, -1, "", at_s, 0])[0])

        before = [ask(1_795_387_371 + number) for number in range(4)]
        now_s = 1_795_387_374 - back_s
        behind = [ask(now_s), ask(now_s + 50)]
        later = ask(now_s + 65)

    assert (before, behind, later) == ([1, 1, 1, 0], [0, 0], 1)
