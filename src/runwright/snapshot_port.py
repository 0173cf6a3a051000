"""The port of snapshots: what the runtime needs of a place where processes show each other their runs."""

from __future__ import annotations

from typing import Protocol

from runwright.core.ids import RunId
from runwright.core.snapshot import Snapshot


class Snapshots(Protocol):
    """The state of active runs, for readers in other processes: a hint that may be old, missing or lost.

    Readers fold the rest of the journal onto a snapshot, and only when the journal holds the very event
    that it ends with; so nothing is ever shown that is older than what the journal tells.
    """

    def keep(self, snapshot: Snapshot) -> None:
        """Have a run's newest state kept some time soon; returns at once. Of a run that is over none is."""

    def figures(self) -> dict[str, int]:
        """Return how many states wait to be kept, were kept, and were found and not believed."""

    async def newest(self, run_id: RunId) -> Snapshot | None:
        """Return the newest state that was kept, None when there is none or nobody answers in time."""

    async def work(self) -> None:
        """Keep what is to be kept, until this is cancelled."""
