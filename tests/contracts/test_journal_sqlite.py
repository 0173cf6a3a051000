"""The journal in a SQLite file keeps the contract, finds damage, shares commits and survives a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from runwright.adapters.journal_sqlite import KEY_LIFE_S, SqliteJournal
from runwright.adapters.sqlite import Reader, Writer
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import JournalFault, JournalUnavailable, RunCorrupt
from runwright.ports import IdempotencyKey, Journal, RunFilter
from runwright.testing.journal_contract import (
    ANNA,
    WORKER,
    Born,
    JournalContract,
    born,
    new_run,
    outcomes,
    some,
    stored,
)
from runwright.testing.runs_contract import RunsContract


class Opened:
    """A journal with the connections under it, and a way round them."""

    def __init__(self, path: Path, inline_max_s: float = 60.0) -> None:
        self._path, self._inline_max_s = path, inline_max_s
        self.open()

    def open(self) -> None:
        self.writer = Writer(self._path, inline_max_s=self._inline_max_s, waiting_max=10_000)
        self.writer.migrate()
        self.reader = Reader(self._path)
        self.journal = SqliteJournal(self.writer, self.reader)

    async def close(self) -> None:
        self.reader.close()
        await self.writer.close()

    async def reopen(self) -> Journal:
        await self.close()
        self.open()
        return self.journal

    def change(self, sql: str, *bindings: object) -> int:
        """Do to the file what the journal would never do; return how many rows changed."""
        con = apsw.Connection(str(self._path))
        con.execute(sql, bindings)
        changed = con.changes()
        con.close()
        return changed


@pytest.fixture(params=[60.0, -1.0], ids=["quick disk", "slow disk"])
async def store(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """A fresh store, writing on the loop's thread (quick disk) or on one of its own (slow disk)."""
    opened = Opened(tmp_path / "journal.db", request.param)
    yield opened
    await opened.close()


@pytest.fixture
def journal(store: Opened) -> Journal:
    return store.journal


@pytest.fixture
def reopened(store: Opened) -> Callable[[], Awaitable[Journal]]:
    return store.reopen


class TestSqliteJournal(JournalContract):
    """The contract of every journal, on both sides of the thread."""


class TestRunsOfSqliteJournal(RunsContract):
    """What every journal shows, on both sides of the thread."""


async def _three(store: Opened) -> list[Born]:
    """Three runs of five records each."""
    runs = [await born(store.journal) for _ in range(3)]
    for run in runs:
        await store.journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 4), None)
    return runs


FLIPPED = (
    "UPDATE events SET {0} = CAST(substr({0}, 1, 9) || x'00' || substr({0}, 11) AS BLOB) WHERE run_id = ?1"
)
DAMAGES = {
    "a byte of a body": (FLIPPED.format("body") + " AND seq = 3", "^event 3 .* damaged"),
    "a byte of a hash": (FLIPPED.format("hash") + " AND seq = 5", "^event 5 .* damaged"),
    "a middle event": ("DELETE FROM events WHERE run_id = ?1 AND seq = 2", "^event 2 .* missing"),
    "the first event": ("DELETE FROM events WHERE run_id = ?1 AND seq = 1", "^event 1 .* missing"),
    "the tail": ("DELETE FROM events WHERE run_id = ?1 AND seq > 3", "ends at event 3, but 5 were recorded"),
    "every event": ("DELETE FROM events WHERE run_id = ?1", "ends at event 0, but 5 were recorded"),
    "the order": ("UPDATE events SET seq = seq + 10 WHERE run_id = ?1 AND seq = 2", "^event 2 .* missing"),
    "the count": ("UPDATE runs SET seq = 4 WHERE run_id = ?1", "ends at event 5, but 4 were recorded"),
    "the head": ("UPDATE runs SET head = x'00' WHERE run_id = ?1", "^event 5 .* not the one"),
}


@pytest.mark.parametrize("what", DAMAGES)
async def test_damage_is_found_and_named(store: Opened, what: str) -> None:
    """A damaged run is refused by name wherever it is read whole; other runs are as they were."""
    runs = await _three(store)
    sql, named = DAMAGES[what]
    before = [await stored(store.journal, run) for run in runs]
    changed = store.change(sql, runs[1].run_id)
    history = await store.journal.history(ANNA, runs[1].run_id)
    claim = await store.journal.claim(runs[1].run_id, WORKER)

    assert changed
    assert claim is not None
    for found in (history, claim.history):
        with pytest.raises(RunCorrupt, match=named):
            verified(found.records, EMPTY, found.tip)
    assert [await stored(store.journal, run) for run in (runs[0], runs[2])] == [before[0], before[2]]


