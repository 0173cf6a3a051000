"""The client of Redis: every answer belongs to its question, and nobody waits longer than is bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from runwright.adapters.redis import Bounds, RedisAway, SharedRedis
from runwright.core.errors import Invalid
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

PATIENCE_S = 60.0
CONNECTIONS = 4


@pytest.fixture
async def redis(redis_server: PrivateRedis) -> AsyncIterator[SharedRedis]:
    shared = SharedRedis(redis_server.url, "t:", Bounds(answer_s=PATIENCE_S, connections=CONNECTIONS))
    yield shared
    await shared.close()


async def echoed(redis: SharedRedis, text: str) -> str:
    """Return what Redis answers to a question that nobody else asks."""
    said: bytes = await redis.ask(lambda client: client.echo(text))
    return said.decode()


async def patiently(redis: SharedRedis, text: str) -> str:
    """Return the answer of a Redis that is there, and for which this machine may be too slow."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await echoed(redis, text)
            except RedisAway:
                await asyncio.sleep(0.01)


async def test_a_question_that_was_cancelled_leaves_no_answer_to_the_next(
    redis: SharedRedis, redis_server: PrivateRedis
) -> None:
    """Cancelled at every point where it can wait, alone and beside others; no connection is lost by it."""
    cut = mixed = 0
    for ticks in range(0, 90, 4):
        redis_server.pause()
        task = asyncio.create_task(echoed(redis, f"cut {ticks}"))
        beside = asyncio.create_task(echoed(redis, f"beside {ticks}"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        cut += isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        redis_server.go_on()
        mixed += await echoed(redis, f"next {ticks}") != f"next {ticks}"
        mixed += await beside != f"beside {ticks}"
    texts = [str(number) for number in range(10 * CONNECTIONS)]

    assert cut > 10, "hardly anything was cut off: the test is void"
    assert mixed == 0
    assert await asyncio.gather(*(echoed(redis, text) for text in texts)) == texts


async def test_a_loop_of_questions_ends_when_it_is_cancelled(redis: SharedRedis) -> None:
    """Also when the cancellation comes together with an answer, which `asyncio.wait_for` of 3.11 prefers."""

    ended = asyncio.Event()

    async def asking() -> None:
        while not ended.is_set():
            await echoed(redis, "x")

    for round_number in range(200):
        task = asyncio.create_task(asking())
        for _ in range(round_number % 60):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)
        if not task.done():
            ended.set()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_answers_that_come_too_late_are_nobodys(redis: SharedRedis, redis_server: PrivateRedis) -> None:
    """Questions are given up while Redis is stopped; when it goes on it answers them, to closed connections."""
    await asyncio.gather(*(echoed(redis, "warm") for _ in range(CONNECTIONS)))
    redis_server.pause()
    lost = [asyncio.create_task(echoed(redis, f"lost {n}")) for n in range(CONNECTIONS)]
    await asyncio.sleep(0.05)
    for task in lost:
        task.cancel()
    await asyncio.gather(*lost, return_exceptions=True)
    redis_server.go_on()
    texts = [f"new {n}" for n in range(10 * CONNECTIONS)]

    assert await asyncio.gather(*(echoed(redis, text) for text in texts)) == texts


async def test_a_stopped_redis_is_waited_for_once_and_then_no_more(redis_server: PrivateRedis) -> None:
    """The first question takes as long as is bounded, the next none; it is asked again when it goes on."""
    redis = SharedRedis(redis_server.url, "t:", Bounds(answer_s=0.3, connections=CONNECTIONS))
    redis_server.pause()
    asked = []

    async def ask(client: Redis) -> str:
        asked.append(client)
        return str(await client.echo("x"))

    begun_s = time.monotonic()
    for _ in range(2):
        with pytest.raises(RedisAway):
            await redis.ask(ask)
        took_s = time.monotonic() - begun_s
    away, failed = redis.away, redis.failed
    redis_server.go_on()
    await wait_until(lambda: redis.away is None, PATIENCE_S, "Redis to be back")
    back = await patiently(redis, "back")
    await redis.close()

    assert 0.3 <= took_s < PATIENCE_S
    assert len(asked) == 1
    assert away is not None
    assert failed is not None
    assert back == "back"


async def test_a_refusal_is_no_absence(redis: SharedRedis, redis_server: PrivateRedis) -> None:
    """A Redis that is full or refuses a command still answers: it is asked again at once."""
    redis_server.ask("RPUSH", "t:list", "a")
    with pytest.raises(RedisAway, match="WRONGTYPE"):
        await redis.ask(lambda client: client.get("t:list"))

    assert redis.away is None
    assert redis.failed is not None
    assert await echoed(redis, "still there") == "still there"


async def test_a_killed_redis_is_found_again_without_its_old_connections(
    redis: SharedRedis, redis_server: PrivateRedis
) -> None:
    await asyncio.gather(*(echoed(redis, "warm") for _ in range(CONNECTIONS)))
    redis_server.kill()
    with pytest.raises(RedisAway):
        await echoed(redis, "x")
    redis_server.start()
    await wait_until(lambda: redis.away is None, PATIENCE_S, "Redis to be back")
    texts = [str(number) for number in range(10 * CONNECTIONS)]

    assert await asyncio.gather(*(echoed(redis, text) for text in texts)) == texts


async def test_more_questions_than_connections_wait_their_turn(redis: SharedRedis) -> None:
    texts = [str(number) for number in range(100 * CONNECTIONS)]

    assert await asyncio.gather(*(echoed(redis, text) for text in texts)) == texts


@pytest.mark.parametrize("url", ["http://host", "redis://host:port/0", "nothing"])
def test_an_address_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        SharedRedis(url, "t:", Bounds(answer_s=1.0, connections=4))

    assert url not in refused.value.message
