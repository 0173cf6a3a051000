"""Where everything is kept: a SQLite file that this process alone drives, or a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from runwright.adapters import sqlite
from runwright.adapters.archive_sqlite import SqliteArchive
from runwright.adapters.audit_sqlite import SqliteAudit
from runwright.adapters.dispatch_local import LocalDispatcher
from runwright.adapters.expiry_sqlite import SqliteExpiry
from runwright.adapters.file_lock import Lock, make_place
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.keys_sqlite import SqliteKeys
from runwright.adapters.tenants_sqlite import SqliteTenants
from runwright.adapters.todos_sqlite import SqliteTodos
from runwright.archive_port import Archive
from runwright.audit_port import Audit
from runwright.core.errors import Invalid, JournalUnavailable
from runwright.core.ids import RunId
from runwright.crash_points import crash_here
from runwright.dispatch_port import Dispatcher
from runwright.expiry_port import Expiry
from runwright.key_port import Keys
from runwright.ports import Journal, Todos
from runwright.settings import Settings
from runwright.tenant_port import Tenants

if TYPE_CHECKING:
    from types import ModuleType

    from runwright.adapters.postgres import Database

Told = Callable[[RunId], None]
Committed = Callable[[float, int], None]


class Store(Protocol):
    """A journal with its archive, todos, API keys and tenants on one database, open.

    commits          transactions of the journal and the todos that this process has committed
    writes_waiting   pieces of work that wait for the next one
    """

    journal: Journal
    todos: Todos
    keys: Keys
    tenants: Tenants
    audit: Audit
    archive: Archive
    expiry: Expiry
    dispatcher: Dispatcher
    is_shared: bool

    @property
    def commits(self) -> int: ...

    @property
    def writes_waiting(self) -> int: ...

    async def ping(self) -> str:
        """Return `ok`, or why runs cannot be kept just now."""

    def figures(self) -> dict[str, Any]:
        """Return what an operator may want to know of it."""

    def announce(self, address: str | None) -> None:
        """Tell other processes of this computer where the one that drives the runs can be reached."""

    async def close(self) -> None:
        """Let what waits be committed, and let go."""


@asynccontextmanager
async def opened(settings: Settings, unclaimed: Told, committed: Committed) -> AsyncIterator[Store]:
    """Yield the store that the settings name, with the newest schema.

    unclaimed  is told of runs that were accepted after all, after nobody waited for them any more
    committed  is told of each commit how long it took, in seconds, and how many writes shared it
    Raises     DatabaseInUse, JournalUnavailable, Invalid
    """
    make = _postgres if settings.postgres_url else _sqlite
    async with make(settings, unclaimed, committed) as store:
        try:
            yield store
        finally:
            await store.close()
            crash_here("drain.after_close")


@asynccontextmanager
async def _sqlite(settings: Settings, _: Told, committed: Committed) -> AsyncIterator[Store]:
    path = settings.database_path
    make_place(path)
    lock = Lock(path)
    try:
        yield SqliteStore(settings, path, lock, committed)
    finally:
        lock.release()


def pepper_path(path: Path) -> Path:
    """Return where the pepper of the keys in a database file lies."""
    return path.with_name(path.name + ".pepper")


class SqliteStore:
    """A SQLite file, locked for this process."""

    def __init__(self, settings: Settings, path: Path, lock: Lock, committed: Committed) -> None:
        self._writer = sqlite.Writer(
            path,
            inline_max_s=settings.commit_inline_ms_max / 1_000,
            waiting_max=settings.writes_waiting_max,
        )
        self._writer.committed = committed
        self._writer.migrate()
        self._reader = sqlite.Reader(path)
        self.announce = lock.announce
        self.journal: Journal = SqliteJournal(self._writer, self._reader)
        self.todos: Todos = SqliteTodos(self._writer, self._reader, time.time)
        self.audit: Audit = SqliteAudit(self._writer, self._reader)
        self.keys: Keys = SqliteKeys(self._writer, self._reader, pepper_path(path))
        self.tenants: Tenants = SqliteTenants(self._writer, self._reader)
        self.archive: Archive = SqliteArchive(self._writer, self._reader, time.time)
        self.expiry: Expiry = SqliteExpiry(self._writer, self._reader)
        self.dispatcher: Dispatcher = LocalDispatcher(self.journal)

    is_shared = False

    @property
    def commits(self) -> int:
        return self._writer.commits

    @property
    def writes_waiting(self) -> int:
        return self._writer.waiting

    async def ping(self) -> str:
        try:
            self._reader.rows("SELECT 1")
        except JournalUnavailable as error:
            return error.message
        return self._writer.trouble or "ok"

    def figures(self) -> dict[str, Any]:
        return {
            "store": "sqlite",
            "library": apsw.sqlite_lib_version(),
            "commits": self.commits,
            "writes_waiting": self.writes_waiting,
        }

    async def close(self) -> None:
        # the last connection to close puts the write-ahead log into the file, and a reader could not
        self._reader.close()
        await self._writer.close()


@asynccontextmanager
async def _postgres(settings: Settings, unclaimed: Told, committed: Committed) -> AsyncIterator[Store]:
    database = await database_of(settings)
    try:
        yield PostgresStore(settings, database, unclaimed, committed)
    finally:
        await database.close()


class PostgresStore:
    """A PostgreSQL database, which other processes may use as well."""

    def __init__(self, settings: Settings, database: Database, unclaimed: Told, committed: Committed) -> None:
        from runwright.adapters.archive_postgres import PostgresArchive
        from runwright.adapters.audit_postgres import PostgresAudit
        from runwright.adapters.dispatch_postgres import PostgresDispatcher, Share
        from runwright.adapters.expiry_postgres import PostgresExpiry
        from runwright.adapters.journal_postgres import PostgresJournal
        from runwright.adapters.keys_postgres import PostgresKeys
        from runwright.adapters.postgres_commit import Room
        from runwright.adapters.tenants_postgres import PostgresTenants
        from runwright.adapters.todos_postgres import PostgresTodos

        room = Room(settings.writes_waiting_max, settings.writes_waiting_bytes_max, committed)
        self.database = database
        self._journal = PostgresJournal(database, room, unclaimed)
        self._todos = PostgresTodos(database, room, time.time)
        self.journal: Journal = self._journal
        self.todos: Todos = self._todos
        self.keys: Keys = PostgresKeys(database)
        self.audit: Audit = PostgresAudit(database)
        self.tenants: Tenants = PostgresTenants(database)
        self.archive: Archive = PostgresArchive(database, time.time)
        self.expiry: Expiry = PostgresExpiry(database)
        tenants = settings.tenant_runs_at_once_max, settings.tenant_runs_cluster_max or None
        waits = settings.waiting_runs_max, settings.worker_tools_wait_s
        self.sharing = PostgresDispatcher(database, Share(settings.worker_lease_s, *tenants, *waits))
        self.dispatcher: Dispatcher = self.sharing
        journal = self._journal
        self._groups = (journal.creations, journal.claims, journal.appends, self._todos.changes)

    is_shared = True

    @property
    def commits(self) -> int:
        return sum(group.commits for group in self._groups)

    @property
    def writes_waiting(self) -> int:
        return sum(group.waiting for group in self._groups)

    async def ping(self) -> str:
        try:
            await self.database.ping()
        except JournalUnavailable as error:
            return error.message
        return "ok"

    def figures(self) -> dict[str, Any]:
        return {
            "store": "postgresql",
            "server": self.database.version,
            **self.sharing.figures(),
            "commits": self.commits,
            "writes_waiting": self.writes_waiting,
        }

    def announce(self, address: str | None) -> None:
        """Nobody needs to know: whoever reaches the database can do everything there."""

    async def close(self) -> None:
        await self._journal.close()
        await self._todos.close()


async def database_of(settings: Settings, *, migrating: bool = True) -> Database:
    """Return the PostgreSQL database of the settings, open and with the newest schema.

    migrating   else the schema is left as it is

    Raises   JournalUnavailable; Invalid when the driver is not installed or the address is none
    """
    postgres = driver()
    from runwright.adapters.postgres_schema import migrate

    bounds = postgres.Bounds(
        connect_s=settings.database_connect_timeout_s,
        statement_s=settings.database_statement_timeout_s,
        idle_s=settings.database_idle_timeout_s,
        wait_s=settings.database_wait_s,
        connections=settings.database_connections_max,
    )
    database: Database = postgres.Database(settings.postgres_url, bounds)
    await database.open()
    if not migrating:
        return database
    try:
        con = await database.connect()
        try:
            await migrate(con)
        finally:
            await postgres.let_go(con)
    except BaseException:
        await database.close()
        raise
    return database


def driver() -> ModuleType:
    """Return the module of PostgreSQL's connections.

    Raises   Invalid when the driver is not installed
    """
    try:
        from runwright.adapters import postgres
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise Invalid(
            "RUNWRIGHT_DATABASE_URL names a PostgreSQL database, and its driver asyncpg is not installed",
            hint="pip install 'runwright[postgres]'",
        ) from error
    return postgres
