"""Where the engine of a test keeps its runs: a SQLite file, or a PostgreSQL database by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from runwright.adapters.journal_postgres import PostgresJournal
from runwright.adapters.journal_postgres_rows import records_of
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.postgres import Bounds, Database
from runwright.adapters.postgres_commit import Room
from runwright.adapters.sqlite import Reader, Writer
from runwright.core.ids import RunId
from services.postgres import Watcher

Place: TypeAlias = Path | str
BOUNDS = Bounds(connect_s=60, statement_s=60, idle_s=60, wait_s=60, connections=5)
ROOM = Room(items_max=10_000, bytes_max=64 * 1024 * 1024)


class SqlitePlace:
    """A journal in a file."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path, inline_max_s=60.0, waiting_max=10_000)
        self.writer.migrate()
        self.reader = Reader(path)
        self.journal = SqliteJournal(self.writer, self.reader)

    async def open(self) -> None:
        """It is open already."""

    @property
    def commits(self) -> int:
        return self.writer.commits

    def bodies(self, run_id: str) -> list[bytes]:
        """Return the bodies of a run's events as they are now."""
        sql = "SELECT body FROM events WHERE run_id = ? ORDER BY seq"
        return [body for (body,) in self.reader.rows(sql, (run_id,))]

    async def close(self) -> None:
        self.reader.close()
        await self.writer.close()


class PostgresPlace:
    """A journal in a database; the test looks at it through a connection of its own."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, BOUNDS)
        self.journal = PostgresJournal(self.database, ROOM)
        self._watcher = Watcher(url)

    async def open(self) -> None:
        await self.database.open()

    @property
    def commits(self) -> int:
        return self.journal.creations.commits + self.journal.appends.commits

    def bodies(self, run_id: str) -> list[bytes]:
        """Return the bodies of a run's events as they are now."""
        rows = self._watcher.rows(
            "SELECT seq, hashes, body FROM events WHERE run_id = $1 ORDER BY seq", run_id[4:]
        )
        return [record.body for record in records_of(RunId(run_id), rows)]

    async def close(self) -> None:
        self._watcher.close()
        await self.journal.close()
        await self.database.close()


def place_of(place: Place) -> SqlitePlace | PostgresPlace:
    """Return a journal at a place; it still has to be opened."""
    return PostgresPlace(place) if isinstance(place, str) else SqlitePlace(place)
