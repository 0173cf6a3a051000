"""Several processes on one database: any of them accepts, shows, drives and cancels, and any may die."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from cluster.processes import (
    LEASE_S,
    PATIENCE_S,
    RUNS,
    Cluster,
    accepted,
    all_over,
    cluster,
    holding,
    noting,
    status_of,
    until_true,
)
from observability.collector import collector
from runwright.testing.waiting import wait_until
from services.postgres import Server

SOON_S = 15.0  # a second or two, on a machine that is not busy


@pytest.fixture
def made(postgres_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster without processes yet, on a database of its own."""
    with cluster(postgres_url, tmp_path) as made:
        yield made


@pytest.fixture
def hasty(made: Cluster) -> Cluster:
    """A cluster whose processes are missed soon."""
    made.lease_s = LEASE_S
    return made


async def test_a_run_is_accepted_here_carried_out_there_and_followed_everywhere(made: Cluster) -> None:
    """Without a worker a creation answers at once; a worker takes it up, and every replica shows it."""
    first, second = made.api(), made.api()
    await made.are_up()
    async with (
        httpx2.AsyncClient(base_url=first.address, timeout=120) as here,
        httpx2.AsyncClient(base_url=second.address, timeout=120) as there,
    ):
        run_id = await accepted(here, noting([0.0, 0.5, 0.0]))
        before = await status_of(there, run_id)
        late: list[float] = []
        types: list[str] = []

        async def follow() -> None:
            async with there.stream("GET", f"{RUNS}/{run_id}/events") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: ") and "at" in (event := json.loads(line[6:])):
                        types.append(event["type"])
                        late.append(time.time())

        following = asyncio.create_task(follow())
        made.worker()
        await made.are_up()
        await asyncio.wait_for(following, PATIENCE_S)
        over = await there.get(f"{RUNS}/{run_id}")
        ready = [(await client.get("/health/ready")).status_code for client in (here, there)]

        async def three() -> bool:
            return bool((await here.get("/health")).json()["parts"]["journal"]["processes"] == 3)

        await until_true(
            three, PATIENCE_S, "all processes to be seen"
        )  # each looks for the others now and then

    assert before == "pending"
    assert types[0] == "run.created"
    assert types[-1] == "run.completed"
    assert over.json()["status"] == "completed"
    assert ready == [200, 200]


async def test_a_cancel_reaches_a_run_on_another_worker(made: Cluster) -> None:
    """The API has no worker; the step that is at work elsewhere is cut off, and no other begins."""
    api, _ = made.api(), made.worker()
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_id = await accepted(client, noting([50.0, 0.0]))
        await wait_until(made.effects, PATIENCE_S, "the step to begin")
        answer = await client.post(f"{RUNS}/{run_id}/cancel", json={})

        async def cancelled() -> bool:
            return await status_of(client, run_id) == "cancelled"

        took_s = await until_true(cancelled, PATIENCE_S, "the run to be cancelled")

    assert answer.status_code == 202
    assert took_s < SOON_S
    assert len(made.effects()) == 1


# Writes down which runs are claimed once more, and when.
CLAIMS = (
    "CREATE TABLE claims (run_id uuid, at timestamptz)",
    """
    CREATE FUNCTION claimed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO claims VALUES (NEW.run_id, clock_timestamp());
        RETURN NULL;
    END $$""",
    """
    CREATE TRIGGER claimed AFTER UPDATE OF epoch ON runs FOR EACH ROW
    WHEN (NEW.epoch > 1 AND NEW.epoch > OLD.epoch) EXECUTE FUNCTION claimed()""",
)
# seconds from the end of a worker's lease until its runs were claimed by another one
WAITED = """
SELECT extract(epoch FROM at - (SELECT alive_until FROM workers WHERE name LIKE $1))::float8 FROM claims
ORDER BY at"""


