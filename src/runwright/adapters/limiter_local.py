"""Rate limits in the memory of this process."""

from __future__ import annotations

import time
from collections.abc import Callable

from runwright.core.rates import Rate, SlidingLog, Verdict

SWEEP_EVERY = 1_000  # new callers between two looks for logs in which nothing counts any more


class LocalLimiter:
    """`Limiter` for one process; a restart forgets.

    Callers have keys, so there are no more logs than keys times limits, and those of idle callers are let go.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._logs: dict[tuple[str, Rate], SlidingLog] = {}
        self._sweep_at = SWEEP_EVERY

    async def admit(self, caller: str, rate: Rate) -> Verdict:
        now_us = self._clock_ns() // 1_000
        log = self._logs.get((caller, rate))
        if log is None:
            if len(self._logs) >= self._sweep_at:
                self._sweep(now_us)
            log = self._logs[caller, rate] = SlidingLog()
        return log.admit(now_us, rate)

    def _sweep(self, now_us: int) -> None:
        over = [known for known, log in self._logs.items() if log.is_over(now_us, known[1].window_us)]
        for known in over:
            del self._logs[known]
        self._sweep_at = len(self._logs) + SWEEP_EVERY
