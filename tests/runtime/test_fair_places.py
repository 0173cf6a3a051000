"""Places that tenants take in turn: bounded, none lost, and nobody waits behind another one's crowd."""

from __future__ import annotations

import asyncio
import random

import pytest

from runwright.core.ids import Tenant
from runwright.fair_places import FairPlaces

MANY, ONE, TWO = Tenant("many"), Tenant("one"), Tenant("two")


async def test_a_crowd_does_not_keep_others_waiting() -> None:
    """With a hundred calls of one tenant in front, the only ones of two others are the next but one."""
    places, served = FairPlaces(1), list[Tenant]()
    await places.acquire(MANY)

    async def call(tenant: Tenant) -> None:
        await places.acquire(tenant)
        served.append(tenant)
        await asyncio.sleep(0)
        places.release()

    calls = [asyncio.create_task(call(tenant)) for tenant in [MANY] * 100 + [ONE, TWO]]
    await asyncio.sleep(0)
    places.release()
    await asyncio.gather(*calls)

    assert served[:4] == [MANY, ONE, TWO, MANY]
    assert len(served) == 102


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_or_made(seed: int) -> None:
    """However calls are cut off, while they wait, at work, or in the moment in which they get their place."""
    rolls, places, at_work, most = random.Random(seed), FairPlaces(3), 0, 0

    async def call(tenant: Tenant) -> None:
        nonlocal at_work, most
        await places.acquire(tenant)
        at_work += 1
        most = max(most, at_work)
        try:
            for _ in range(rolls.randrange(3)):
                await asyncio.sleep(0)
        finally:
            at_work -= 1
            places.release()

    calls = []
    for _ in range(200):
        calls.append(asyncio.create_task(call(rolls.choice((MANY, MANY, ONE, TWO)))))
        if rolls.random() < 0.5:
            rolls.choice(calls).cancel()
        if rolls.random() < 0.3:
            await asyncio.sleep(0)
    await asyncio.gather(*calls, return_exceptions=True)
    for tenant in (ONE, TWO, MANY):
        async with asyncio.timeout(10):
            await places.acquire(tenant)

    assert most == 3
    more = asyncio.create_task(places.acquire(ONE))
    await asyncio.sleep(0)
    assert not more.done()
    more.cancel()
