"""The journal in a PostgreSQL database keeps the contract, finds damage and forgets old keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from contracts.postgres_opened import Opened, opened
from runwright.adapters import journal_postgres_writes
from runwright.core.codec import EMPTY, Tip, verified
from runwright.core.errors import JournalUnavailable, RunCorrupt
from runwright.ports import Claim, IdempotencyKey, Journal, RunFilter
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


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Opened]:
    """The stores of an empty database."""
    async with opened(postgres_url) as store:
        yield store


@pytest.fixture
def journal(store: Opened) -> Journal:
    return store.journal


@pytest.fixture
def reopened(store: Opened) -> Callable[[], Awaitable[Journal]]:
    return store.reopen


class TestPostgresJournal(JournalContract):
    """The contract of every journal."""


class TestRunsOfPostgresJournal(RunsContract):
    """What every journal shows."""


FLIPPED = "UPDATE events SET {0} = set_byte({0}, 9, get_byte({0}, 9) # 1) WHERE run_id = $1"
DAMAGES = {
    "a byte of a body": (FLIPPED.format("body") + " AND seq = 3", "^event 3 .* damaged"),
    "a byte of a hash": (FLIPPED.format("hashes") + " AND seq = 5", "^event 5 .* damaged"),
    "a middle event": ("DELETE FROM events WHERE run_id = $1 AND seq = 2", "^event 2 .* missing"),
    "the first event": ("DELETE FROM events WHERE run_id = $1 AND seq = 1", "^event 1 .* missing"),
    "the tail": ("DELETE FROM events WHERE run_id = $1 AND seq > 3", "ends at event 3, but 5 were recorded"),
    "every event": ("DELETE FROM events WHERE run_id = $1", "ends at event 0, but 5 were recorded"),
    "the order": ("UPDATE events SET seq = seq + 10 WHERE run_id = $1 AND seq = 2", "^event 2 .* missing"),
    "the count": ("UPDATE runs SET seq = 6 WHERE run_id = $1", "ends at event 5, but 6 were recorded"),
    "the status": ("UPDATE runs SET status = 'failed' WHERE run_id = $1", "row was damaged"),
    "a time": ("UPDATE runs SET created_at = 7 WHERE run_id = $1", "row was damaged"),
    "the head": ("UPDATE runs SET head = '\\x00' WHERE run_id = $1", "^event 5 .* not the one"),
}


async def _three(store: Opened) -> list[Born]:
    """Three runs of five records each, a row for each record."""
    runs = [await born(store.journal) for _ in range(3)]
    for run in runs:
        tip = run.tip
        for _ in range(4):
            (record,) = some(run.run_id, tip)
            await store.journal.append(run.run_id, 1, tip, [record], None)
            tip = Tip(record.seq, record.hash)
    return runs


async def test_runs_are_claimed_together_each_with_its_own_journal(
    store: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims of one moment share statements and commits, however many events come with them; a run that is over is
    claimed by nobody.
    """
    monkeypatch.setattr(journal_postgres_writes, "EVENTS_AT_ONCE", 7)
    runs = [*await _three(store), *[await born(store.journal, worker=None) for _ in range(20)]]
    over = await born(store.journal, status="failed")
    claims = await outcomes([store.journal.claim(run.run_id, WORKER) for run in (*runs, over)])

    histories = [await stored(store.journal, run) for run in runs]
    assert claims == [*map(Claim, [2] * 3 + [1] * 20, histories), None]
    assert store.journal.claims.commits <= 2


