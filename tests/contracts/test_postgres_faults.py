"""What becomes of writes to PostgreSQL when backends are killed, answers are lost and locks are held."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from contracts.postgres_opened import BOUNDS, Opened, opened
from runwright.adapters import postgres
from runwright.core.codec import Record, Tip
from runwright.core.errors import ClaimLost, InvalidInput, JournalUnavailable, StaleAppend
from runwright.ports import IdempotencyKey
from runwright.testing.waiting import wait_until
from services import proxy
from services.postgres import Server

pytest.register_assert_rewrite("runwright.testing.journal_contract", "runwright.testing.todos_contract")

from runwright.testing.journal_contract import (  # noqa: E402 (their assertions are to be rewritten)
    ANNA,
    WORKER,
    Born,
    adding,
    born,
    new_run,
    outcomes,
    some,
    stored,
)
from runwright.testing.todos_contract import fresh_key, listed, texts  # noqa: E402

QUICK = BOUNDS._replace(connect_s=5.0, statement_s=1.0)  # a server that does not answer is noticed by it
KILLS, PATIENCE_S = 30, 60.0
MINE = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'runwright %'"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Opened]:
    """The stores of an empty database, as one process has them."""
    async with opened(postgres_url) as store:
        yield store


@pytest.fixture
async def other(store: Opened) -> AsyncIterator[Opened]:
    """The same database, as another process has it."""
    async with opened(store.url) as other:
        yield other


async def test_a_crowd_that_asks_for_the_health_asks_the_database_once(
    store: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may ask: a thousand at the same time take one connection, and none from those who work."""
    taken, connection = 0, store.database.connection

    def counted() -> object:
        nonlocal taken
        taken += 1
        return connection()

    monkeypatch.setattr(store.database, "connection", counted)
    await asyncio.gather(*(store.database.ping() for _ in range(1_000)))

    assert taken == 1