async def test_the_runs_of_a_killed_worker_go_on_elsewhere(hasty: Cluster, postgres: Server) -> None:
    """kill -9: soon behind the lease by the clock of the database, not before, and nothing journaled runs again."""
    made, api = hasty, hasty.api()
    workers = [made.worker(), made.worker()]
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_ids = [await accepted(client, holding(3, 2)) for _ in range(20)]
        await wait_until(
            lambda: sum(e["step"] == 2 for e in made.effects()) == 20, PATIENCE_S, "second steps"
        )
        at_work = Counter(effect["pid"] for effect in made.effects())
        victim = next(worker for worker in workers if at_work[worker.pid])
        for sql in CLAIMS:
            postgres.ask(sql, database=made.database)
        victim.kill()
        made.let_go()
        await all_over(client, run_ids, PATIENCE_S)
        waited_s = postgres.ask(WAITED, f"%:{victim.pid}:%", database=made.database)
    effects = made.effects()
    calls = Counter((effect["run"], effect["step"]) for effect in effects)
    keys = {(effect["run"], effect["step"]): set() for effect in effects}
    for effect in effects:
        keys[effect["run"], effect["step"]].add(effect["key"])

    assert len(calls) == 60
    assert max(calls[run_id, 1] for run_id in run_ids) == 1
    assert max(calls.values()) <= 2
    assert all(len(found) == 1 for found in keys.values())
    assert waited_s, "no run was taken over: the kill hit nobody"
    assert waited_s[0][0] > 0.0
    assert waited_s[-1][0] < SOON_S


async def test_a_worker_that_was_stopped_beyond_its_lease_is_refused(hasty: Cluster) -> None:
    """SIGSTOP, takeover, SIGCONT: the stale worker's appends are refused, it says so, and the run ends once."""
    made, api = hasty, hasty.api()
    stopped = made.worker()
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_ids = [await accepted(client, holding(2, 1)) for _ in range(5)]
        await wait_until(lambda: len(made.effects()) == 5, PATIENCE_S, "the steps to begin")
        stopped.send(signal.SIGSTOP)
        other = made.worker()
        await other.is_up()
        await wait_until(lambda: len(made.effects()) == 10, PATIENCE_S, "the runs to be taken over")
        stopped.send(signal.SIGCONT)
        made.let_go()
        await all_over(client, run_ids, PATIENCE_S)
        await wait_until(lambda: len(stopped.said("run.claim_lost")) == 5, PATIENCE_S, "the refusals")
        ended = [(await client.get(f"{RUNS}/{run_id}")).json()["status"] for run_id in run_ids]
        events = [
            (await client.get(f"{RUNS}/{run_id}/events", headers={"Accept": "application/json"})).json()
            for run_id in run_ids
        ]
    ends = [sum(event["type"] == "run.completed" for event in page["items"]) for page in events]

    assert ended == ["completed"] * 5
    assert ends == [1] * 5
    assert len(other.said("run.ended")) == 5
    assert not stopped.said("run.ended")


STOPS_BEFORE_A_CALL = {"RUNWRIGHT_CRASH_AT": "step.before_call", "RUNWRIGHT_CRASH_BY": "STOP"}


async def test_a_worker_that_was_stopped_right_before_a_call_does_not_call(hasty: Cluster) -> None:
    """Between the record of a step's start and the call lies the whole fault: another worker makes the call."""
    made = hasty
    api, stopped = made.api(), made.worker(**STOPS_BEFORE_A_CALL)
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_id = await accepted(client, noting([0.0, 0.0]))
        await wait_until(lambda: stopped.is_stopped, PATIENCE_S, "the worker to stop")
        other = made.worker()
        await other.is_up()
        await all_over(client, [run_id], PATIENCE_S)
        stopped.send(signal.SIGCONT)
        await wait_until(lambda: stopped.said("run.claim_lost"), PATIENCE_S, "the claim to be given up")
        stopped.send(signal.SIGTERM)
        status = await stopped.ended()
    effects = made.effects()

    assert status == 0
    assert [(effect["step"], effect["pid"]) for effect in effects] == [(1, other.pid), (2, other.pid)]
    assert [effect["attempt"] for effect in effects] == [2, 1]


