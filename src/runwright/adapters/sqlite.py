"""One SQLite file: its connections, its one writer and its migrations.

Every write of the process goes through `Writer`: what waits at the same moment is committed together, so a
hundred runs share one fsync. With WAL and `synchronous=FULL` what was committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import apsw

from runwright.adapters.sqlite_failures import failure
from runwright.core.errors import JournalUnavailable, RunwrightError
from runwright.crash_points import crash_here
from runwright.log import Log
from runwright.outage import Outage

log = Log("runwright.journal")
T = TypeVar("T")
Work = Callable[[apsw.Connection], T]

BUSY_TIMEOUT_MS = 5_000
BATCH_MAX = 500  # works of one transaction: more would hold the loop and win nothing
TROUBLE_S = 10.0  # how long a failed commit counts against the store's health
LIBRARY_MIN = (3, 51, 3)  # below this SQLite has the WAL-reset race: two connections can corrupt the file


class _Waiting(NamedTuple, Generic[T]):
    work: Work[T]
    done: asyncio.Future[T]


class Writer:
    """The one writing connection of a file, with group commit.

    Work is done on the event loop's own thread as long as the disk answers within `inline_max_s`, because
    two thread hops cost more than a quiet commit; on a slow disk it moves to a thread of its own for as long.
    `committed` is told how long a transaction took, its work included, and how much work it was.
    """

    def __init__(self, path: Path, *, inline_max_s: float, waiting_max: int) -> None:
        self._con = connect(path)
        self._inline_max_s, self._waiting_max = inline_max_s, waiting_max
        self._waiting: list[_Waiting[Any]] = []
        self._busy = self._closed = False
        self._commit_s = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self.commits = 0
        self.committed: Callable[[float, int], None] = lambda duration_s, writes: None
        self._trouble: tuple[str, float] | None = None
        self._outage = Outage(log, "store.away", "store.back")

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Return a future that holds the result of `work` once it is committed.

        `work` gets the connection inside a transaction that it shares with others, and must not have
        written anything when it raises a RunwrightError. Any other error rolls its writes back.

        Raises   JournalUnavailable, at once when too many wait, in the future when the commit fails
        """
        if self._closed:
            raise JournalUnavailable("the database is closed")
        if len(self._waiting) >= self._waiting_max:
            raise JournalUnavailable(f"{self._waiting_max} writes are waiting for the disk; try again")
        return self._queued(work)

    def _queued(self, work: Work[T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Waiting(work, done))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._turn)
        return done

    @property
    def trouble(self) -> str | None:
        """Why the last commit failed, if that was a moment ago: without writes nobody would know better."""
        if self._trouble is None or time.monotonic() - self._trouble[1] > TROUBLE_S:
            return None
        return self._trouble[0]

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the next commit."""
        return len(self._waiting)

    def migrate(self) -> int:
        """Bring the file up to this build's schema; return the version it is at.

        Raises   JournalUnavailable when it was made by a newer build
        """
        return migrate(self._con)

    async def close(self) -> None:
        """Let what waits be committed, then close the connection; whatever comes later is refused."""
        if self._closed:
            return
        self._closed = True
        await self._queued(lambda con: None)
        if self._thread is not None:
            self._thread.shutdown()
        self._con.close()

    def _turn(self) -> None:
        batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
        if self._commit_s <= self._inline_max_s:
            self._settle(batch, self._commit(batch))
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        loop = asyncio.get_running_loop()
        future = self._thread.submit(self._commit, batch)
        future.add_done_callback(lambda f: loop.call_soon_threadsafe(self._settle, batch, f.result()))

    def _settle(self, batch: list[_Waiting[Any]], results: list[Any]) -> None:
        for waiting, result in zip(batch, results, strict=True):
            if waiting.done.cancelled():
                continue
            if isinstance(result, BaseException):
                waiting.done.set_exception(result)
            else:
                waiting.done.set_result(result)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._busy = False

    def _commit(self, batch: list[_Waiting[Any]]) -> list[Any]:
        try:
            results = self._transaction(batch)
        except Exception as error:
            # one bad piece of work must not fail the others: each is tried on its own
            results = [failure(error)] if len(batch) == 1 else [self._commit([one])[0] for one in batch]
            if len(batch) == 1 and isinstance(results[0], JournalUnavailable):
                self._outage.lasts(results[0].message)
                self._trouble = results[0].message, time.monotonic()
        return results

    def _transaction(self, batch: list[_Waiting[Any]]) -> list[Any]:
        con, results, begun_s = self._con, [], time.monotonic()
        con.execute("BEGIN IMMEDIATE")
        try:
            for waiting in batch:
                try:
                    results.append(waiting.work(con))
                except RunwrightError as refusal:
                    results.append(refusal)
            crash_here("commit.before")
            flushed_s = time.monotonic()
            con.execute("COMMIT")
        except BaseException:
            if con.in_transaction:
                con.execute("ROLLBACK")
            raise
        crash_here("commit.after")
        # of the disk's part alone, a mean over some eight commits: one slow fsync is no slow disk
        now_s = time.monotonic()
        self._commit_s += (now_s - flushed_s - self._commit_s) / 8
        self.commits += 1
        self.committed(now_s - begun_s, len(batch))
        self._trouble = None
        self._outage.ended()
        return results


class Reader:
    """A read-only connection; what it reads is committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._con = connect(path, read_only=True)
        self._aside: apsw.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None

    def rows(self, sql: str, bindings: tuple[Any, ...] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query that is known to be small."""
        try:
            return self._con.execute(sql, bindings).fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            raise failure(error) from error

    async def aside(self, work: Work[T]) -> T:
        """Return the result of work that may read much, done while the event loop goes on."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-reader")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._done_aside, work)

    def _done_aside(self, work: Work[T]) -> T:
        try:
            if self._aside is None:
                self._aside = connect(self._path, read_only=True)
            return work(self._aside)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise failure(error) from error

    def each(self, sql: str, bindings: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, so that the caller can stop early."""
        try:
            yield from self._con.execute(sql, bindings)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise failure(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make the queries inside see one moment of the database."""
        self.rows("BEGIN")
        try:
            yield
        finally:
            if self._con.in_transaction:
                self.rows("COMMIT")

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        if self._aside is not None:
            self._aside.close()
        self._con.close()


def connect(path: Path, *, read_only: bool = False) -> apsw.Connection:
    """Return a connection with the settings that every connection of Runwright has.

    Raises   JournalUnavailable when the file cannot be opened or the SQLite library is unsafe
    """
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < LIBRARY_MIN:
        least = ".".join(map(str, LIBRARY_MIN))
        raise JournalUnavailable(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt databases; install apsw {least} or newer"
        )
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    try:
        con = apsw.Connection(str(path), flags=flags)
        con.set_busy_timeout(BUSY_TIMEOUT_MS)
        if not read_only:
            con.execute("PRAGMA journal_mode=WAL").fetchall()
            con.execute("PRAGMA synchronous=FULL").fetchall()
        con.execute("PRAGMA foreign_keys=ON").fetchall()
        # SQLite's own lower() knows the letters of English alone
        con.create_scalar_function("casefold", lambda *text: str(text[0]).casefold(), 1, deterministic=True)
    except apsw.Error as error:
        raise failure(error, path) from error
    return con


def migrate(con: apsw.Connection) -> int:
    """Bring a database up to this build's schema, in one transaction; return the version it is at.

    Raises   JournalUnavailable when the database was made by a newer build, or cannot be changed
    """
    try:
        con.execute("BEGIN EXCLUSIVE")
        version = _migrated(con, migrations())
        con.execute("COMMIT")
    except apsw.Error as error:
        raise failure(error) from error
    finally:
        if con.in_transaction:
            con.execute("ROLLBACK")
    return version


def _migrated(con: apsw.Connection, scripts: list[str]) -> int:
    have = schema_version(con)
    if have > len(scripts):
        raise JournalUnavailable(
            f"the database has schema {have}, this build of Runwright knows up to {len(scripts)}; "
            "install the version that made it, or a newer one"
        )
    for number, sql in enumerate(scripts[have:], start=have + 1):
        con.execute(sql).fetchall()
        con.execute(f"PRAGMA user_version={number}").fetchall()
    return len(scripts)


def schema_version(con: apsw.Connection) -> int:
    """Return the number of the newest migration that was applied."""
    row = con.execute("PRAGMA user_version").fetchone()
    return int(row[0]) if row else 0


def migrations() -> list[str]:
    """Return the SQL of all migrations, oldest first."""
    folder = files("runwright.adapters") / "sql" / "sqlite"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in found]
