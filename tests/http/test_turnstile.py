"""Requests that come all at once are let in a few in each turn of the loop, in order."""

from __future__ import annotations

import asyncio
import time

import pytest

from runwright.core.errors import Overloaded
from runwright.http.turnstile import Turnstile


async def test_a_crowd_comes_in_a_few_at_a_time_and_in_order() -> None:
    """Between two groups of the crowd everything else gets its turn."""
    turnstile, story = Turnstile(each_turn=3), list[str]()

    async def request(number: int) -> None:
        await turnstile.enter()
        story.append(str(number))

    async def others() -> None:
        while len(story) < 12:
            story.append("|")
            await asyncio.sleep(0)

    await asyncio.gather(*(request(number) for number in range(9)), others())

    groups = "".join(story).split("|")
    assert "".join(groups) == "012345678"
    assert max(map(len, groups)) <= 3


async def test_who_has_gone_takes_no_turn() -> None:
    """A request whose client went away while it waited is passed over."""
    turnstile, entered = Turnstile(each_turn=1), list[int]()

    async def request(number: int) -> None:
        await turnstile.enter()
        entered.append(number)

    tasks = [asyncio.create_task(request(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert entered == [0, 1, 3]


async def test_without_a_crowd_nobody_waits() -> None:
    """A request by itself comes in without giving way to anything."""
    turnstile = Turnstile(each_turn=1)
    for _ in range(3):
        turn = turnstile.enter()
        try:
            turn.send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("it had to wait")
        await asyncio.sleep(0)


async def test_a_crowd_that_has_waited_too_long_grows_no_more() -> None:
    """Who comes then is refused at once; those in front are let in all the same, and then everybody is again."""
    turnstile = Turnstile(each_turn=1, wait_s_max=0.05)
    crowd = [asyncio.ensure_future(turnstile.enter()) for _ in range(3)]
    await asyncio.sleep(0)  # all three stand there, and one is let in
    time.sleep(0.1)  # nothing is served meanwhile
    with pytest.raises(Overloaded, match="RUNWRIGHT_REQUESTS_WAIT_S_MAX"):
        await turnstile.enter()
    await asyncio.gather(*crowd)
    await turnstile.enter()
