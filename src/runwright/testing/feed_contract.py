"""What every live feed promises: whoever follows a run is woken when its journal may have grown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from runwright.core.ids import RunId
from runwright.ports import LiveFeed

PATIENCE_S = 60.0
QUIET_S = 0.1


class Followed(NamedTuple):
    """A feed, and a way to have something happen to a run wherever the feed hears of it from.

    runs   two runs to which something can happen
    """

    feed: LiveFeed
    happens: Callable[[RunId], Awaitable[None]]
    runs: tuple[RunId, RunId]


class FeedContract:
    """Inherit from this and define the fixture `followed`."""

    async def test_who_follows_a_run_is_woken_each_time_something_happens(self, followed: Followed) -> None:
        run_id = followed.runs[0]
        with followed.feed.listen(run_id) as bell:
            for _ in range(3):
                bell.clear()
                await followed.happens(run_id)
                assert await bell.wait(PATIENCE_S)

    async def test_everybody_who_follows_a_run_is_woken(self, followed: Followed) -> None:
        run_id = followed.runs[0]
        with followed.feed.listen(run_id) as one, followed.feed.listen(run_id) as other:
            await followed.happens(run_id)
            assert await one.wait(PATIENCE_S)
            assert await other.wait(PATIENCE_S)

    async def test_who_has_left_takes_nobody_with_him(self, followed: Followed) -> None:
        run_id = followed.runs[0]
        with followed.feed.listen(run_id) as staying:
            with followed.feed.listen(run_id):
                pass
            staying.clear()
            await followed.happens(run_id)
            assert await staying.wait(PATIENCE_S)

    async def test_a_run_that_is_followed_does_not_hide_another(self, followed: Followed) -> None:
        first, second = followed.runs
        with followed.feed.listen(first), followed.feed.listen(second) as bell:
            await followed.happens(second)
            assert await bell.wait(PATIENCE_S)

    async def test_a_wait_ends_when_nothing_happens(self, followed: Followed) -> None:
        """A bell may ring needlessly, when it is hung up or after a gap; it does not ring on and on."""
        with followed.feed.listen(followed.runs[0]) as bell:
            for _ in range(20):
                bell.clear()
                if not await bell.wait(QUIET_S):
                    return
        raise AssertionError("the bell of a run to which nothing happens rings again and again")

    async def test_everybody_can_be_woken_at_once(self, followed: Followed) -> None:
        first, second = followed.runs
        with followed.feed.listen(first) as one, followed.feed.listen(second) as other:
            followed.feed.ring_all()
            assert await one.wait(PATIENCE_S)
            assert await other.wait(PATIENCE_S)
