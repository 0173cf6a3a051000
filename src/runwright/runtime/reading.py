"""Reading a run that somebody else may be driving: from its journal, with a snapshot as a shortcut."""

from __future__ import annotations

from runwright.core.codec import EMPTY, verified
from runwright.core.errors import IllegalTransition, RunCorrupt
from runwright.core.ids import RunId, Tenant
from runwright.core.run import fold
from runwright.core.snapshot import Snapshot
from runwright.core.state import OVER, Run
from runwright.ports import History, Journal, Page
from runwright.snapshot_port import Snapshots

# A journal that fits in here is read sooner than anybody could be asked for a snapshot.
SHORT_EVENTS_MAX = 50
SHORT_BYTES_MAX = 64 * 1024


async def read_run(journal: Journal, snapshots: Snapshots | None, tenant: Tenant, run_id: RunId) -> Run:
    """Return a run as its journal tells of it at this moment, whatever the snapshot says.

    Raises   RunMissing, RunCorrupt
    """
    if snapshots is None:
        return folded(await journal.history(tenant, run_id))
    page = await journal.page(tenant, run_id, 0, SHORT_EVENTS_MAX, SHORT_BYTES_MAX)
    if not page.cut:
        return folded(History(run_id, page.tip, page.records))
    if page.status in OVER:
        return folded(await journal.history(tenant, run_id))
    snapshot = await snapshots.newest(run_id)
    if snapshot is not None and snapshot.run.tenant == tenant:
        rest = await journal.page(tenant, run_id, snapshot.tip.seq)
        if rest.after == snapshot.tip:
            return _moved_on(snapshot, rest)
    history = await journal.history(tenant, run_id)
    run = folded(history)
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
