"""Following a run: every event once, in order, from any seq, until the run is over.

Events are always read from the journal; the live feed only wakes whoever reads. So nothing is lost or
repeated, whatever was dropped between. What is new is read and checked once for all that follow the run here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeAlias

from runwright.core.ids import RunId, Tenant
from runwright.core.state import OVER, RunStatus
from runwright.ports import LiveFeed, Page
from runwright.runtime.channel import Batch, Channel

PAGE_MAX = 100
PAGE_BYTES_MAX = 256 * 1024  # at least one event is read, however large
READS_AT_ONCE_MAX = 4  # a crowd of readers leaves connections to the store for everybody else


class Idle:
    """Nothing has happened for a while; the connection may be kept alive."""


class Stopping:
    """This server is shutting down; go on behind the last event at another one, or a little later."""


class Pages(Protocol):
    """The journal, as far as followers need it."""

    async def page(
        self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int, bytes_max: int
    ) -> Page: ...


Place: TypeAlias = tuple[Tenant, RunId, int, int]


class Followers:
    """All that follow runs in this process, and read pages of their events.

    idle_s   quiet seconds after which followers are told that nothing has happened
    """

    def __init__(self, journal: Pages, feed: LiveFeed, idle_s: float) -> None:
        self._journal, self._feed, self._idle_s = journal, feed, idle_s
        self._coming: dict[Place, asyncio.Task[Batch]] = {}
        self._turns = asyncio.Semaphore(READS_AT_ONCE_MAX)
        self._channels: dict[tuple[Tenant, RunId], Channel] = {}

    async def page(self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int = PAGE_MAX) -> Batch:
        """Return a page that was read after it was asked for; those who ask at the same moment share a read.

        Raises   RunMissing, RunCorrupt, JournalUnavailable
        """
        place = (tenant, run_id, after_seq, limit)
        coming = self._coming.get(place)
        if coming is None:
            coming = self._coming[place] = asyncio.get_running_loop().create_task(self._read(place))
            coming.add_done_callback(_looked_at)
        return await asyncio.shield(coming)

    async def _read(self, place: Place) -> Batch:
        _, run_id, after_seq, _ = place
        async with self._turns:
            # whoever asks from here on may ask for what is written meanwhile
            del self._coming[place]
            page = await self._journal.page(*place, PAGE_BYTES_MAX)
        page.verified(run_id)
        return Batch(page.records, after_seq, page.tip.seq, page.status)

    async def follow(
        self,
        tenant: Tenant,
        run_id: RunId,
        after_seq: int,
        *,
        stopping: Callable[[], bool],
        first: Batch | None = None,
    ) -> AsyncGenerator[Batch | Idle | Stopping | RunStatus]:
        """Yield the records behind `after_seq` as they come, `Idle` now and then, at last the end status.

        When the server is being stopped, `Stopping` is the last item.

        first    what was just read behind `after_seq`
        Raises   RunMissing, RunCorrupt, JournalUnavailable
        """
        with self._joined(tenant, run_id) as channel:
            batch = first or await self.page(tenant, run_id, after_seq)
            while True:
                if batch.records:
                    yield batch
                    after_seq = batch.last_seq
                if after_seq < batch.tip_seq:
                    batch = await self.page(tenant, run_id, after_seq)
                    continue
                if batch.status in OVER:
                    yield batch.status
                    return
                if stopping():
                    yield Stopping()
                    return
                while (heard := await channel.heard(after_seq, batch.tip_seq)) is None:
                    yield Idle()
                batch = heard

    @contextmanager
    def _joined(self, tenant: Tenant, run_id: RunId) -> Iterator[Channel]:
        place = tenant, run_id
        channel = self._channels.get(place)
        if channel is None:
            read = partial(self.page, tenant, run_id)
            channel = self._channels[place] = Channel(self._feed, run_id, read, self._idle_s)
        channel.readers += 1
        try:
            yield channel
        finally:
            channel.readers -= 1
            if not channel.readers:
                del self._channels[place]
                channel.close()


def _looked_at(task: asyncio.Task[Batch]) -> None:
    """Its readers may all have left; then nobody else would look at what went wrong."""
    if not task.cancelled():
        task.exception()