@pytest.mark.parametrize("what", DAMAGES)
async def test_damage_is_found_and_named(store: Opened, what: str) -> None:
    """A damaged run is refused by name wherever it is read, and told of in lists; other runs are as they were."""
    runs = await _three(store)
    ids = [run.run_id for run in runs]
    sql, named = DAMAGES[what]
    before = [await stored(store.journal, run) for run in runs]
    sound = await store.journal.damaged(ids)
    changed = await store.change(sql, ids[1][4:])
    (read,) = await outcomes([store.journal.history(ANNA, ids[1])])
    claim = await store.journal.claim(ids[1], WORKER)

    assert (changed > 0, sound) == (True, frozenset())
    assert await store.journal.damaged(ids) == {ids[1]}
    if "row was" in named:
        assert isinstance(read, RunCorrupt) and named in read.message
    else:
        with pytest.raises(RunCorrupt, match=named):
            verified(read.records, EMPTY, read.tip)
    if claim is not None and "row was" not in named and what != "the count":
        with pytest.raises(RunCorrupt, match=named):
            verified(claim.history.records, EMPTY, claim.history.tip)
    assert [await stored(store.journal, run) for run in (runs[0], runs[2])] == [before[0], before[2]]


async def test_a_damaged_prompt_or_document_is_told_of_in_lists(store: Opened) -> None:
    """What lists show from beside the chain of events has a witness; old rows without one are taken as they are."""
    runs = await _three(store)
    ids = [run.run_id for run in runs]
    await store.change("UPDATE run_documents SET document = '{}' WHERE run_id = $1", ids[0][4:])
    await store.change("UPDATE run_documents SET prompt = '\\xff' WHERE run_id = $1", ids[1][4:])
    shown = await store.journal.runs(ANNA, RunFilter(), None, 9)
    found = await store.journal.damaged(ids)
    await store.change("UPDATE run_documents SET witness = ''")

    assert len(shown) == 3
    assert found == {ids[0], ids[1]}
    assert await store.journal.damaged(ids) == frozenset()


async def test_events_without_their_row_are_damage(store: Opened) -> None:
    """Such a run is not unknown: somebody took its row."""
    run = (await _three(store))[0]
    await store.change("DELETE FROM runs WHERE run_id = $1", run.run_id[4:])

    with pytest.raises(RunCorrupt, match="its row is missing"):
        await store.journal.history(ANNA, run.run_id)


async def test_a_key_is_free_again_after_a_day_and_forgotten(store: Opened) -> None:
    """A key older than its life makes a new run; each new key takes some of the expired ones with it."""
    key = IdempotencyKey("k", b"body")
    runs = [new_run() for _ in range(13)]
    for number, run in enumerate(runs[:10]):
        one = key if number == 0 else IdempotencyKey(f"old {number}", b"")
        await store.journal.create(run.row, run.records, worker=None, key=one)
    await store.change("UPDATE idempotency_keys SET created_at = created_at - $1", 24 * 3_600.0)
    first, second, third = runs[10:]
    made = await store.journal.create(first.row, first.records, worker=None, key=key)
    again = await store.journal.create(second.row, second.records, worker=None, key=key)
    await store.journal.create(third.row, third.records, worker=None, key=IdempotencyKey("new", b""))
    left = await store.database.rows("SELECT key FROM idempotency_keys ORDER BY created_at DESC")

    assert (made, again) == ((first.run_id, True), (first.run_id, False))
    assert [row[0] for row in left[:2]] == ["new", "k"]
    assert len(left) <= 4


async def test_a_cancelled_waiter_harms_no_other(store: Opened) -> None:
    """A caller who no longer waits leaves the others of his commit their results."""
    runs = [await born(store.journal) for _ in range(3)]
    tasks = [
        asyncio.ensure_future(store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None))
        for r in runs
    ]
    await asyncio.sleep(0)
    tasks[1].cancel()
    found = await outcomes(tasks)

    assert [type(one) for one in found] == [type(None), asyncio.CancelledError, type(None)]
    assert [(await stored(store.journal, run)).tip.seq for run in (runs[0], runs[2])] == [2, 2]


async def test_a_store_that_is_gone_is_said_plainly(store: Opened) -> None:
    """No error of the driver comes out raw, from reads or from writes."""
    run = await born(store.journal)
    await store.change("DROP TABLE events")
    asked = [
        store.journal.history(ANNA, run.run_id),
        store.journal.page(ANNA, run.run_id, 0, 1),
        store.journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None),
        store.journal.claim(run.run_id, WORKER),
        store.journal.unfinished(),
    ]
    found = await outcomes(asked)

    assert [type(one) for one in found] == [JournalUnavailable] * 5
