"""`Breaker` that all processes on one Redis share.

It is kept in one hash, changed by scripts alone and timed by the clock of the Redis server. What was last
heard of it is remembered here: while it is known to be open, nobody asks Redis; while Redis is away, this
process goes on by itself from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runwright.adapters.breaker_redis_lua import ENTER, LOOK, REPORT, SERVER_CLOCK
from runwright.adapters.redis import RedisAway, SharedRedis
from runwright.breaker_port import Standing
from runwright.core import breaker as breakers
from runwright.core.breaker import BreakerRules, BreakerState, BreakerStatus, Permit, Report

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEPT_S = 86_400.0  # beyond all waits: a breaker that nobody looked at for so long is a new one
_STATUS: tuple[BreakerStatus, ...] = ("closed", "open", "half_open")


class RedisBreaker:
    """`Breaker` in Redis.

    name    of the model and its server
    now_s   a clock that does not jump
    clock   Lua that says in `now` what time it is for everybody, in milliseconds
    """

    def __init__(
        self,
        redis: SharedRedis,
        name: str,
        rules: BreakerRules,
        *,
        now_s: Callable[[], float] = time.monotonic,
        clock: str = SERVER_CLOCK,
    ) -> None:
        self._redis, self._rules, self._now_s = redis, rules, now_s
        # whatever the name holds, the key holds one word
        self._key = redis.key("breaker", hashlib.blake2b(name.encode(), digest_size=12).hexdigest())
        self._scripts = {lua: redis.client.register_script(clock + lua) for lua in (ENTER, LOOK, REPORT)}
        self._bounds = (_ms(rules.rest_s), _ms(rules.probe_s), _ms(KEPT_S))
        self._state = BreakerState()
        self._is_shared = False

    def refusal(self) -> Standing | None:
        """See `Breaker.refusal`: nothing ends a rest, and nothing but time what is open."""
        known, now_s = self._state, self._now_s()
        is_open = now_s < known.rests_until_s or (known.status == "open" and now_s < known.until_s)
        return self._told() if is_open else None

    async def enter(self) -> Permit | Standing:
        """See `Breaker.enter`."""
        if (refusal := self.refusal()) is not None:
            return refusal
        match await self._asked(ENTER):
            case True:
                return Permit(self._state.era, is_shared=True)
            case False:
                return self._told()
        self._state, permit = breakers.admitted(self._state, self._now_s(), self._rules)
        return self._told() if permit is None else permit

    async def report(self, permit: Permit, report: Report, rest_s: float = 0.0) -> BreakerStatus | None:
        """See `Breaker.report`."""
        if permit.is_shared:
            said = [permit.era, report, self._rules.outages_max, _ms(rest_s)]
            if (has_changed := await self._asked(REPORT, *said)) is not None:
                return self._state.status if has_changed else None
        before, now_s = self._state, self._now_s()
        self._state = breakers.reported(before, permit, report, now_s, self._rules)
        if rest_s > 0:
            self._state = breakers.rested(self._state, now_s + rest_s)
        return None if self._state.status == before.status else self._state.status

    async def standing(self) -> Standing:
        """See `Breaker.standing`."""
        await self._asked(LOOK)
        return self._told()

    def _told(self) -> Standing:
        known, now_s = self._state, self._now_s()
        wait_s = breakers.wait_s(known, now_s)
        is_asked = known.rests_until_s - now_s >= wait_s > 0
        return Standing(known.status, known.outages, wait_s, is_asked, is_shared=self._is_shared)

    async def _asked(self, script: str, *said: Any) -> bool | None:
        """What the script says, once the state is taken over; None when Redis does not answer."""

        async def question(_: Redis) -> list[Any]:
            told: list[Any] = await self._scripts[script](keys=[self._key], args=[*self._bounds, *said])
            return told

        try:
            told = await self._redis.ask(question)
        except RedisAway:
            self._is_shared = False
            return None
        now_s = self._now_s()
        yes, status, outages, until_ms, rests_ms, era = map(int, told)
        self._state = BreakerState(
            status=_STATUS[status],
            outages=outages,
            until_s=now_s + until_ms / 1_000,
            rests_until_s=now_s + rests_ms / 1_000,
            era=era,
        )
        self._is_shared = True
        return bool(yes)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