@pytest.mark.parametrize("seqs", ["seq = 3", "seq >= 3", "seq > 0"])
async def test_records_of_another_run_are_found(store: Opened, seqs: str) -> None:
    """Two runs whose records were exchanged, hashes and all, are both refused."""
    runs = await _three(store)
    exchange = f"""UPDATE events SET run_id = CASE run_id WHEN ?1 THEN ?2 WHEN ?2 THEN 'aside' ELSE ?1 END
                   WHERE {seqs} AND run_id = ?3"""
    first, second = runs[0].run_id, runs[1].run_id
    for moved in (second, first, "aside"):
        assert store.change(exchange, first, second, moved)

    for run in runs[:2]:
        history = await store.journal.history(ANNA, run.run_id)
        assert len(history.records) == 5
        with pytest.raises(RunCorrupt, match=r"^event [345] "):
            verified(history.records, EMPTY, history.tip)
    await stored(store.journal, runs[2])


async def test_a_page_finds_the_damage_inside_it(store: Opened) -> None:
    """A reader who goes on behind an event sees damage in what it reads, not in what it has read."""
    run = (await _three(store))[0]
    store.change(DAMAGES["a byte of a body"][0], run.run_id)
    damaged, sound = [await store.journal.page(ANNA, run.run_id, after, 2) for after in (1, 3)]

    assert [event.seq for event in verified(sound.records, sound.after, sound.tip)] == [4, 5]
    with pytest.raises(RunCorrupt, match=r"^event 3 "):
        verified(damaged.records, damaged.after)


async def test_appends_of_one_moment_share_commits(store: Opened) -> None:
    """Two hundred appends cost a handful of commits, and all of them are there."""
    runs = [await born(store.journal) for _ in range(200)]
    before = store.writer.commits
    await outcomes([store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in runs])

    assert store.writer.commits - before <= 3
    assert {(await stored(store.journal, run)).tip.seq for run in runs} == {2}


async def test_a_full_disk_refuses_and_recovers(store: Opened) -> None:
    """What does not fit is refused as a whole and said so; once there is room it can be written."""
    run = await born(store.journal)
    pages = store.reader.rows("PRAGMA page_count")[0][0]
    await store.writer.submit(lambda con: con.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
    large = some(run.run_id, run.tip)
    large = [large[0]._replace(body=b"x" * 100_000)]
    small = await born(store.journal)
    with pytest.raises(JournalUnavailable, match="disk with the database is full"):
        await store.journal.append(run.run_id, 1, run.tip, large, None)
    after = await stored(store.journal, run)
    await store.journal.append(small.run_id, 1, small.tip, some(small.run_id, small.tip), None)
    await store.writer.submit(lambda con: con.execute("PRAGMA max_page_count = 1000000").fetchall())
    await store.journal.append(run.run_id, 1, run.tip, large, None)

    assert after.tip == run.tip
    assert (await store.journal.history(ANNA, run.run_id)).tip.seq == 2


async def test_a_full_disk_fails_what_does_not_fit_and_nothing_else(store: Opened) -> None:
    """Of appends of one moment those that fit are written although one of them filled the disk."""
    runs = [await born(store.journal) for _ in range(5)]
    pages = store.reader.rows("PRAGMA page_count")[0][0]
    await store.writer.submit(lambda con: con.execute(f"PRAGMA max_page_count = {pages + 3}").fetchall())
    records = [some(run.run_id, run.tip) for run in runs]
    records[2] = [records[2][0]._replace(body=b"x" * 100_000)]
    works = [store.journal.append(r.run_id, 1, r.tip, rs, None) for r, rs in zip(runs, records, strict=True)]
    found = await outcomes(works)

    assert [type(one) for one in found if one is not None] == [JournalUnavailable]
    assert isinstance(found[2], JournalUnavailable)
    assert [(await stored(store.journal, run)).tip.seq for run in runs] == [2, 2, 1, 2, 2]


async def test_a_read_of_a_store_that_is_gone_is_said_plainly(store: Opened) -> None:
    """No error of the driver comes out raw, from reads or from writes."""
    run = await born(store.journal)
    store.change("DROP TABLE events")
    asked = [
        store.journal.history(ANNA, run.run_id),
        store.journal.page(ANNA, run.run_id, 0, 1),
        store.journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None),
        store.journal.claim(run.run_id, WORKER),
    ]
    found = await outcomes(asked)
    store.change("DROP TABLE run_documents")
    found += await outcomes([store.journal.runs(ANNA, RunFilter(), None, 9)])

    assert [type(one) for one in found] == [JournalUnavailable] * 5


