"""The archive in a PostgreSQL database keeps the contract, and damage to it is found and named."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from contracts.postgres_opened import Opened, opened
from runwright.adapters import run_lists_postgres
from runwright.adapters.archive_postgres import PostgresArchive
from runwright.adapters.expiry_postgres import PostgresExpiry
from runwright.archive_port import Archive
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import RunCorrupt
from runwright.expiry_port import Expiry
from runwright.ports import Journal
from runwright.testing.archive_contract import ArchiveContract, ended, move
from runwright.testing.expiry_contract import ExpiryContract
from runwright.testing.journal_contract import ANNA, outcomes, stored

FLIPPED = "UPDATE run_archive SET {0} = set_byte({0}, {1}, get_byte({0}, {1}) # 1) WHERE run_id = $1"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Opened]:
    """The stores of an empty database."""
    async with opened(postgres_url) as store:
        yield store


@pytest.fixture
def journal(store: Opened) -> Journal:
    return store.journal


@pytest.fixture
def archive(store: Opened) -> Archive:
    return PostgresArchive(store.database, time.time)


@pytest.fixture
def expiry(store: Opened) -> Expiry:
    return PostgresExpiry(store.database)


class TestExpiryOfPostgres(ExpiryContract):
    """What is not kept for ever."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is asked behind three rows, and what it finds is looked at four by four."""
    monkeypatch.setattr(run_lists_postgres, "WALKED_MAX", 3)
    monkeypatch.setattr(run_lists_postgres, "AT_ONCE", 4)


class TestPostgresArchive(ArchiveContract):
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
    store: Opened, journal: Journal, archive: Archive, column: str, place: int, named: str
) -> None:
    """A byte of an event, of its hash or of its length: that run is refused by the event's number."""
    runs = [await ended(journal) for _ in range(3)]
    ids = [run.run_id for run in runs]
    assert await move(archive, ids) == 3
    assert await store.change(FLIPPED.format(column, place), ids[1][4:]) == 1
    history = await journal.history(ANNA, ids[1])

    assert await journal.damaged(ids) == {ids[1]}
    with pytest.raises(RunCorrupt, match=named):
        verified(history.records, EMPTY, history.tip)
    for run in (runs[0], runs[2]):
        await stored(journal, run)


async def test_a_lost_document_or_row_is_damage(store: Opened, journal: Journal, archive: Archive) -> None:
    """A run without its document is corrupt, and so is a document without its run: neither is unknown."""
    lost, alone = [await ended(journal) for _ in range(2)]
    assert await move(archive, [lost.run_id, alone.run_id]) == 2
    await store.change("DELETE FROM run_archive WHERE run_id = $1", lost.run_id[4:])
    await store.change("DELETE FROM runs WHERE run_id = $1", alone.run_id[4:])
    found = await outcomes([journal.history(ANNA, alone.run_id), journal.page(ANNA, lost.run_id, 6)])
    history = await journal.history(ANNA, lost.run_id)

    assert [type(one) for one in found] == [RunCorrupt, RunCorrupt]
    with pytest.raises(RunCorrupt, match="ends at event 0, but 6 were recorded"):
        verified(history.records, EMPTY, history.tip)
