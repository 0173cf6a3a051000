"""Following a run: every event once, in order, from any seq, until the run is over.

Events are always read from the journal; the live feed only wakes the reader. So nothing is lost or
repeated, whatever was dropped between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol, TypeAlias

from runwright.core.codec import Record
from runwright.core.ids import RunId, Tenant
from runwright.core.state import OVER, RunStatus
from runwright.ports import Journal, LiveFeed, Page

PAGE_MAX = 100
PAGE_BYTES_MAX = 256 * 1024  # at least one event is read, however large
READS_AT_ONCE_MAX = 4  # a crowd of readers leaves connections to the store for everybody else
# The feed may lose a ring (another process, a restart): look at least this often.
LOOK_AGAIN_S = 5.0


class Idle:
    """Nothing has happened for a while; the connection may be kept alive."""


class Stopping:
    """This server is shutting down; go on behind the last event at another one, or a little later."""


class Pages(Protocol):
    """Where a reader takes its events from: a journal, or what reads it for many."""

    async def page(
        self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int, bytes_max: int
    ) -> Page: ...


Place: TypeAlias = tuple[Tenant, RunId, int, int, int]


class SharedPages:
    """Pages of a journal for many readers: those who ask for the same one at the same moment share a read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._coming: dict[Place, asyncio.Task[Page]] = {}
        self._turns = asyncio.Semaphore(READS_AT_ONCE_MAX)

    async def page(self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int, bytes_max: int) -> Page:
        """Return a page that was read after it was asked for.

        Raises   as `Journal.page`
        """
        place = (tenant, run_id, after_seq, limit, bytes_max)
        coming = self._coming.get(place)
        if coming is None:
            coming = self._coming[place] = asyncio.get_running_loop().create_task(self._read(place))
            coming.add_done_callback(_looked_at)
        return await asyncio.shield(coming)

    async def _read(self, place: Place) -> Page:
        async with self._turns:
            # whoever asks from here on may ask for what is written meanwhile
            del self._coming[place]
            return await self._journal.page(*place)


def _looked_at(task: asyncio.Task[Page]) -> None:
    """Its readers may all have left; then nobody else would look at what went wrong."""
    if not task.cancelled():
        task.exception()


async def follow(
    pages: Pages,
    feed: LiveFeed,
    tenant: Tenant,
    run_id: RunId,
    after_seq: int,
    *,
    idle_s: float,
    stopping: Callable[[], bool],
) -> AsyncGenerator[Record | Idle | Stopping | RunStatus]:
    """Yield the records behind `after_seq` as they come, `Idle` every `idle_s`, at last the end status.

    When the server is being stopped, `Stopping` is the last item.
    Raises   RunMissing, RunCorrupt
    """
    with feed.listen(run_id) as bell:
        quiet_s = 0.0
        while True:
            bell.clear()
            page = await pages.page(tenant, run_id, after_seq, PAGE_MAX, PAGE_BYTES_MAX)
            page.verified(run_id)
            for record in page.records:
                yield record
                after_seq, quiet_s = record.seq, 0.0
            if after_seq < page.tip.seq:
                continue
            if page.status in OVER:
                yield page.status
                return
            if stopping():
                yield Stopping()
                return
            wait_s = min(LOOK_AGAIN_S, idle_s)
            quiet_s = 0.0 if await bell.wait(wait_s) else quiet_s + wait_s
            if quiet_s >= idle_s:
                quiet_s = 0.0
                yield Idle()
