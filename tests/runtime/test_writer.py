"""The one writing connection of a file: who waits, who is told, and what a file may be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from runwright.adapters import sqlite
from runwright.adapters.sqlite import BATCH_MAX, Reader, Writer, connect, migrations, schema_version
from runwright.core.errors import JournalUnavailable
from runwright.testing.waiting import wait_until

NEVER_ASIDE_S, ALWAYS_ASIDE_S = 60.0, -1.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.db"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    """A writer whose disk is always quick."""
    writer = Writer(path, inline_max_s=NEVER_ASIDE_S, waiting_max=5)
    await writer.submit(lambda con: con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").fetchall())
    yield writer
    await writer.close()


def _put(con: apsw.Connection) -> int:
    con.execute("INSERT INTO t DEFAULT VALUES")
    return con.last_insert_rowid()


def _thread(con: apsw.Connection) -> int:
    return threading.get_ident()


def _make_commits_slow(con: apsw.Connection) -> None:
    con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").fetchall()
    con.set_commit_hook(lambda: threading.Event().wait(0.2))


async def test_a_file_is_opened_for_power_cuts(path: Path, writer: Writer) -> None:
    """The write-ahead log with a full sync on every commit; readers cannot write."""
    reader = Reader(path)
    mode = await writer.submit(lambda con: con.execute("PRAGMA journal_mode").fetchall())
    sync = await writer.submit(lambda con: con.execute("PRAGMA synchronous").fetchall())

    assert (mode, sync) == ([("wal",)], [(2,)])
    with pytest.raises(JournalUnavailable, match="ReadOnly"):
        reader.rows("INSERT INTO t DEFAULT VALUES")
    reader.close()


async def test_work_on_a_quick_disk_stays_on_the_loops_thread(writer: Writer) -> None:
    """No thread is hopped to while commits are quick."""
    assert await writer.submit(_thread) == threading.get_ident()


async def test_work_on_a_slow_disk_leaves_the_loop_free(path: Path) -> None:
    """The loop goes on while a commit takes its time: it is the loop that lets this one end."""
    writer, go_on = Writer(path, inline_max_s=ALWAYS_ASIDE_S, waiting_max=5), threading.Event()
    slow = writer.submit(lambda con: go_on.wait(600))
    behind = writer.submit(_thread)
    go_on.set()

    assert await slow
    assert await behind != threading.get_ident()
    await writer.close()


async def test_work_comes_back_to_the_loop_when_the_disk_is_quick_again(path: Path) -> None:
    """One slow commit sends the next ones aside; quick ones bring them back."""
    writer = Writer(path, inline_max_s=0.010, waiting_max=5)
    writer._con.execute("PRAGMA synchronous = OFF")  # no commit waits for a disk that others keep busy
    await writer.submit(_make_commits_slow)
    await writer.submit(lambda con: con.set_commit_hook(None))
    aside = await writer.submit(_thread)
    commits = 0
    while await writer.submit(_thread) != threading.get_ident():
        commits += 1
        assert commits < 500

    assert aside != threading.get_ident()
    await writer.close()


async def test_what_comes_while_a_commit_runs_shares_the_next(path: Path) -> None:
    """Everything that waited for one commit is done by the one behind it."""
    writer, go_on = Writer(path, inline_max_s=ALWAYS_ASIDE_S, waiting_max=100), threading.Event()
    await writer.submit(lambda con: con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").fetchall())
    slow = writer.submit(lambda con: go_on.wait(600))
    await wait_until(lambda: writer.waiting == 0, 60, "the slow commit to begin")
    before = writer.commits
    behind = [writer.submit(_put) for _ in range(50)]
    go_on.set()
    await slow

    assert await asyncio.gather(*behind) == list(range(1, 51))
    assert writer.commits - before == 2
    await writer.close()


async def test_a_crowd_is_committed_in_bounded_batches(path: Path) -> None:
    """However many wait, a transaction holds no more than its bound, and the order is kept."""
    writer = Writer(path, inline_max_s=NEVER_ASIDE_S, waiting_max=10_000)
    await writer.submit(lambda con: con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").fetchall())
    before = writer.commits
    waiting = [writer.submit(_put) for _ in range(2 * BATCH_MAX + 1)]

    assert await asyncio.gather(*waiting) == list(range(1, 2 * BATCH_MAX + 2))
    assert writer.commits - before == 3
    await writer.close()


async def test_too_many_waiting_are_refused_at_once(writer: Writer) -> None:
    """A bound on the queue: the sixth of five is told to try again, the five are done."""
    waiting = [writer.submit(_put) for _ in range(5)]
    with pytest.raises(JournalUnavailable, match="5 writes are waiting"):
        writer.submit(_put)

    assert await asyncio.gather(*waiting) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("inline_max_s", [NEVER_ASIDE_S, ALWAYS_ASIDE_S])
async def test_closing_commits_what_waits(path: Path, inline_max_s: float) -> None:
    """What was submitted before the close is in the file; what comes later is refused."""
    writer = Writer(path, inline_max_s=inline_max_s, waiting_max=100)
    await writer.submit(lambda con: con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").fetchall())
    waiting = [writer.submit(_put) for _ in range(20)]
    await writer.close()
    await writer.close()
    reader = Reader(path)

    assert all(one.done() for one in waiting)
    assert reader.rows("SELECT count(*) FROM t") == [(20,)]
    with pytest.raises(JournalUnavailable):
        await writer.submit(_put)
    reader.close()


async def test_a_broken_piece_of_work_leaves_nothing_behind(writer: Writer, path: Path) -> None:
    """Its writes are rolled back, whatever it raised; its neighbours' are not."""

    def broken(con: apsw.Connection) -> None:
        _put(con)
        raise ZeroDivisionError

    found = await asyncio.gather(
        writer.submit(_put), writer.submit(broken), writer.submit(_put), return_exceptions=True
    )
    reader = Reader(path)

    assert found[::2] == [1, 2]
    assert isinstance(found[1], ZeroDivisionError)
    assert reader.rows("SELECT count(*) FROM t") == [(2,)]
    reader.close()