async def test_a_cancel_counts_for_a_worker_that_was_stopped_right_before_a_call(hasty: Cluster) -> None:
    """Nobody took the run over, and what was added to its journal meanwhile is read before the call."""
    made = hasty
    api, stopped = made.api(), made.worker(**STOPS_BEFORE_A_CALL)
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_id = await accepted(client, noting([0.0, 0.0]))
        await wait_until(lambda: stopped.is_stopped, PATIENCE_S, "the worker to stop")
        answer = await client.post(f"{RUNS}/{run_id}/cancel", json={})
        # the fault itself: no word of it for longer than its lease
        await asyncio.sleep(LEASE_S + 0.5)
        stopped.send(signal.SIGCONT)
        await all_over(client, [run_id], PATIENCE_S)
        status = await status_of(client, run_id)

    assert answer.status_code == 202
    assert status == "cancelled"
    assert made.effects() == []
    assert stopped.said("call.in_doubt") or not stopped.said("run.claim_lost")


async def test_a_drained_worker_leaves_its_runs_to_others_at_once(made: Cluster, postgres: Server) -> None:
    """SIGTERM: running steps end, the rest goes on elsewhere without waiting for a lease; nothing runs twice."""
    api = made.api()

    def one_drives() -> bool:
        told = postgres.ask("SELECT count(*) FROM workers WHERE drives", database=made.database)
        return bool(told[0][0] == 1)

    # whoever waited for a lease would be too late; and neither has room for all runs
    own = {"RUNWRIGHT_WORKER_LEASE_S": "300", "RUNWRIGHT_RUNS_AT_ONCE_MAX": "12"}
    leaving, staying = made.worker(**own), made.worker(**own)
    await made.are_up()
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_ids = [await accepted(client, holding(3, 1)) for _ in range(20)]
        await wait_until(lambda: len(made.effects()) == 20, PATIENCE_S, "the steps to begin")
        leaving.send(signal.SIGTERM)
        await wait_until(one_drives, PATIENCE_S, "the drain to begin")
        made.let_go()
        status = await leaving.ended(PATIENCE_S)
        await all_over(client, run_ids, PATIENCE_S)
    effects = made.effects()
    calls = Counter((effect["run"], effect["step"]) for effect in effects)
    began = {effect["pid"] for effect in effects if effect["step"] == 1}

    assert status == 0
    assert began == {leaving.pid, staying.pid}
    assert len(calls) == 60
    assert set(calls.values()) == {1}
    assert {effect["pid"] for effect in effects if effect["step"] == 3} == {staying.pid}


async def test_a_delayed_retry_survives_the_worker(hasty: Cluster) -> None:
    """The time of the next attempt is in the journal: another worker keeps it."""
    made, api = hasty, hasty.api()
    first = made.worker()
    await made.are_up()
    plan = {"goal": "g", "steps": [{"step_number": 1, "tool_name": "fails_once", "tool_input": {}}]}
    async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
        run_id = await accepted(client, plan)
        await wait_until(made.effects, PATIENCE_S, "the first attempt")
        made.worker()
        await made.are_up()
        first.kill()
        await all_over(client, [run_id], PATIENCE_S)
        run = (await client.get(f"{RUNS}/{run_id}")).json()
    begun = [effect["at"] for effect in made.effects()]

    assert (run["status"], run["result"]) == ("completed", 2)
    assert begun[1] - begun[0] > 2.9


async def test_a_trace_hangs_together_over_processes(made: Cluster) -> None:
    """A server accepts the run and a worker carries it out: one trace, and nothing of it hangs in the air."""
    with collector() as collected:
        settings = {"RUNWRIGHT_OTLP_ENDPOINT": collected.address, "RUNWRIGHT_TRACE_SAMPLE_RATIO": "1"}
        api, worker = made.api(**settings), made.worker(**settings)
        await made.are_up()
        async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
            run_id = await accepted(client, noting([0.0, 0.0]))
            await all_over(client, [run_id], PATIENCE_S)
            run = (await client.get(f"{RUNS}/{run_id}")).json()
        for process in (api, worker):
            process.send(signal.SIGTERM)
            assert await process.ended() == 0
    own = {span.span_id: span for span in collected.spans if span.trace_id == run["trace_id"]}
    steps = [span for span in own.values() if span.name.startswith("step ")]

    assert len(steps) == 2
    roots = [span.name for span in own.values() if span.parent_id not in own]
    assert roots == ["POST /api/v1/runs"]
    assert {span.parent_id for span in steps} == {span.span_id for span in own.values() if span.name == "run"}
