"""Rate limits in memory keep the contract."""

from __future__ import annotations

import pytest

from runwright.adapters import limiter_local
from runwright.adapters.limiter_local import LocalLimiter
from runwright.core.rates import Rate
from runwright.testing.limiter_contract import LimiterContract


class TestLocalLimiter(LimiterContract):
    """The contract, in this process."""

    @pytest.fixture
    def limiter(self) -> LocalLimiter:
        return LocalLimiter()


async def test_idle_callers_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept follows how many came in the last window, not how many ever came."""
    monkeypatch.setattr(limiter_local, "SWEEP_EVERY", 10)
    now_ns, rate = 0, Rate("r", 5)
    limiter = LocalLimiter(lambda: now_ns)
    for number in range(1_000):
        now_ns = number * 10**9
        await limiter.admit(f"caller{number}", rate)

    assert len(limiter._logs) < 100