async def test_a_snapshot_sees_one_moment(writer: Writer, path: Path) -> None:
    """What is committed in between is not seen until the snapshot ends."""
    reader, other = Reader(path), connect(path)
    with reader.snapshot():
        before = reader.rows("SELECT count(*) FROM t")
        other.execute("INSERT INTO t DEFAULT VALUES")
        inside = reader.rows("SELECT count(*) FROM t")
    after = reader.rows("SELECT count(*) FROM t")
    other.close()
    reader.close()

    assert (before, inside, after) == ([(0,)], [(0,)], [(1,)])


async def test_a_snapshot_of_a_closed_store_is_said_plainly(writer: Writer, path: Path) -> None:
    """No error of the driver comes out raw."""
    reader = Reader(path)
    reader.close()

    with pytest.raises(JournalUnavailable), reader.snapshot():
        pass


def test_migrating_twice_is_migrating_once(path: Path) -> None:
    """The second time nothing is done; the version is the number of scripts."""
    con = connect(path)
    versions = [sqlite.migrate(con), sqlite.migrate(con), schema_version(con)]
    con.close()

    assert versions == [len(migrations())] * 3


def test_a_file_of_a_newer_build_is_refused_untouched(path: Path) -> None:
    """The message says which versions there are and what to do."""
    con = connect(path)
    con.execute(f"PRAGMA user_version = {len(migrations()) + 7}").fetchall()
    with pytest.raises(JournalUnavailable, match="install the version that made it"):
        sqlite.migrate(con)

    assert schema_version(con) == len(migrations()) + 7
    assert con.execute("SELECT count(*) FROM sqlite_schema").fetchall() == [(0,)]
    con.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    """A file with tables of somebody else's is refused in words and stays as it was."""
    con = connect(path)
    con.execute("CREATE TABLE events (other TEXT)")
    with pytest.raises(JournalUnavailable):
        sqlite.migrate(con)

    assert con.execute("SELECT name FROM sqlite_schema").fetchall() == [("events",)]
    assert not con.in_transaction
    con.close()


@pytest.mark.parametrize("name", ["nowhere/file.db", "folder", "text.db"])
def test_what_is_no_database_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """A missing folder, a folder and a text file: the error names the file and no driver's message."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no database " * 1_000)

    with pytest.raises(JournalUnavailable, match=name):
        connect(tmp_path / name)


def test_a_library_with_the_reset_race_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that can corrupt the file is not used at all."""
    monkeypatch.setattr(sqlite, "LIBRARY_MIN", (99, 0, 0))

    with pytest.raises(JournalUnavailable, match=r"install apsw 99\.0\.0 or newer"):
        connect(path)
