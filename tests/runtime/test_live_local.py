"""Bells of followers in the same process: they wake, they never hold the truth, and they are taken down."""

from __future__ import annotations

import asyncio

from runwright.adapters.live_local import LocalFeed
from runwright.core.ids import RunId

RUN, OTHER = RunId("run_1"), RunId("run_2")


async def test_a_ring_wakes_every_follower_of_its_run() -> None:
    """Followers of another run sleep on."""
    feed = LocalFeed()
    with feed.listen(RUN) as first, feed.listen(RUN) as second, feed.listen(OTHER) as other:
        waiting = [asyncio.ensure_future(bell.wait(30.0)) for bell in (first, second)]
        await asyncio.sleep(0)
        feed.publish(RUN)

        assert await asyncio.gather(*waiting) == [True, True]
        assert not await other.wait(0.0)


async def test_a_ring_is_kept_until_it_is_cleared() -> None:
    """A ring before the wait is not lost: reading after clearing misses nothing."""
    feed = LocalFeed()
    with feed.listen(RUN) as bell:
        feed.publish(RUN)
        rung = [await bell.wait(0.0), await bell.wait(0.0)]
        bell.clear()
        rung.append(await bell.wait(0.0))

        assert rung == [True, True, False]


async def test_everybody_can_be_woken() -> None:
    """A drain rings for all, whatever they follow."""
    feed = LocalFeed()
    with feed.listen(RUN) as bell, feed.listen(OTHER) as other:
        feed.ring_all()

        assert await bell.wait(0.0)
        assert await other.wait(0.0)


async def test_nothing_is_kept_of_who_has_left() -> None:
    """The feed forgets a run with its last follower, and ringing for nobody is harmless."""
    feed = LocalFeed()
    with feed.listen(RUN):
        with feed.listen(RUN):
            pass
        assert len(feed._bells) == 1
    feed.publish(RUN)

    assert feed._bells == {}
