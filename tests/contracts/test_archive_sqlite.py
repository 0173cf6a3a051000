"""The archive in a SQLite file keeps the contract, and damage to it is found and named."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from runwright.adapters import run_lists_sqlite
from runwright.adapters.archive_sqlite import SqliteArchive
from runwright.adapters.expiry_sqlite import SqliteExpiry
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.sqlite import Reader, Writer
from runwright.archive_port import Archive
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import RunCorrupt
from runwright.expiry_port import Expiry
from runwright.ports import Journal
from runwright.testing.archive_contract import ArchiveContract, ended, move
from runwright.testing.expiry_contract import ExpiryContract
from runwright.testing.journal_contract import ANNA, outcomes, stored

FLIPPED = "UPDATE run_archive SET {0} = CAST(substr({0}, 1, {1}) || x'00' || substr({0}, {1} + 2) AS BLOB) WHERE run_id = ?"


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[Journal, Archive, Expiry]]:
    """A journal, an archive and what deletes from them, in one new file."""
    writer = Writer(tmp_path / "runs.db", inline_max_s=60.0, waiting_max=10_000)
    writer.migrate()
    reader = Reader(tmp_path / "runs.db")
    yield (
        SqliteJournal(writer, reader),
        SqliteArchive(writer, reader, time.time),
        SqliteExpiry(writer, reader),
    )
    reader.close()
    await writer.close()


@pytest.fixture
def journal(stores: tuple[Journal, Archive, Expiry]) -> Journal:
    return stores[0]


@pytest.fixture
def archive(stores: tuple[Journal, Archive, Expiry]) -> Archive:
    return stores[1]


@pytest.fixture
def expiry(stores: tuple[Journal, Archive, Expiry]) -> Expiry:
    return stores[2]


class TestExpiryOfSqlite(ExpiryContract):
    """What is not kept for ever."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is asked behind three rows, and what it finds is looked at four by four."""
    monkeypatch.setattr(run_lists_sqlite, "WALKED_MAX", 3)
    monkeypatch.setattr(run_lists_sqlite, "AT_ONCE", 4)


class TestSqliteArchive(ArchiveContract):
    """The contract of every archive."""


@pytest.mark.parametrize(
    ("column", "place", "named"),
    [
        ("document", 300, "^event 2 .* damaged"),
        ("marks", 45, "^event 3 .* damaged"),
        ("marks", 19, "^event 1 .* damaged"),
    ],
)
async def test_damage_in_the_archive_is_found_and_named(
    tmp_path: Path, journal: Journal, archive: Archive, column: str, place: int, named: str
) -> None:
    """A byte of an event, of its hash or of its length: that run is refused by the event's number."""
    runs = [await ended(journal) for _ in range(3)]
    ids = [run.run_id for run in runs]
    assert await move(archive, ids) == 3
    con = apsw.Connection(str(tmp_path / "runs.db"))
    con.execute(FLIPPED.format(column, place), (ids[1],))
    con.close()
    history = await journal.history(ANNA, ids[1])

    assert await journal.damaged(ids) == {ids[1]}
    with pytest.raises(RunCorrupt, match=named):
        verified(history.records, EMPTY, history.tip)
    for run in (runs[0], runs[2]):
        await stored(journal, run)


async def test_a_lost_document_or_row_is_damage(tmp_path: Path, journal: Journal, archive: Archive) -> None:
    """A run without its document is corrupt, and so is a document without its run: neither is unknown."""
    lost, alone = [await ended(journal) for _ in range(2)]
    assert await move(archive, [lost.run_id, alone.run_id]) == 2
    con = apsw.Connection(str(tmp_path / "runs.db"))
    con.execute("DELETE FROM run_archive WHERE run_id = ?", (lost.run_id,))
    con.execute("DELETE FROM runs WHERE run_id = ?", (alone.run_id,))
    con.close()
    found = await outcomes([journal.history(ANNA, alone.run_id), journal.page(ANNA, lost.run_id, 6)])
    history = await journal.history(ANNA, lost.run_id)

    assert [type(one) for one in found] == [RunCorrupt, RunCorrupt]
    with pytest.raises(RunCorrupt, match="ends at event 0, but 6 were recorded"):
        verified(history.records, EMPTY, history.tip)
