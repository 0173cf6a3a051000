"""Wake-ups for the followers of runs that other processes drive, by looking at their rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from runwright.adapters.journal_postgres_rows import bare, run_id_of
from runwright.adapters.postgres import Database
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId

# one statement for all that this process follows
SEQS = "SELECT run_id, seq FROM runs WHERE run_id = ANY($1::uuid[])"


class Followers(Protocol):
    """Those in this process who follow runs."""

    @property
    def followed(self) -> Collection[RunId]: ...

    def ring(self, run_id: RunId) -> None:
        """Wake those who follow the run."""


class FollowedRows:
    """Rings for every followed run whose journal has grown; costs nothing while nobody follows.

    every_s   between two looks; asked each time
    """

    def __init__(self, database: Database, followers: Followers, every_s: Callable[[], float]) -> None:
        self._database, self._followers, self._every_s = database, followers, every_s

    async def watch(self) -> None:
        """Look again and again, until this is cancelled."""
        seqs: dict[RunId, int] = {}
        while True:
            await asyncio.sleep(self._every_s())
            asked = [uuid for run_id in self._followers.followed if (uuid := bare(run_id))]
            if not asked:
                seqs.clear()
                continue
            try:
                rows = await self._database.rows(SEQS, asked)
            except JournalUnavailable:
                continue
            found = {run_id_of(uuid): seq for uuid, seq in rows}
            for run_id, seq in found.items():
                if seqs.get(run_id) != seq:
                    self._followers.ring(run_id)
            seqs = found
