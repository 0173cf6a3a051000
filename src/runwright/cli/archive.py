"""Runs read from the database itself, beside whoever drives them, and without ever writing to it."""

from __future__ import annotations

import os
from asyncio import Future
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from runwright.adapters import sqlite
from runwright.adapters.file_lock import lock_holder
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.live_local import LocalFeed
from runwright.cli.access import PAGE_MAX, Json, Reading
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import JournalUnavailable, RunCorrupt, RunMissing, RunwrightError
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.run import fold
from runwright.core.state import Run
from runwright.core.view import run_object, summary
from runwright.ports import Journal, RunFilter, RunRow
from runwright.runtime.channel import Batch
from runwright.runtime.stream import Followers, Idle

if TYPE_CHECKING:
    from runwright.adapters.postgres import Database
    from runwright.settings import Settings

# The database cannot wake its readers, so they look by themselves.
LOOK_EVERY_S = 0.25


class DriverGone(RunwrightError):
    """The process that drove the run has gone."""

    code = "driver_gone"


class _NoWriter(sqlite.Writer):
    """Stands where the journal has its writer, and holds no connection."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def submit(self, work: Any) -> Future[Any]:
        raise AssertionError("a journal that is only read was written to")


@asynccontextmanager
async def archive(settings: Settings) -> AsyncIterator[Reading]:
    """Yield access for reading; where there is no file yet, there are no runs.

    Raises   JournalUnavailable when the database cannot be read, or has the schema of another version
    """
    if settings.postgres_url:
        from runwright.stores import database_of

        database = await database_of(settings, migrating=False)
        try:
            yield await _postgres_archive(database)
        finally:
            await database.close()
        return
    path = settings.database_path
    reader = _reader(path)
    try:
        journal = None if reader is None else _journal(path, reader)
        yield Archive(journal, lambda: is_driven(path))
    finally:
        if reader is not None:
            reader.close()


async def _postgres_archive(database: Database) -> Archive:
    from runwright.adapters.journal_postgres import PostgresJournal
    from runwright.adapters.postgres_commit import Room
    from runwright.adapters.postgres_schema import migrations, schema_version

    async with database.connection() as con:
        have = await schema_version(con)
    _check_schema("the database", have, len(migrations()))
    # who drives a run there is not known; nothing is written, so nothing has to wait
    journal = PostgresJournal(database, Room(items_max=0, bytes_max=0)) if have else None
    return Archive(journal, lambda: True)


def is_driven(path: Path) -> bool:
    """Return whether the process that the lock file names is alive."""
    pid = lock_holder(path).get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _reader(path: Path) -> sqlite.Reader | None:
    return sqlite.Reader(path) if path.exists() else None


def _journal(path: Path, reader: sqlite.Reader) -> SqliteJournal | None:
    [(have,)] = reader.rows("PRAGMA user_version")
    _check_schema(str(path), have, len(sqlite.migrations()))
    return SqliteJournal(_NoWriter(), reader) if have else None


def _check_schema(name: str, have: int, newest: int) -> None:
    if have > newest:
        raise JournalUnavailable(
            f"{name} has schema {have}, this version knows up to {newest}", hint="install a newer Runwright"
        )
    if 0 < have < newest:
        raise JournalUnavailable(
            f"{name} has schema {have}, this version reads {newest}", hint="runwright db upgrade"
        )


class Archive:
    """`Reading` of a database.

    driven   whether there may be a process that carries the runs on
    """

    def __init__(self, journal: Journal | None, driven: Callable[[], bool]) -> None:
        self._journal, self._driven = journal, driven

    async def run(self, run_id: str) -> Json:
        return run_object(await self._folded(RunId(run_id)))

    async def runs(self, wanted: RunFilter, limit: int, cursor: str | None) -> Json:
        if self._journal is None:
            return {"items": [], "next_cursor": None}
        limit = min(limit, PAGE_MAX)
        before = None if cursor is None else RunId(cursor)
        rows = await self._journal.runs(DEFAULT_TENANT, wanted, before, limit + 1)
        items = [await self._item(row) for row in rows[:limit]]
        return {"items": items, "next_cursor": items[-1]["run_id"] if len(rows) > limit else None}

    async def history(self, run_id: str) -> list[Json]:
        known = RunId(run_id)
        history = await self._known(run_id).history(DEFAULT_TENANT, known)
        verified(history.records, EMPTY, history.tip, known)
        return [msgspec.json.decode(record.body) for record in history.records]

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yield the events of a run behind seq `after` until it is over.

        Raises   DriverGone when it is not over and its driver has died
        """
        followers = Followers(self._known(run_id), LocalFeed(), LOOK_EVERY_S)
        following = followers.follow(DEFAULT_TENANT, RunId(run_id), after, stopping=lambda: False)
        alone = False
        async with aclosing(following) as items:
            async for item in items:
                if isinstance(item, Batch):
                    for record in item.records:
                        yield msgspec.json.decode(record.body)
                elif isinstance(item, Idle):
                    # a driver may have ended the run and itself since the file was read: look once more
                    if alone:
                        hint = f"runwright runs watch {run_id} carries it on"
                        raise DriverGone("the process that drove the run has gone; it is not over", hint=hint)
                    alone = not self._driven()

    async def _item(self, row: RunRow) -> Json:
        if row.document is not None:
            ended: Json = msgspec.json.decode(row.document)
            return ended
        try:
            return summary(await self._folded(row.run_id))
        except RunCorrupt:
            return {
                "run_id": row.run_id,
                "tenant": row.tenant,
                "prompt": row.prompt,
                "status": "corrupt",
            }

    async def _folded(self, run_id: RunId) -> Run:
        history = await self._known(run_id).history(DEFAULT_TENANT, run_id)
        return fold(run_id, verified(history.records, EMPTY, history.tip, run_id))

    def _known(self, run_id: str) -> Journal:
        if self._journal is None:
            raise RunMissing(f"there is no run {run_id:.60}")
        return self._journal
