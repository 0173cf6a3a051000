"""Reading a run that somebody else may be driving: from its journal, with a snapshot as a shortcut."""

from __future__ import annotations

import asyncio

from runwright.core.codec import EMPTY, verified
from runwright.core.errors import IllegalTransition, RunCorrupt
from runwright.core.ids import RunId, Tenant
from runwright.core.run import fold
from runwright.core.snapshot import Snapshot
from runwright.core.state import OVER, Run, RunStatus
from runwright.fair_places import FairPlaces
from runwright.ports import History, Journal, Page
from runwright.snapshot_port import Snapshots

# A journal that fits in here is read sooner than anybody could be asked for a snapshot.
SHORT_EVENTS_MAX = 50
SHORT_BYTES_MAX = 64 * 1024
_BEHIND_ALL = 2**62


# A journal of more bytes is made a run beside the loop, which it would hold for a second and more.
LARGE_BYTES = 1024 * 1024
LONG_AT_ONCE_MAX = 2


class Reads:
    """Reads runs that no drive here holds; long ones a few at a time, and tenants in turn.

    snapshots   in the place of the beginning of a long journal, where there are any
    """

    def __init__(self, journal: Journal, snapshots: Snapshots | None) -> None:
        self._journal, self._snapshots = journal, snapshots
        self._places = FairPlaces(LONG_AT_ONCE_MAX)

    async def run(self, tenant: Tenant, run_id: RunId) -> Run:
        """Return a run as its journal tells of it at this moment, whatever a snapshot says.

        Raises   RunMissing, RunCorrupt
        """
        page = await self._journal.page(tenant, run_id, 0, SHORT_EVENTS_MAX, SHORT_BYTES_MAX)
        if not page.cut:
            return folded(History(run_id, page.tip, page.records))
        await self._places.acquire(tenant)
        try:
            return await self._long(tenant, run_id, page.status)
        finally:
            self._places.release()

    async def tip(self, tenant: Tenant, run_id: RunId) -> Page:
        """Return where a run's journal ends, without what is in it.

        Raises   RunMissing, RunCorrupt
        """
        return await self._journal.page(tenant, run_id, _BEHIND_ALL)

    async def _long(self, tenant: Tenant, run_id: RunId, status: RunStatus) -> Run:
        journal, snapshots = self._journal, self._snapshots
        if snapshots is not None and status not in OVER:
            snapshot = await snapshots.newest(run_id)
            if snapshot is not None and snapshot.run.tenant == tenant:
                rest = await journal.page(tenant, run_id, snapshot.tip.seq)
                if rest.after == snapshot.tip:
                    return _moved_on(snapshot, rest)
        history = await journal.history(tenant, run_id)
        if sum(len(record.body) for record in history.records) > LARGE_BYTES:
            run = await asyncio.to_thread(folded, history)
        else:
            run = folded(history)
        if snapshots is not None and not run.is_over:
            snapshots.keep(Snapshot(run, history.tip))
        return run


def folded(history: History) -> Run:
    """Return the run that a journal tells of.

    Raises   RunCorrupt
    """
    try:
        return fold(history.run_id, verified(history.records, EMPTY, history.tip, history.run_id))
    except IllegalTransition as error:
        raise _impossible(error) from error


def _moved_on(snapshot: Snapshot, rest: Page) -> Run:
    run = snapshot.run
    try:
        return fold(run.run_id, rest.verified(run.run_id), run)
    except IllegalTransition as error:
        raise _impossible(error) from error


def _impossible(error: IllegalTransition) -> RunCorrupt:
    return RunCorrupt(f"the run's journal tells an impossible story: {error.message}")
