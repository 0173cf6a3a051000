"""Creations in a crowd: so many at work, so many in a line, and the lines of tenants take turns."""

from __future__ import annotations

import asyncio

import pytest

from runwright.core.errors import Overloaded
from runwright.core.ids import Tenant
from runwright.http.lines import Lines

ANNA, BERT = Tenant("anna"), Tenant("bert")


class Counter:
    """Creations that are at work until they are told to end, and the order in which they were let in."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.let_in: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.at_work = self.at_work_most = 0

    def come(self, tenant: Tenant, name: str) -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()
        return asyncio.create_task(self._create(tenant, name))

    async def _create(self, tenant: Tenant, name: str) -> None:
        async with self._lines.place(tenant):
            self.let_in.append(name)
            self.at_work += 1
            self.at_work_most = max(self.at_work_most, self.at_work)
            try:
                await self._ends[name].wait()
            finally:
                self.at_work -= 1

    async def all_done(self, tasks: list[asyncio.Task[None]]) -> None:
        """End whoever is at work, one after the other, until nobody is left."""
        while not all(task.done() for task in tasks):
            for name in self.let_in:
                self._ends[name].set()
            await asyncio.sleep(0)
        for task in tasks:
            task.result()


async def test_so_many_are_at_work_and_the_others_follow_in_their_order() -> None:
    """Never more than may, and nobody is passed over."""
    counter = Counter(Lines(3, 100))
    tasks = [counter.come(ANNA, str(number)) for number in range(50)]
    await counter.all_done(tasks)

    assert counter.let_in == [str(number) for number in range(50)]
    assert counter.at_work_most == 3


async def test_a_flood_of_one_tenant_lets_the_few_of_another_through() -> None:
    """Ten of Bert come behind a thousand of Anna's: every second one that is let in is his until all are."""
    counter = Counter(Lines(1, 1_000))
    flood = [counter.come(ANNA, f"anna {number}") for number in range(1_000)]
    await asyncio.sleep(0)
    few = [counter.come(BERT, f"bert {number}") for number in range(10)]
    await asyncio.sleep(0)
    await counter.all_done(flood + few)

    assert counter.let_in.index("bert 9") <= 21
    assert [name for name in counter.let_in if name.startswith("bert")] == [f"bert {n}" for n in range(10)]


async def test_a_full_line_refuses_its_own_tenant_and_nobody_else() -> None:
    """What is refused is told which setting says so; a place that becomes free is there for the next."""
    lines = Lines(1, 2)
    counter = Counter(lines)
    tasks = [counter.come(ANNA, str(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert (lines.waiting, lines.room(ANNA), lines.room(BERT)) == (2, 0, 2)
    with pytest.raises(Overloaded, match="RUNWRIGHT_CREATIONS_WAITING_MAX"):
        async with lines.place(ANNA):
            raise AssertionError("it was let in")
    tasks.append(counter.come(BERT, "bert"))
    await counter.all_done(tasks)

    assert counter.let_in[:3] in (["0", "1", "bert"], ["0", "bert", "1"])
    assert (lines.waiting, lines.room(ANNA)) == (0, 3)


@pytest.mark.parametrize("moment", ["while it waits", "as it is let in", "at work"])
async def test_who_goes_away_leaves_no_place_taken(moment: str) -> None:
    """A client that hangs up, whenever it does, holds up nobody behind it."""
    lines = Lines(1, 10)
    counter = Counter(lines)
    first, gone, last = (counter.come(ANNA, name) for name in ("first", "gone", "last"))
    await asyncio.sleep(0)
    if moment == "while it waits":
        gone.cancel()
        await asyncio.sleep(0)
    counter._ends["first"].set()
    await first
    if moment == "at work":
        await asyncio.sleep(0)
        assert counter.let_in == ["first", "gone"]
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    counter._ends["last"].set()
    async with asyncio.timeout(30):
        await last

    assert counter.let_in[-1] == "last"
    assert (lines.waiting, lines.room(ANNA)) == (0, 11)
