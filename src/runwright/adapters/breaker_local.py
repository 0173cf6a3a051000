"""`Breaker` of this process alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from runwright.breaker_port import Standing
from runwright.core import breaker as breakers
from runwright.core.breaker import BreakerRules, BreakerState, BreakerStatus, Permit, Report


class LocalBreaker:
    """`Breaker` in memory; `now_s` is a clock that does not jump."""

    def __init__(self, rules: BreakerRules, now_s: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._now_s = rules, now_s
        self._state = BreakerState()

    def refusal(self) -> Standing | None:
        """See `Breaker.refusal`."""
        standing = self._standing()
        return standing if standing.wait_s > 0 else None

    async def enter(self) -> Permit | Standing:
        """See `Breaker.enter`."""
        self._state, permit = breakers.admitted(self._state, self._now_s(), self._rules)
        return self._standing() if permit is None else permit

    async def report(self, permit: Permit, report: Report, rest_s: float = 0.0) -> BreakerStatus | None:
        """See `Breaker.report`."""
        before, now_s = self._state, self._now_s()
        self._state = breakers.reported(before, permit, report, now_s, self._rules)
        if rest_s > 0:
            self._state = breakers.rested(self._state, now_s + rest_s)
        return None if self._state.status == before.status else self._state.status

    async def standing(self) -> Standing:
        """See `Breaker.standing`."""
        return self._standing()

    def _standing(self) -> Standing:
        known, now_s = self._state, self._now_s()
        wait_s = breakers.wait_s(known, now_s)
        is_asked = known.rests_until_s - now_s >= wait_s > 0
        return Standing(known.status, known.outages, wait_s, is_asked, is_shared=False)
