"""Following runs in a crowd: what is new is read once for all, and nobody misses or repeats anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import pytest

from runwright.adapters.live_local import LocalFeed
from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, Tip, chained
from runwright.core.errors import JournalUnavailable, RunCorrupt
from runwright.core.events import Event
from runwright.core.ids import DEFAULT_TENANT, RunId, Tenant
from runwright.core.state import RunStatus
from runwright.ports import Page
from runwright.runtime.channel import Batch
from runwright.runtime.stream import Followers, Idle, Stopping
from runwright.testing.waiting import wait_until

RUN = RunId("run_" + "1" * 32)
READERS = 50


class Story:
    """A run's journal that grows when the test says so, and counts how often it is read."""

    def __init__(self) -> None:
        self.feed, self.reads, self.away = LocalFeed(), 0, False
        self.records: list[Record] = []
        self.status: RunStatus = "executing"
        self.tip = EMPTY

    def goes_on(self, events: int = 1) -> None:
        """Record so many events, and ring."""
        first = self.tip.seq + 1
        more = [Event(seq, 1.0, ev.RunCancelling()) for seq in range(first, first + events)]
        records, self.tip = chained(RUN, self.tip, more)
        self.records += records
        self.feed.publish(RUN)

    def ends(self) -> None:
        self.status = "cancelled"
        self.goes_on()

    async def page(self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int, bytes_max: int) -> Page:
        self.reads += 1
        await asyncio.sleep(0)
        if self.away:
            raise JournalUnavailable("the store does not answer")
        behind = [record for record in self.records if record.seq > after_seq]
        before = Tip(after_seq, self.records[after_seq - 1].hash) if 0 < after_seq <= self.tip.seq else EMPTY
        after = before if after_seq <= self.tip.seq else self.tip
        return Page(after, tuple(behind[:limit]), self.tip, self.status, cut=len(behind) > limit)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def followers(story: Story) -> Followers:
    return Followers(story, story.feed, 15.0)


class Reader:
    """Follows the run and notes what it is told; `pace` is awaited behind each batch."""

    def __init__(
        self, followers: Followers, after_seq: int = 0, pace: asyncio.Semaphore | None = None
    ) -> None:
        self.seqs: list[int] = []
        self.batches: list[Batch] = []
        self.last: object = None
        self.stops = False
        self._followers, self._after_seq, self._pace = followers, after_seq, pace
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        stream = self._followers.follow(DEFAULT_TENANT, RUN, self._after_seq, stopping=lambda: self.stops)
        async with aclosing(stream) as items:
            async for item in items:
                self.last = item
                if isinstance(item, Batch):
                    self.batches.append(item)
                    self.seqs += [record.seq for record in item.records]
                    if self._pace is not None:
                        await self._pace.acquire()


async def all_at(readers: Sequence[Reader], seq: int) -> None:
    await wait_until(lambda: all(r.seqs[-1:] == [seq] for r in readers), 30, f"everybody to have heard {seq}")


async def test_what_is_new_is_read_and_told_once_for_a_crowd(story: Story, followers: Followers) -> None:
    """Fifty readers cost what one costs: a read of the journal and an encoding for each piece of news."""
    story.goes_on(3)
    readers = [Reader(followers) for _ in range(READERS)]
    await all_at(readers, 3)
    before, told = story.reads, 0

    def way(records: Sequence[Record]) -> str:
        nonlocal told
        told += 1
        return " ".join(str(record.seq) for record in records)

    for seq in range(4, 14):
        story.goes_on()
        await all_at(readers, seq)
    texts = {reader.batches[-1].told(way) for reader in readers}
    story.ends()
    await asyncio.gather(*(reader.task for reader in readers))

    assert all(reader.seqs == list(range(1, 15)) and reader.last == "cancelled" for reader in readers)
    assert story.reads - before < READERS  # ten, the end, and one now and then because nothing happened
    assert (texts, told) == ({"13"}, 1)


