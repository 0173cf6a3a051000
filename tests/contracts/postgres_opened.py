"""A journal and todos on a PostgreSQL database, and a way round them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from runwright.adapters.journal_postgres import PostgresJournal
from runwright.adapters.postgres import Bounds, Database
from runwright.adapters.postgres_commit import Room
from runwright.adapters.todos_postgres import PostgresTodos
from runwright.core.ids import RunId
from runwright.ports import Journal

BOUNDS = Bounds(connect_s=60, statement_s=60, idle_s=60, wait_s=60, connections=5)
ROOM = Room(items_max=10_000, bytes_max=64 * 1024 * 1024)


class Opened:
    """What one process has of a database."""

    def __init__(self, url: str, bounds: Bounds = BOUNDS, room: Room = ROOM) -> None:
        self.url, self._bounds, self._room = url, bounds, room
        self.unclaimed: list[RunId] = []

    async def open(self, now_s: Callable[[], float] = time.time) -> None:
        """Connect."""
        self.database = Database(self.url, self._bounds)
        await self.database.open()
        self.journal = PostgresJournal(self.database, self._room, self.unclaimed.append)
        self.todos = PostgresTodos(self.database, self._room, now_s)

    async def close(self) -> None:
        """Let go of everything, as at the end of a process."""
        await self.journal.close()
        await self.todos.close()
        await self.database.close()

    async def reopen(self) -> Journal:
        """Return the journal as the next process finds it."""
        await self.close()
        await self.open()
        return self.journal

    async def change(self, sql: str, *bindings: object) -> int:
        """Do to the database what the stores would never do; return how many rows changed."""
        con = await asyncpg.connect(self.url)
        try:
            done = await con.execute(sql, *bindings)
        finally:
            await con.close()
        return int(done.rpartition(" ")[2]) if done[-1].isdigit() else 0


@asynccontextmanager
async def opened(url: str, **options: object) -> AsyncIterator[Opened]:
    """Yield the stores of a database, closed in the end."""
    store = Opened(url, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
