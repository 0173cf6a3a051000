"""The one formula for waiting, over everything that a tool's author may write into it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwright.core.policy import Retry

waits = st.floats(0, 1e308) | st.integers(0, 10**6)
retries = st.builds(Retry, base_s=waits, factor=waits, max_s=waits, jitter_s=waits)
units = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(retries, st.integers(1, 100), units)
@example(Retry(base_s=0.0, factor=1e300, max_s=9.0), 100, 0.0)
@example(Retry(base_s=1.0, factor=1e300, max_s=9.0), 100, 0.0)
@example(Retry(base_s=0.5, factor=10**300, max_s=9.0), 100, 0.5)
def test_a_wait_is_never_negative_and_never_longer_than_allowed(
    retry: Retry, attempt: int, jitter_unit: float
) -> None:
    """Whatever the numbers, even those that overflow, the wait lies between 0 and `max_s`."""
    assert 0 <= retry.delay_s(attempt, jitter_unit) <= retry.max_s


@settings(deadline=None)
@given(st.floats(0, 10), st.floats(1, 10), st.floats(0, 100), st.integers(1, 99))
def test_waits_grow_until_they_reach_the_longest(
    base_s: float, factor: float, max_s: float, attempt: int
) -> None:
    """Without jitter no wait is shorter than the one before."""
    retry = Retry(base_s=base_s, factor=factor, max_s=max_s, jitter_s=0.0)

    assert retry.delay_s(attempt, 0.0) <= retry.delay_s(attempt + 1, 0.0)


@pytest.mark.parametrize(
    ("attempt", "jitter_unit", "delay_s"),
    [(1, 0.0, 0.2), (1, 0.5, 0.25), (2, 0.0, 0.4), (3, 0.5, 0.85), (8, 0.0, 25.6), (9, 0.0, 30.0)],
)
def test_the_formula_by_the_numbers(attempt: int, jitter_unit: float, delay_s: float) -> None:
    """min(max_s, base_s * factor ** (attempt - 1) + jitter_s * jitter_unit), with the defaults."""
    assert Retry().delay_s(attempt, jitter_unit) == pytest.approx(delay_s)


def test_without_a_base_only_the_jitter_is_waited_for() -> None:
    """Nothing grows out of nothing, however large the factor."""
    retry = Retry(base_s=0.0, factor=1e300, jitter_s=2.0)

    assert retry.delay_s(50, 0.5) == 1.0
