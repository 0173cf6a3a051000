"""The circuit breaker (G10): opens after five outages in a row, rests, and lets exactly one probe through.

In memory and in Redis it is the same one, beside a model of what it promises that keeps a plain list of facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from runwright.adapters.breaker_local import LocalBreaker
from runwright.adapters.breaker_redis import RedisBreaker
from runwright.adapters.redis import Bounds, SharedRedis
from runwright.breaker_port import Breaker, Standing
from runwright.core.breaker import Permit, Report
from runwright.testing.breaker_contract import (
    FIVE,
    FOUR,
    RULES,
    BreakerContract,
    Clock,
    called,
    entered,
    kept_out,
)
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

T = TypeVar("T")
PATIENCE = Bounds(answer_s=30.0, connections=50)


class SharedClock(Clock):
    """A clock that scripts in Redis read."""

    lua = "local now = tonumber(redis.call('GET', 'test:clock'))\n"

    def __init__(self, server: PrivateRedis) -> None:
        super().__init__()
        self.client = Redis.from_url(server.url, protocol=2)
        self.put_back_s = 0.0
        self.passes(0.0)

    def passes(self, seconds: float) -> None:
        super().passes(seconds)
        self.client.set("test:clock", round((self.now_s - self.put_back_s) * 1_000))


def shared(redis: SharedRedis, clock: Clock, name: str) -> RedisBreaker:
    """A breaker in Redis that goes by the clock of the test."""
    return RedisBreaker(redis, name, RULES, now_s=lambda: clock.now_s, clock=SharedClock.lua)


class TestLocal(BreakerContract):
    """In memory."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def breaker(self, clock: Clock) -> Breaker:
        return LocalBreaker(RULES, lambda: clock.now_s)

    @pytest.fixture
    def replica(self, breaker: Breaker) -> Breaker:
        return breaker


class TestRedis(BreakerContract):
    """In Redis, where replicas share it."""

    @pytest.fixture
    def clock(self, redis_server: PrivateRedis) -> Iterator[SharedClock]:
        clock = SharedClock(redis_server)
        yield clock
        clock.client.close()

    @pytest.fixture
    async def redis(self, redis_server: PrivateRedis) -> AsyncIterator[SharedRedis]:
        redis = SharedRedis(redis_server.url, "t:", PATIENCE)
        yield redis
        await redis.close()

    @pytest.fixture
    def breaker(self, redis: SharedRedis, clock: Clock) -> Breaker:
        return shared(redis, clock, "m")

    @pytest.fixture
    def replica(self, redis: SharedRedis, clock: Clock) -> Breaker:
        return shared(redis, clock, "m")

    async def test_open_it_asks_nobody(self, breaker: Breaker, clock: SharedClock) -> None:
        """What is open until a time is open until then: the answer needs no network."""
        await called(breaker, *FIVE)
        before = clock.client.info("stats")["total_commands_processed"]
        for _ in range(100):
            assert (await kept_out(breaker)).is_shared
        assert clock.client.info("stats")["total_commands_processed"] - before <= 1

    async def test_its_key_has_the_prefix_and_an_end(self, breaker: Breaker, clock: SharedClock) -> None:
        """Nothing stays in Redis for ever."""
        await called(breaker, "outage")
        (key,) = clock.client.keys("t:*")
        assert key.startswith(b"t:breaker:{")
        assert 0 < clock.client.ttl(key) <= 86_400

    async def test_a_clock_of_redis_that_is_put_back_prolongs_no_wait(
        self, breaker: Breaker, replica: Breaker, clock: SharedClock
    ) -> None:
        """An hour back, it still rests for a minute at most, and a probe is lost after two."""
        await called(breaker, *FIVE)
        clock.put_back_s = 3_600
        clock.passes(0)
        assert (await kept_out(replica)).wait_s == 60
        clock.passes(60)
        await entered(replica)
        clock.put_back_s = 7_200
        clock.passes(0)
        assert (await kept_out(breaker)).wait_s == 120
        clock.passes(120)
        await entered(breaker)

    async def test_a_loss_of_all_data_gives_no_old_permit_a_say(
        self, breaker: Breaker, replica: Breaker, clock: SharedClock
    ) -> None:
        """After it the breaker is closed, and a probe of before is nobody's probe."""
        await called(breaker, *FIVE)
        clock.passes(60)
        old = await entered(breaker)
        clock.client.flushdb()
        clock.passes(0)
        await called(replica, *FIVE)
        clock.passes(60)
        await entered(replica)
        assert await breaker.report(old, "answered") is None
        assert (await replica.standing()).status == "half_open"

    async def test_without_redis_a_process_goes_on_by_itself_from_what_it_heard_last(
        self, breaker: Breaker, clock: SharedClock, redis_server: PrivateRedis
    ) -> None:
        """Open stays open, one probe of its own follows, and whoever asks is told that it is its own."""
        await called(breaker, *FIVE)
        redis_server.kill()
        assert (await kept_out(breaker)).status == "open"
        Clock.passes(clock, 60)
        probe = await entered(breaker)
        standing = await kept_out(breaker)
        assert (probe.is_shared, standing.status, standing.is_shared) == (False, "half_open", False)
        assert await breaker.report(probe, "answered") == "closed"
        await called(breaker, *FIVE)
        assert (await kept_out(breaker)).status == "open"

    async def test_a_call_that_redis_let_through_is_counted_here_when_redis_is_gone(
        self, breaker: Breaker, redis_server: PrivateRedis
    ) -> None:
        """What is known is not lost with the connection."""
        await called(breaker, *FOUR)
        permit = await entered(breaker)
        redis_server.kill()
        assert await breaker.report(permit, "outage") == "open"

    async def test_a_redis_that_is_back_has_the_say_again(
        self, redis: SharedRedis, breaker: Breaker, clock: SharedClock, redis_server: PrivateRedis
    ) -> None:
        """What a process found out by itself in the meantime counts for no other."""
        redis_server.kill()
        await called(breaker, *FOUR)
        redis_server.start()
        clock.passes(0)
        await wait_until(lambda: redis.away is None, 30, "Redis to be asked again")
        assert (await breaker.standing())[:2] == ("closed", 0)