async def test_a_database_whose_connections_are_all_at_work_is_not_taken_for_away(
    store: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its health cannot be told; whoever has a connection goes on, and nobody is refused for it."""
    monkeypatch.setattr(postgres, "PING_S", 0.2)
    async with AsyncExitStack() as stack:
        for _ in range(BOUNDS.connections):
            con = await stack.enter_async_context(store.database.connection())
        with pytest.raises(JournalUnavailable, match="no connection to the database was free"):
            await store.database.ping()

        assert store.database.away is None
        assert await con.fetchval("SELECT 1") == 1
    await store.database.ping()


async def persistently(write: Callable[[], Awaitable[object]]) -> object:
    """The outcome of a write that is asked for until the store answers."""
    while True:
        try:
            return await write()
        except JournalUnavailable:
            await asyncio.sleep(0.02)


async def driven(store: Opened, run: Born, appends: int, dice: random.Random) -> list[Record]:
    """The records that a driver of a run added, one append behind the other, whatever came between."""
    tip, added = run.tip, list(run.records)
    for _ in range(appends):
        records = some(run.run_id, tip, dice.randint(1, 3))
        try:
            await persistently(
                lambda tip=tip, new=records: store.journal.append(run.run_id, 1, tip, new, None)
            )
        except StaleAppend:  # an answer was lost: the records are there, and nobody else has written
            page = await store.journal.page(ANNA, run.run_id, tip.seq)
            assert page.records == tuple(records)
        added += records
        tip = Tip(records[-1].seq, records[-1].hash)
    return added


async def test_killed_backends_lose_nothing_and_repeat_nothing(store: Opened) -> None:
    """Backends are ended at thirty random moments under appends of twenty runs, creations and todos."""
    dice, killed, stop = random.Random(20_261_122), 0, asyncio.Event()
    runs = [await born(store.journal) for _ in range(20)]
    made: list[Born] = []

    async def kill() -> None:
        nonlocal killed
        con = await asyncpg.connect(store.url)
        while killed < KILLS:
            await asyncio.sleep(dice.random() * 0.03)
            pids = [row[0] for row in await con.fetch(MINE)]
            if pids:
                killed += await con.fetchval("SELECT pg_terminate_backend($1)::int", dice.choice(pids))
        await con.close()
        stop.set()

    async def create() -> None:
        while not stop.is_set():
            run = new_run()
            (answer,) = await outcomes([store.journal.create(run.row, run.records, worker=None, key=None)])
            if not isinstance(answer, JournalUnavailable):
                assert answer.fresh
                made.append(run)

    async def todo() -> int:
        number = 0
        while not stop.is_set():
            key = fresh_key()
            await persistently(lambda n=number, key=key: store.todos.add(ANNA, str(n), key))
            number += 1
        return number

    work = [driven(store, run, 60, dice) for run in runs]
    *written, _, _, count = await asyncio.gather(*work, create(), kill(), todo())
    while (await listed(store.todos)).match_count < count:
        await asyncio.sleep(0.01)
    page = await listed(store.todos, limit=1_000)

    for run, records in zip(runs, written, strict=True):
        assert list((await stored(store.journal, run)).records) == records
    assert made
    for run in made:
        await stored(store.journal, run)
    assert texts(page)[:100] == [str(n) for n in range(min(100, count))]
    assert page.match_count == count


@pytest.mark.parametrize("lost", ["requests", "answers"])
async def test_a_commit_of_unknown_outcome_is_found_out(
    postgres: Server, postgres_url: str, lost: str
) -> None:
    """The statement or its answer gets lost: either way it is carried out once, and its caller is told so."""
    name = postgres_url.rpartition("/")[2]
    async with (
        proxy.before(postgres.port) as between,
        opened(f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}", bounds=QUICK) as store,
    ):
        runs = [await born(store.journal) for _ in range(5)]
        await _asked(store, await born(store.journal))
        fresh, key = new_run(), IdempotencyKey("k", b"body")
        await store.todos.add(ANNA, "warm", fresh_key())
        between.swallow = lost
        works = [
            asyncio.ensure_future(work)
            for work in (
                *(store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in runs),
                store.journal.create(fresh.row, fresh.records, worker=WORKER, key=key),
                store.todos.add(ANNA, "once", fresh_key()),
            )
        ]
        await wait_until(lambda: store.database.away is not None, PATIENCE_S, "the loss to be noticed")
        between.swallow = None
        between.cut()
        answers = await outcomes(works)

        assert answers[:5] == [None] * 5
        assert answers[5] == (fresh.run_id, True)
        assert answers[6].text == "once"
        assert [(await stored(store.journal, run)).tip.seq for run in runs] == [2] * 5
        assert (await stored(store.journal, fresh)).tip == fresh.tip
        assert (await listed(store.todos)).match_count == 2


async def test_a_control_of_unknown_outcome_is_found_out(postgres: Server, postgres_url: str) -> None:
    """A cancel whose commit was answered to nobody is on record once, and answered as such."""
    name = postgres_url.rpartition("/")[2]
    async with (
        proxy.before(postgres.port) as between,
        opened(f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}", bounds=QUICK) as store,
    ):
        run = await born(store.journal)

        def control(found: object) -> object:
            # what is written next is the statement and its answer; the commit follows
            asyncio.get_running_loop().call_later(0.0, lose)
            return adding([], run.row)(found)[0] or some(run.run_id, run.tip), run.row

        def lose() -> None:
            between.swallow = "answers"

        asked = asyncio.ensure_future(store.journal.control(ANNA, run.run_id, control))
        await wait_until(lambda: store.database.away is not None, PATIENCE_S, "the loss to be noticed")
        between.swallow = None
        between.cut()
        (answer,) = await outcomes([asked])
        await wait_until(lambda: store.database.away is None, PATIENCE_S, "the server to be reached again")
        seq = (await stored(store.journal, run)).tip.seq

        assert (seq, isinstance(answer, JournalUnavailable)) in ((2, False), (1, True))


async def test_a_creation_that_nobody_waits_for_is_not_forgotten(postgres: Server, postgres_url: str) -> None:
    """Its caller was told that nobody knows; once it is known, whoever drives runs is told."""
    name = postgres_url.rpartition("/")[2]
    async with (
        proxy.before(postgres.port) as between,
        opened(
            f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}", bounds=QUICK._replace(wait_s=0.2)
        ) as store,
    ):
        await persistently(lambda: born(store.journal))  # there is a connection, however busy the machine is
        run = new_run()
        between.swallow = "answers"
        with pytest.raises(JournalUnavailable, match="not known yet"):
            await store.journal.create(run.row, run.records, worker=WORKER, key=None)
        refused = await outcomes([store.journal.create(*new_run(), worker=None, key=None)])
        between.swallow = None
        between.cut()
        await wait_until(lambda: run.run_id in store.unclaimed, PATIENCE_S, "the run to be found")

        assert isinstance(refused[0], JournalUnavailable)
        assert (await stored(store.journal, run)).tip == run.tip


async def test_a_server_that_does_not_answer_is_noticed_and_refused_at_once(
    postgres: Server, postgres_url: str
) -> None:
    """The first requests wait for their time-outs, later ones do not; all is well once it answers again."""
    name = postgres_url.rpartition("/")[2]
    async with (
        proxy.before(postgres.port) as between,
        opened(f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}", bounds=QUICK) as store,
    ):
        run = await born(store.journal)
        between.swallow = "answers"
        (first,) = await outcomes([store.journal.history(ANNA, run.run_id)])
        later = await outcomes([store.journal.history(ANNA, run.run_id) for _ in range(500)])
        ping = await outcomes([store.database.ping()])
        between.swallow = None
        between.cut()
        await asyncio.wait_for(store.database.back(), PATIENCE_S)

        assert {type(one) for one in (first, *later, *ping)} == {JournalUnavailable}
        assert (await stored(store.journal, run)).tip == run.tip


async def test_a_lock_that_is_held_too_long_is_taken_away(store: Opened) -> None:
    """A process that stops inside a transaction holds its locks for `idle_s`, then the others go on."""
    run, free = await born(store.journal), await born(store.journal)
    async with opened(store.url, bounds=BOUNDS._replace(idle_s=0.3)) as stopped:
        with pytest.raises(JournalUnavailable):
            async with stopped.database.connection() as con, con.transaction():
                await con.fetch("SELECT * FROM runs WHERE run_id = $1 FOR UPDATE", run.run_id[4:])
                works = [
                    store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in (run, free)
                ]
                assert await outcomes(works) == [None, None]
                await con.fetch("SELECT 1")


async def test_a_statement_that_takes_too_long_is_refused(store: Opened) -> None:
    """The server ends it; nothing is written, and the next one passes."""
    run = await born(store.journal)
    async with opened(store.url, bounds=QUICK) as quick:
        con = await asyncpg.connect(store.url)
        async with con.transaction():
            await con.fetch("SELECT * FROM runs WHERE run_id = $1 FOR UPDATE", run.run_id[4:])
            late = await outcomes(
                [quick.journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None)]
            )
        await con.close()
        again = await outcomes(
            [
                persistently(
                    lambda: quick.journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None)
                )
            ]
        )

    assert type(again[0]) in (
        type(None),
        StaleAppend,
    )  # one that took too long once more may have been written
    assert [type(one) for one in late] == [JournalUnavailable]
    assert "too long" in late[0].message
    assert (await stored(store.journal, run)).tip.seq == 2


async def test_an_older_claim_is_shut_out_by_another_process(store: Opened, other: Opened) -> None:
    """Of appends of one moment those of the run that was claimed elsewhere are refused, and no other."""
    runs = [await born(store.journal) for _ in range(30)]
    claim = await other.journal.claim(runs[7].run_id, "other")
    works = [store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in runs]
    found = await outcomes(works)
    run = runs[7]
    await other.journal.append(run.run_id, 2, run.tip, some(run.run_id, run.tip), None)

    assert claim is not None and claim.epoch == 2
    assert [type(one) for one in found if one is not None] == [ClaimLost]
    assert isinstance(found[7], ClaimLost)


async def test_batches_of_two_processes_never_lock_each_other(store: Opened, other: Opened) -> None:
    """Both append to the same runs at the same moments, in different orders, while claims move the epochs."""
    dice = random.Random(1)
    runs = [await born(store.journal) for _ in range(25)]
    written = dict.fromkeys((run.run_id for run in runs), 0)
    seen: list[type] = []

    async def work(process: Opened) -> None:
        for _ in range(40):
            some_runs = dice.sample(runs, 10)
            works = []
            for run in some_runs:
                tip = (await process.journal.history(ANNA, run.run_id)).tip
                works.append(
                    process.journal.append(run.run_id, epochs[run.run_id], tip, some(run.run_id, tip), None)
                )
            for run, answer in zip(some_runs, await outcomes(works), strict=True):
                written[run.run_id] += answer is None
                seen.append(type(answer))

    async def claim() -> None:
        for _ in range(60):
            run = dice.choice(runs)
            found = await other.journal.claim(run.run_id, "x")
            assert found is not None
            epochs[run.run_id] = found.epoch

    epochs = dict.fromkeys(written, 1)
    before = await deadlocks(store)
    await asyncio.gather(work(store), work(other), work(other), claim())

    assert await deadlocks(store) == before
    assert set(seen) <= {type(None), StaleAppend, ClaimLost}
    assert {type(None), StaleAppend} <= set(seen)
    for run in runs:
        assert (await stored(store.journal, run)).tip.seq == 1 + written[run.run_id]


async def deadlocks(store: Opened) -> int:
    """How many deadlocks the server has found in this database."""
    rows = await store.database.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return int(rows[0][0])


async def test_creations_of_two_processes_with_one_key_make_one_run(store: Opened, other: Opened) -> None:
    """Wherever the requests land, one run is fresh and all others answer with its id."""
    for n in range(10):
        key = IdempotencyKey(f"key {n}", b"body")
        runs = [new_run() for _ in range(40)]
        works = [
            process.journal.create(run.row, run.records, worker=None, key=key)
            for run, process in zip(runs, (store, other) * 20, strict=True)
        ]
        made = await outcomes(works)

        assert sum(one.fresh for one in made) == 1
        assert len({one.run_id for one in made}) == 1


async def test_a_thousand_appends_that_wait_share_a_handful_of_statements(store: Opened) -> None:
    """They cost as few commits as statements, and all of them are there."""
    runs = [new_run() for _ in range(1_000)]
    await outcomes([store.journal.create(run.row, run.records, worker=WORKER, key=None) for run in runs])
    creations, appends = store.journal.creations.commits, store.journal.appends.commits
    await outcomes([store.journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in runs])
    rows = await store.database.rows("SELECT count(*), min(seq), max(seq) FROM runs")

    assert creations <= 2
    assert store.journal.appends.commits - appends <= 2
    assert tuple(rows[0]) == (1_000, 2, 2)


async def test_one_piece_that_cannot_be_kept_fails_alone(store: Opened) -> None:
    """A text that PostgreSQL cannot hold is refused by name; its neighbours are written."""
    runs = [new_run() for _ in range(9)]
    bad = runs[4].row._replace(plan_hash="a\0b")
    rows = [run.row if place != 4 else bad for place, run in enumerate(runs)]
    works = [
        store.journal.create(row, run.records, worker=None, key=None)
        for row, run in zip(rows, runs, strict=True)
    ]
    found = await outcomes(works)

    assert [type(one) for one in found if isinstance(one, Exception)] == [InvalidInput]
    assert "U+0000" in found[4].message
    assert all([(await stored(store.journal, run)).tip == run.tip for run in runs if run is not runs[4]])


async def test_a_write_that_would_wait_too_long_is_refused_at_once(postgres_url: str) -> None:
    """The queue is bounded in pieces and in bytes; what is in it is written."""
    from runwright.adapters.postgres_commit import Room

    async with opened(postgres_url, room=Room(items_max=3, bytes_max=10_000)) as store:
        runs = [await born(store.journal) for _ in range(6)]
        by_count = await outcomes([_asked(store, run) for run in runs])
        large = [some(run.run_id, run.tip)[0]._replace(body=b"x" * 9_000) for run in runs]
        by_bytes = await outcomes(
            [_asked(store, run, one) for run, one in zip(runs[3:], large[3:], strict=True)]
        )

    assert [type(one) for one in by_count] == [type(None)] * 3 + [JournalUnavailable] * 3
    assert [type(one) for one in by_bytes] == [type(None)] * 2 + [JournalUnavailable]


async def _asked(store: Opened, run: Born, record: Record | None = None) -> None:
    records = [record] if record else some(run.run_id, run.tip)
    await store.journal.append(run.run_id, 1, run.tip, records, None)