async def test_who_is_slow_or_comes_later_misses_nothing(story: Story, followers: Followers) -> None:
    """Readers that are busy while much happens, and readers that begin anywhere, hear every event once."""
    pace = asyncio.Semaphore(0)
    slow, quick = Reader(followers, pace=pace), Reader(followers)
    for seq in range(1, 31):
        story.goes_on()
        await all_at([quick], seq)
    late = [Reader(followers, after_seq) for after_seq in (0, 7, 29, 30)]
    story.goes_on(250)
    for _ in range(300):
        pace.release()
    story.ends()
    await asyncio.gather(*(reader.task for reader in (slow, quick, *late)))

    assert slow.seqs == quick.seqs == late[0].seqs == list(range(1, 282))
    assert [reader.seqs[0] for reader in late] == [1, 8, 30, 31]
    assert all(reader.seqs == list(range(reader.seqs[0], 282)) for reader in late)


async def test_who_asks_for_what_is_not_there_yet_waits_and_holds_up_nobody(
    story: Story, followers: Followers
) -> None:
    """A seq far behind the end is nobody's place: its reader hears what comes there, and reads nothing until then."""
    story.goes_on(2)
    far, near = Reader(followers, 20), Reader(followers, 2)
    await wait_until(lambda: story.reads >= 3, 30, "both to wait")
    for seq in range(3, 20):
        story.goes_on()
        await all_at([near], seq)
    reads = story.reads
    story.goes_on(3)
    await all_at([far, near], 22)

    assert (far.seqs, near.seqs) == ([21, 22], list(range(3, 23)))
    assert reads < 100
    for reader in (far, near):
        reader.task.cancel()


async def test_a_ring_without_news_lets_every_reader_look_whether_it_is_to_stop(
    story: Story, followers: Followers
) -> None:
    """A drain and a key that has ended are no events; some stop, and the others hear what comes."""
    story.goes_on()
    readers = [Reader(followers) for _ in range(4)]
    await all_at(readers, 1)
    await wait_until(lambda: story.reads >= 2, 30, "the channel to be open")
    readers[0].stops = readers[1].stops = True
    story.feed.ring_all()
    await asyncio.gather(readers[0].task, readers[1].task)
    story.goes_on()
    await all_at(readers[2:], 2)

    assert all(isinstance(reader.last, Stopping) for reader in readers[:2])
    for reader in readers[2:]:
        reader.task.cancel()


async def test_damage_is_heard_by_all_and_a_quiet_run_is_told_to_be_quiet(story: Story) -> None:
    """Nobody waits for ever for a run that cannot be read; without damage, a sign of life comes in time."""
    followers = Followers(story, story.feed, 0.01)
    story.goes_on()
    readers = [Reader(followers) for _ in range(3)]
    await wait_until(_heard_idle(readers), 30, "a sign of life")
    story.goes_on()
    story.records[1] = story.records[1]._replace(body=b"{}")
    endings = await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)

    assert [type(ending) for ending in endings] == [RunCorrupt] * 3


async def test_who_was_busy_while_the_store_was_away_follows_on(story: Story, followers: Followers) -> None:
    """Those that waited are told; who was not looking finds the store there again, and waits as ever."""
    pace = asyncio.Semaphore(0)
    story.goes_on()
    busy, waiting = Reader(followers, pace=pace), Reader(followers)
    await all_at([busy, waiting], 1)
    await wait_until(lambda: story.reads >= 2, 30, "the channel to be open")
    story.away = True
    story.goes_on()
    with pytest.raises(JournalUnavailable):
        await waiting.task
    story.away = False
    for _ in range(10):
        pace.release()
    await all_at([busy], 2)
    reads = story.reads
    for _ in range(100):
        await asyncio.sleep(0)
    assert story.reads <= reads + 2
    story.ends()
    await busy.task

    assert (busy.seqs, busy.last) == ([1, 2, 3], "cancelled")


def _heard_idle(readers: Sequence[Reader]) -> Callable[[], bool]:
    return lambda: all(isinstance(reader.last, Idle) for reader in readers)


async def test_nothing_is_left_when_all_have_gone(story: Story, followers: Followers) -> None:
    """The last reader takes the reading of its run along."""
    story.goes_on()
    readers = [Reader(followers) for _ in range(3)]
    await all_at(readers, 1)
    for reader in readers:
        reader.task.cancel()
    await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)
    await wait_until(lambda: not story.feed.followed, 30, "the bell to be taken down")
    reads = story.reads
    story.goes_on()

    assert (story.reads, followers._channels) == (reads, {})
