"""Every dispatcher fulfils the contract; over PostgreSQL runs are shared among processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from contracts.postgres_opened import BOUNDS, Opened, opened
from runwright.adapters import duty_postgres
from runwright.adapters.dispatch_local import LocalDispatcher
from runwright.adapters.dispatch_postgres import SWEEP_LOCK, PostgresDispatcher, Share
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.sqlite import Reader, Writer
from runwright.core import events as ev
from runwright.core.ids import Tenant
from runwright.dispatch_port import Dispatcher
from runwright.ports import Journal
from runwright.testing.dispatch_contract import DispatchContract, Notebook
from runwright.testing.journal_contract import ANNA, BERT, Born, adding, born
from runwright.testing.waiting import wait_until
from services import proxy
from services.postgres import Server

LEASE_S = 1.0  # of processes that are to be missed soon
IDLE_S = 1
LONG_S = 60.0  # no machine is so busy that a process is missed without a reason
PATIENCE_S = 60.0


class TestLocal(DispatchContract):
    """One process on a SQLite file."""

    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        writer = Writer(tmp_path / "runs.db", inline_max_s=60.0, waiting_max=100)
        writer.migrate()
        reader = Reader(tmp_path / "runs.db")
        yield SqliteJournal(writer, reader)
        reader.close()
        await writer.close()

    @pytest.fixture
    def dispatcher(self, journal: Journal) -> Dispatcher:
        return LocalDispatcher(journal)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Opened]:
    """The stores of a database of the test's own."""
    async with opened(postgres_url) as store:
        yield store


@pytest.fixture
def process(store: Opened) -> Callable[..., PostgresDispatcher]:
    """Makes the dispatchers of processes on the database."""

    def made(
        tenant_runs_max: int = 100, tenant_cluster_max: int | None = None, lease_s: float = LONG_S
    ) -> PostgresDispatcher:
        share = Share(lease_s, tenant_runs_max, tenant_cluster_max, waiting_max=1_000, tools_wait_s=30.0)
        return PostgresDispatcher(store.database, share)

    return made


class TestPostgres(DispatchContract):
    """One process of many on a PostgreSQL database."""

    @pytest.fixture
    def journal(self, store: Opened) -> Journal:
        return store.journal

    @pytest.fixture
    def dispatcher(self, process: Callable[..., PostgresDispatcher]) -> Dispatcher:
        return process()


