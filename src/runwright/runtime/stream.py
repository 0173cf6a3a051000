"""Following a run: every event once, in order, from any seq, until the run is over.

Events are always read from the journal; the live feed only wakes the reader. So nothing is lost or
repeated, whatever was dropped between.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from runwright.core.codec import Record
from runwright.core.ids import RunId, Tenant
from runwright.core.state import OVER, RunStatus
from runwright.ports import Journal, LiveFeed

PAGE_MAX = 100
PAGE_BYTES_MAX = 1024 * 1024  # at least one event is read, however large
# The feed may lose a ring (another process, a restart): look at least this often.
LOOK_AGAIN_S = 5.0


class Idle:
    """Nothing has happened for a while; the connection may be kept alive."""


class Stopping:
    """This server is shutting down; go on behind the last event at another one, or a little later."""


async def follow(
    journal: Journal,
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
            page = await journal.page(tenant, run_id, after_seq, PAGE_MAX, PAGE_BYTES_MAX)
            page.verified()
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
