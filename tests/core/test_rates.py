"""A sliding log admits up to its limit in every window, and no caller is refused without need."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runwright.core.rates import GRAINS, Rate, SlidingLog

WINDOW_US = 1_000_000
GAPS = st.one_of(
    st.integers(0, 3),
    st.integers(0, 30_000),
    st.integers(0, 2_500_000),
    st.sampled_from([999_999, 1_000_000]),
)


def offered(limit: int, gaps: list[int], crowd: int) -> list[tuple[int, bool]]:
    """What becomes of crowds that come after these gaps: the moments, and whether they were admitted."""
    log, rate, now_us, told = (
        SlidingLog(),
        Rate("r", limit, window_s=1, slack_s=0),
        0,
        list[tuple[int, bool]](),
    )
    for gap in gaps:
        now_us += gap
        told += [(now_us, log.admit(now_us, rate).admitted) for _ in range(crowd)]
        assert len(log) <= GRAINS + 2
    return told


def within(told: list[tuple[int, bool]], since_us: int, until_us: int) -> int:
    """How many were admitted in [since, until)."""
    return sum(admitted and since_us <= at_us < until_us for at_us, admitted in told)


@given(st.integers(1, 40), st.lists(GAPS, min_size=1, max_size=120), st.integers(1, 12))
def test_no_window_holds_more_than_the_limit(limit: int, gaps: list[int], crowd: int) -> None:
    """Wherever a window begins; and who was refused found as many in the window before."""
    told = offered(limit, gaps, crowd)
    for at_us, admitted in told:
        assert within(told, at_us, at_us + WINDOW_US) <= limit
        if not admitted:
            assert within(told, at_us - WINDOW_US + 1, at_us + 1) == limit


@given(st.integers(129, 200), st.lists(GAPS, min_size=1, max_size=60), st.integers(1, 40))
def test_a_log_of_few_entries_is_as_strict(limit: int, gaps: list[int], crowd: int) -> None:
    """Where admissions share entries, they count up to a grain longer, and never shorter."""
    told = offered(limit, gaps, crowd)
    longer_us = WINDOW_US + WINDOW_US // GRAINS
    for at_us, admitted in told:
        assert within(told, at_us, at_us + WINDOW_US) <= limit
        if not admitted:
            assert within(told, at_us - longer_us, at_us + 1) >= limit


def test_steady_excess_gets_the_limit() -> None:
    """Ten times the limit, for an hour: nearly all of it is admitted, and never more, by the client's clock too."""
    rate, log = Rate("create", 10), SlidingLog()
    admitted = [at_us for at_us in range(0, 3_600_000_000, 600_000) if log.admit(at_us, rate).admitted]

    assert 0.98 * 600 <= len(admitted) <= 600
    assert all(later - earlier >= 60_500_000 for earlier, later in zip(admitted, admitted[10:], strict=False))


def test_the_figures_that_clients_are_told() -> None:
    """What is left, and when there is more; a refusal tells when to come again."""
    rate, log = Rate("r", 2, window_s=10, slack_s=0), SlidingLog()
    told = [log.admit(at_us, rate) for at_us in (0, 4_000_000, 5_000_000, 9_999_999, 10_000_000)]

    assert [verdict.admitted for verdict in told] == [True, True, False, False, True]
    assert [verdict.remaining for verdict in told] == [1, 0, 0, 0, 0]
    assert [verdict.wait_s for verdict in told] == [10, 6, 5, 0.000001, 4]