class Callers(RuleBasedStateMachine):
    """Callers in several replicas, and what they may expect."""

    made: Callable[[], tuple[list[Breaker], Clock]]
    run: Callable[[Coroutine[Any, Any, T]], T]

    def __init__(self) -> None:
        super().__init__()
        self.breakers, self.clock = type(self).made()
        self.calls: list[tuple[Permit, int]] = []  # and how often the status had changed when they began
        self.changes = self.in_a_row = 0
        self.opened_at_s: float | None = None
        self.probe: Permit | None = None
        self.probed_at_s = 0.0
        self.resting_until_s = 0.0

    @property
    def now_s(self) -> float:
        return self.clock.now_s

    def _expected(self) -> bool:
        if self.now_s < self.resting_until_s:
            return False
        if self.opened_at_s is None:
            return True
        if self.probe is not None:
            return self.now_s >= self.probed_at_s + RULES.probe_s
        return self.now_s >= self.opened_at_s + RULES.rest_s

    @rule(seconds=st.sampled_from([0.5, 1.0, 29.5, 59.0, 60.0, 121.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.passes(seconds)

    @rule(which=st.integers(0, 2))
    def call(self, which: int) -> None:
        expected = self._expected()
        permit = self.run(self.breakers[which].enter())
        assert isinstance(permit, Permit) == expected
        if isinstance(permit, Standing):
            return
        if self.opened_at_s is not None:
            self.probe, self.probed_at_s = permit, self.now_s
            self.changes += 1
        self.calls.append((permit, self.changes))

    @precondition(lambda self: self.calls)
    @rule(
        data=st.data(),
        which=st.integers(0, 2),
        report=st.sampled_from(["answered", "outage", "abandoned"]),
        rest_s=st.sampled_from([0.0, 0.0, 0.0, 0.5, 30.0, 90.0]),
    )
    def end(self, data: st.DataObject, which: int, report: Report, rest_s: float) -> None:
        permit, then = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        before = self._status()
        changed = self.run(self.breakers[which].report(permit, report, rest_s))
        if rest_s:
            self.resting_until_s = max(self.resting_until_s, self.now_s + rest_s)
        if then == self.changes:
            self._count(report)
        assert changed == (None if self._status() == before else self._status())

    def _count(self, report: Report) -> None:
        """A call of an earlier era has no say, so this is one of now."""
        if self.opened_at_s is None:
            if report != "abandoned":
                self.in_a_row = self.in_a_row + 1 if report == "outage" else 0
            if self.in_a_row == RULES.outages_max:
                self.opened_at_s, self.in_a_row = self.now_s, 0
                self.changes += 1
        elif report == "abandoned":
            self.probed_at_s = self.now_s - RULES.probe_s
        else:
            self.changes += 1
            self.probe = None
            self.opened_at_s = None if report == "answered" else self.now_s
            self.in_a_row = 0

    def _status(self) -> str:
        return "closed" if self.opened_at_s is None else "open" if self.probe is None else "half_open"

    @invariant()
    def it_stands_as_the_facts_say(self) -> None:
        standing = self.run(self.breakers[self.changes % 3].standing())
        assert (standing.status, standing.outages) == (self._status(), self.in_a_row)
        assert (standing.wait_s > 0) != self._expected()

    @invariant()
    def at_most_one_probe_has_a_say(self) -> None:
        if self.opened_at_s is not None:
            assert sum(then == self.changes for _, then in self.calls) <= 1


def test_any_callers_of_a_breaker_in_memory() -> None:
    """No sequence of calls, ends and hours makes it do what it does not promise."""

    def made() -> tuple[list[Breaker], Clock]:
        clock = Clock()
        return [LocalBreaker(RULES, lambda: clock.now_s)] * 3, clock

    def run(asked: Coroutine[Any, Any, T]) -> T:
        try:
            asked.send(None)
        except StopIteration as ended:
            answer: T = ended.value
            return answer
        raise AssertionError("it waits for nobody")

    machine = type("Local", (Callers,), {"made": staticmethod(made), "run": staticmethod(run)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=120, stateful_step_count=50, deadline=None)
    )


def test_any_callers_of_a_breaker_in_redis(redis_server: PrivateRedis) -> None:
    """Neither in three replicas that share it."""
    clock, names = SharedClock(redis_server), count()
    with asyncio.Runner() as runner:
        redis = SharedRedis(redis_server.url, "t:", PATIENCE)

        def made() -> tuple[list[Breaker], Clock]:
            name = f"m{next(names)}"
            return [shared(redis, clock, name) for _ in range(3)], clock

        machine = type("Shared", (Callers,), {"made": staticmethod(made), "run": staticmethod(runner.run)})
        run_state_machine_as_test(
            machine, settings=settings(max_examples=30, stateful_step_count=40, deadline=None)
        )
        runner.run(redis.close())
    clock.client.close()
