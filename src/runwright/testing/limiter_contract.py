"""What every adapter of the port `Limiter` must do."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from runwright.core.rates import Rate
from runwright.limit_port import Limiter

MINUTE = Rate("minute", 10, slack_s=0)
BLINK = Rate("blink", 5, window_s=1, slack_s=-0.5)  # half a second


class Ask(NamedTuple):
    """One question, asked and answered between two moments of the asker's clock."""

    asked_s: float
    told_s: float
    admitted: bool


def most_in_any_window(asks: Sequence[Ask], window_s: float) -> int:
    """Return how many admissions surely fell into one window, whatever time questions and answers took."""
    admitted = sorted(ask for ask in asks if ask.admitted)
    most = 0
    for first in admitted:
        until_s = first.asked_s + window_s
        most = max(most, sum(ask.asked_s >= first.asked_s and ask.told_s < until_s for ask in admitted))
    return most


class LimiterContract:
    """The tests; a subclass gives the fixture `limiter`, which has counted nothing yet."""

    async def test_the_limit_and_no_more(self, limiter: Limiter) -> None:
        """Each admission leaves one less, and from the limit on there is none, and no refusal counts."""
        verdicts = [await limiter.admit("a", MINUTE) for _ in range(15)]

        assert [verdict.admitted for verdict in verdicts] == [True] * 10 + [False] * 5
        assert [verdict.remaining for verdict in verdicts] == [*range(9, -1, -1), *[0] * 5]
        assert all(0 < verdict.wait_s <= 60 for verdict in verdicts)

    async def test_callers_and_limits_do_not_know_each_other(self, limiter: Limiter) -> None:
        """What one uses up is there for the other, and so it is with two limits of one caller."""
        for _ in range(10):
            await limiter.admit("a", MINUTE)
        others = [
            await limiter.admit("b", MINUTE),
            await limiter.admit("a", MINUTE._replace(name="other")),
        ]

        assert [verdict.remaining for verdict in others] == [9, 9]

    async def test_a_crowd_gets_the_limit(self, limiter: Limiter) -> None:
        """Of many who ask at the same moment as many as the limit are admitted."""
        verdicts = await asyncio.gather(*(limiter.admit("a", MINUTE) for _ in range(200)))

        assert sum(verdict.admitted for verdict in verdicts) == 10

    async def test_a_large_limit_is_as_exact(self, limiter: Limiter) -> None:
        """Where admissions share the entries of a log, none is lost."""
        many = Rate("many", 1_000)
        verdicts = [await limiter.admit("a", many) for _ in range(1_005)]

        assert [verdict.admitted for verdict in verdicts] == [True] * 1_000 + [False] * 5
        assert verdicts[999].remaining == 0

    async def test_the_wait_that_is_told_is_enough(self, limiter: Limiter) -> None:
        """Who waits for as long as a refusal says is admitted, and not before a window is over."""
        began_s = time.monotonic()
        verdicts = await asyncio.gather(*(limiter.admit("a", BLINK) for _ in range(50)))
        wait_s = max(verdict.wait_s for verdict in verdicts if not verdict.admitted)
        await asyncio.sleep(wait_s + 0.01)

        assert (await limiter.admit("a", BLINK)).admitted
        assert 0 < wait_s <= 0.5
        assert time.monotonic() - began_s >= 0.5

    async def test_no_window_holds_more_than_the_limit(self, limiter: Limiter) -> None:
        """Over some windows of steady and of bursting questions; where none was refused the test is void."""
        dice, asks = random.Random(7), list[Ask]()  # noqa: S311
        until_s = time.monotonic() + 1.5

        async def ask() -> None:
            asked_s = time.monotonic()
            admitted = (await limiter.admit("a", BLINK)).admitted
            asks.append(Ask(asked_s, time.monotonic(), admitted))

        while time.monotonic() < until_s:
            await asyncio.gather(*(ask() for _ in range(dice.choice((1, 2, 12)))))
            await asyncio.sleep(dice.choice((0, 0.005, 0.1)))
        assert any(not ask.admitted for ask in asks), "void: nobody was refused"
        assert most_in_any_window(asks, 0.5) <= 5
