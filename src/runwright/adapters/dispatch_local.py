"""Dispatch inside the one process that drives a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from runwright.core.ids import RunId, Tenant
from runwright.dispatch_port import Hands
from runwright.ports import Journal


class LocalDispatcher:
    """`Dispatcher` of a process that has the journal for itself: what is not over is its own."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def start(self, hands: Hands, *, take_up: bool) -> int:
        unfinished = await self._journal.unfinished() if take_up else ()
        for run_id in unfinished:
            hands.take(run_id)
        return len(unfinished)

    def offer(self, hands: Hands, run_id: RunId) -> None:
        hands.take(run_id)

    @property
    def waiting(self) -> Mapping[Tenant, int]:
        return {}

    def has_room(self) -> None:
        """What waits, waits in the hands already."""

    @property
    def tenure(self) -> int:
        return 0

    async def hold(self, run_id: RunId, epoch: int) -> int | None:
        return 0

    async def leave(self, run_id: RunId) -> bool:
        return False  # there are no others

    async def give_back(self, kept: Collection[RunId]) -> None:
        """The next process finds in the journal what is not over."""

    @asynccontextmanager
    async def duty(self, name: str) -> AsyncIterator[bool]:
        yield True

    async def stop(self) -> None:
        """Nothing is held that would have to be let go."""