async def test_a_key_is_free_again_after_a_day(store: Opened) -> None:
    """A key older than its life makes a new run, and remembers that one from then on."""
    first, second, third = new_run(), new_run(), new_run()
    key = IdempotencyKey("k", b"body")
    await store.journal.create(first.row, first.records, worker=None, key=key)
    store.change("UPDATE idempotency_keys SET created_at = created_at - ?1", KEY_LIFE_S)
    made = await store.journal.create(second.row, second.records, worker=None, key=key)
    again = await store.journal.create(third.row, third.records, worker=None, key=key)

    assert (made.run_id, made.fresh) == (second.run_id, True)
    assert (again.run_id, again.fresh) == (second.run_id, False)


async def test_keys_older_than_a_day_are_deleted(store: Opened) -> None:
    """Each new key takes a few expired ones with it, however many runs come without a key."""
    for n in range(10):
        run = new_run()
        await store.journal.create(run.row, run.records, worker=None, key=IdempotencyKey(f"old {n}", b"body"))
    store.change("UPDATE idempotency_keys SET created_at = created_at - ?1", KEY_LIFE_S)
    counts = []
    for n in range(4):
        run = new_run()
        await store.journal.create(run.row, run.records, worker=None, key=IdempotencyKey(f"{n}", b"body"))
        counts.append(store.reader.rows("SELECT count(*) FROM idempotency_keys")[0][0])

    assert counts == [7, 4, 3, 4]


async def test_a_record_that_is_there_already_is_no_trouble_of_the_store(store: Opened) -> None:
    """Asking again would be refused again, so the refusal is not one that is waited out."""
    run = new_run()
    await store.journal.create(run.row, run.records, worker=None, key=None)

    with pytest.raises(JournalFault) as refused:
        await store.journal.create(run.row, run.records, worker=None, key=None)

    assert not refused.value.retryable and "UNIQUE" not in refused.value.message


async def test_a_cancelled_waiter_harms_no_other(store: Opened) -> None:
    """A caller who no longer waits leaves the others of his commit their results."""
    runs = [await born(store.journal) for _ in range(3)]
    tasks = [
        asyncio.ensure_future(store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None))
        for r in runs
    ]
    tasks[1].cancel()
    found = await outcomes(tasks)

    assert [type(one) for one in found] == [type(None), asyncio.CancelledError, type(None)]
    assert [(await stored(store.journal, run)).tip.seq for run in (runs[0], runs[2])] == [2, 2]


async def test_the_lists_of_one_tenant_and_the_unfinished_use_their_indexes(store: Opened) -> None:
    """No query of the journal walks through all runs or all events."""
    from runwright.adapters import journal_sqlite as sql
    from runwright.adapters import run_lists_sqlite as lists

    given = {"tenant": "t", "before": "~", "after": "", "limit": 9, "status": "failed"}
    asked = {
        lists._listing(""): given,
        lists._listing(lists._CONDITIONS["status"]): given,
        sql._UNFINISHED: (),
        sql._RECORDS: ("r", 1, 9),
        sql._TIP: ("r",),
        sql._FENCED: (2, b"", "r", 1, 1),
        sql._KEY: ("t", "k", 0.0),
    }
    for query, bindings in asked.items():
        plan = [row[3] for row in store.reader.rows("EXPLAIN QUERY PLAN " + query, bindings)]
        steps = [line for line in plan if line.startswith(("SCAN", "SEARCH"))]
        assert steps
        assert all("SEARCH" in line or "runs_unfinished" in line for line in steps), plan