async def test_each_run_goes_to_one_process(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """Nobody takes more than it has room for, and together they take all."""
    crews = [Notebook(f"worker-{n}", room=40) for n in range(3)]
    dispatchers = [process() for _ in crews]
    for dispatcher, hands in zip(dispatchers, crews, strict=True):
        await dispatcher.start(hands, take_up=True)
    run_ids = [(await born(store.journal, worker=None)).run_id for _ in range(100)]
    await wait_until(
        lambda: sum(len(hands.taken) for hands in crews) == 100, PATIENCE_S, "all runs to be taken"
    )
    taken = [[*hands.taken] for hands in crews]  # the first to stop gives its runs back, to the others
    for dispatcher in dispatchers:
        await dispatcher.stop()

    assert sorted(run_id for one in taken for run_id in one) == run_ids
    assert max(map(len, taken)) <= 40


async def test_a_living_worker_keeps_its_runs_and_a_dead_one_loses_them(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """A claim is refused while the owner lives; once its lease is over another one is brought the run."""
    first, second = Notebook("worker-1"), Notebook("worker-2")
    owner, other = process(), process()
    await owner.start(first, take_up=True)
    run = await born(store.journal, worker="worker-1")
    await other.start(second, take_up=True)
    refused = await store.journal.claim(run.run_id, "worker-2")
    assert owner._task is not None
    owner._task.cancel()  # as a process that is killed: its row stays, and its time comes
    await store.change("UPDATE workers SET alive_until = clock_timestamp() WHERE name = 'worker-1'")
    await wait_until(lambda: second.taken, PATIENCE_S, "the run to be taken over")
    claim = await store.journal.claim(run.run_id, "worker-2")
    await other.stop()

    assert refused is None
    assert first.taken == []
    assert second.taken == [run.run_id]
    assert claim is not None
    assert claim.epoch == 2


@pytest.mark.parametrize(
    "lock", ["SELECT pg_advisory_xact_lock($1)", "SELECT $1::bigint FROM runs FOR UPDATE"]
)
async def test_a_process_that_is_stopped_between_reading_and_carrying_out_a_statement_keeps_no_lock(
    store: Opened, lock: str
) -> None:
    """Neither time-out of the server counts there: others end its connection, and take runs over again."""
    share = Share(LEASE_S, 100, None, waiting_max=1_000, tools_wait_s=30.0)
    async with opened(store.url, bounds=BOUNDS._replace(idle_s=IDLE_S)) as process:
        dispatcher, hands = PostgresDispatcher(process.database, share), Notebook("worker-1")
        await dispatcher.start(hands, take_up=True)
        stopped = await asyncpg.connect(store.url, server_settings={"application_name": "runwright stopped"})
        await stopped.execute(f"SET idle_in_transaction_session_timeout = {IDLE_S * 1_000}")
        await store.change("INSERT INTO workers VALUES ('worker-2', 'infinity', true)")
        run = await born(store.journal, worker="worker-2")
        await stopped.execute("BEGIN")
        await stopped.fetch(lock, SWEEP_LOCK)
        await stopped.prepare("SELECT $1::int")  # the driver has it read; the process never asks for more
        await store.change("UPDATE workers SET alive_until = clock_timestamp() WHERE name = 'worker-2'")
        await wait_until(lambda: hands.taken == [run.run_id], 30, "the run to be taken over")
        await dispatcher.stop()

    await wait_until(stopped.is_closed, 30, "the connection to have ended")


# who takes a run waits for this lock
SLOW_TAKES = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END';
CREATE TRIGGER wait BEFORE UPDATE OF worker ON runs FOR EACH ROW EXECUTE FUNCTION wait();
SELECT pg_advisory_lock(1)"""
TAKES = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted"
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'"


async def test_no_run_stays_with_a_worker_that_never_heard_of_taking_it(
    store: Opened, postgres: Server
) -> None:
    """The connection is cut when a take is carried out and its answer is on the way: the run is taken all the same."""
    name, hands = store.url.rpartition("/")[2], Notebook("worker-1")
    con = await asyncpg.connect(store.url)
    async with (
        proxy.before(postgres.port) as between,
        opened(f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}") as far,
        asyncio.timeout(30),
    ):
        dispatcher = PostgresDispatcher(far.database, Share(20.0, 100, None, waiting_max=9, tools_wait_s=1.0))
        await dispatcher.start(hands, take_up=True)
        await con.execute(SLOW_TAKES)
        run = await born(store.journal, worker=None)
        while not await con.fetchval(TAKES):
            await asyncio.sleep(0.005)
        between.swallow = "answers"
        await con.execute("SELECT pg_advisory_unlock(1)")
        while await con.fetchval(TAKES) or await con.fetchval(AT_WORK, far.database.name):
            await asyncio.sleep(0.005)
        between.swallow = None
        between.cut()
        await wait_until(lambda: hands.taken, 10, "the run to be taken")
        await dispatcher.stop()
    await con.close()

    assert hands.taken == [run.run_id]


async def test_a_tenants_crowd_does_not_keep_another_waiting(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """Tenants are served in turn, and none gets more than its share; what is in hand counts."""
    crowd = [(await born(store.journal, ANNA, worker=None)).run_id for _ in range(50)]
    single = (await born(store.journal, BERT, worker=None)).run_id
    small, shared = Notebook("worker-1", room=2), Notebook("worker-2")
    shared.held = {Tenant("anna"): 3}
    dispatchers = [process(), process(tenant_runs_max=10)]
    await dispatchers[0].start(small, take_up=True)
    later = (await born(store.journal, BERT, worker=None)).run_id
    await dispatchers[1].start(shared, take_up=True)
    await wait_until(lambda: later in shared.taken, PATIENCE_S, "the other tenant's run")
    for dispatcher in dispatchers:
        await dispatcher.stop()

    assert sorted(small.taken) == sorted([crowd[0], single])
    assert len([run_id for run_id in shared.taken[:8] if run_id in crowd]) == 7


async def test_what_is_given_back_goes_to_others_at_once(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """What is kept stays, what waits for a person stays, all else is free without waiting for a lease."""
    first, second = Notebook("worker-1"), Notebook("worker-2")
    leaving, staying = process(), process()
    await leaving.start(first, take_up=True)
    kept = await born(store.journal, worker="worker-1")
    free = await born(store.journal, worker="worker-1")
    await staying.start(second, take_up=True)
    async with asyncio.timeout(PATIENCE_S):
        while second.taken != [free.run_id]:  # the one that leaves may just be taking it
            await leaving.give_back([kept.run_id])
            await asyncio.sleep(0.05)
    await leaving.stop()
    await wait_until(lambda: second.taken == [free.run_id, kept.run_id], PATIENCE_S, "the run that was kept")
    await staying.stop()


async def test_one_process_has_a_duty_at_a_time(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """Another one is told no at once, and gets it when the first has left it, well or not."""
    first, second = process(), process()
    with suppress(ZeroDivisionError):
        async with first.duty("archive") as mine, second.duty("archive") as theirs:
            assert (mine, theirs) == (True, False)
            raise ZeroDivisionError
    async with second.duty("archive") as theirs, first.duty("archive") as mine:
        assert (mine, theirs) == (False, True)


async def test_a_process_that_is_not_heard_of_loses_its_duty(
    postgres_url: str, process: Callable[..., PostgresDispatcher]
) -> None:
    """The server ends the transaction of a stopped process; one that works on lets the server hear of it."""
    heard = "SELECT state_change FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in%'"
    async with opened(postgres_url, bounds=BOUNDS._replace(idle_s=1.5)) as other:
        async with PostgresDispatcher(other.database, Share(LONG_S, 100, None, 1_000, 30.0)).duty(
            "archive"
        ) as mine:
            times = set()
            while len(times) < 3:
                times |= {row[0] for row in await other.database.rows(heard, other.database.name)}
            assert mine
        stopped = await other.database.connect()
        await stopped.execute("BEGIN")
        await stopped.execute(duty_postgres.TAKE, duty_postgres.DUTIES, "archive")
        freed = 0
        while not freed:
            async with process().duty("archive") as freed:
                pass
        await wait_until(stopped.is_closed, PATIENCE_S, "word of the end to reach the one that stopped")


async def test_after_a_gap_in_its_lease_a_process_is_sure_of_nothing(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """Its tenure is another one; a claim that nobody has taken is held again, one that was taken is lost."""
    hands, first, second = Notebook("worker-1"), process(lease_s=LEASE_S), process()
    await first.start(hands, take_up=True)
    kept, lost = [await born(store.journal, worker="worker-1") for _ in range(2)]
    tenures = [0]
    await wait_until(lambda: tenures.append(first.tenure) or tenures[-1], PATIENCE_S, "a lease")
    before = tenures[-1]
    assert first._task is not None
    first._task.cancel()  # as a process that is stopped: nothing renews its lease
    await wait_until(lambda: first.tenure != before, PATIENCE_S, "the lease to be over")
    during = first.tenure
    await second.start(Notebook("worker-2", room=0), take_up=True)
    await wait_until_free(store, lost)
    claim = await store.journal.claim(lost.run_id, "worker-2")
    first._lease = timedelta(
        seconds=LONG_S
    )  # what is held again is not lost again while this test looks at it
    held = [await first.hold(run.run_id, 1) for run in (kept, lost)]
    after = held[0]
    refused = await store.journal.claim(kept.run_id, "worker-2")
    await first.stop()
    await second.stop()

    assert claim is not None
    assert held[1] is None
    assert during == 0
    assert after not in (0, before, None)
    assert refused is None


async def wait_until_free(store: Opened, run: Born) -> None:
    """Return once a sweep has taken a run from its worker."""
    while await store.database.rows("SELECT FROM runs WHERE run_id = $1 AND worker > ''", run.run_id[4:]):
        pass


BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


async def test_what_is_said_while_nobody_listens_is_noticed_later(
    postgres: Server, store: Opened, process: Callable[..., PostgresDispatcher], postgres_url: str
) -> None:
    """A cancel that falls into an interruption of the connection does not wait for the end of a step."""
    name = postgres_url.rpartition("/")[2]
    hands, dispatcher = Notebook("worker-1", room=0), process()
    told, other = [await born(store.journal, ANNA, worker="worker-1") for _ in range(2)]
    async with store.database.connection() as con:
        others = [row[0] for row in await con.fetch(BACKENDS)]
        await dispatcher.start(hands, take_up=True)
        await wait_until(
            lambda: dispatcher.alive, PATIENCE_S, "the dispatcher to have a connection of its own"
        )
        postgres.ask(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        own = {row[0] for row in await con.fetch(BACKENDS)} - {*others}
        ended = [await con.fetchval("SELECT pg_terminate_backend($1, 10000)", pid) for pid in own]
        row = told.row._replace(status="running")
    await store.journal.control(ANNA, told.run_id, adding([ev.RunCancelling()], row))
    heard = [*hands.noticed]
    postgres.ask(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await wait_until(lambda: hands.noticed, PATIENCE_S, "the cancel to be noticed")
    await dispatcher.stop()

    assert any(ended)
    assert heard == []
    assert hands.noticed == [told.run_id]
    assert other.run_id not in hands.noticed


async def test_all_processes_together_have_no_more_of_a_tenant_than_may_be(
    store: Opened, process: Callable[..., PostgresDispatcher]
) -> None:
    """However many look at once; other tenants have what is left, and an end makes room for one more."""
    crowd = {(await born(store.journal, ANNA, worker=None)).run_id for _ in range(40)}
    others = {(await born(store.journal, BERT, worker=None)).run_id for _ in range(5)}
    crews = [Notebook(f"worker-{n}") for n in range(4)]
    dispatchers = [process(tenant_cluster_max=7) for _ in crews]
    await asyncio.gather(
        *(one.start(hands, take_up=True) for one, hands in zip(dispatchers, crews, strict=True))
    )
    await wait_until(lambda: sum(len(hands.taken) for hands in crews) >= 12, PATIENCE_S, "all to be taken")
    taken = [run_id for hands in crews for run_id in hands.taken]
    owner = next(number for number, hands in enumerate(crews) if crowd & {*hands.taken})
    ended = next(run_id for run_id in crews[owner].taken if run_id in crowd)
    await store.change("UPDATE runs SET status = 'completed' WHERE run_id = $1", ended[4:])
    dispatchers[owner].has_room()
    await wait_until(
        lambda: sum(len(hands.taken) for hands in crews) == 13, PATIENCE_S, "one more of the crowd"
    )
    waiting = dispatchers[0].waiting
    for dispatcher in dispatchers:
        await dispatcher.stop()

    assert len(crowd & {*taken}) == 7
    assert others <= {*taken}
    assert len(taken) == len({*taken}) == 12
    assert waiting.keys() <= {ANNA, BERT}
