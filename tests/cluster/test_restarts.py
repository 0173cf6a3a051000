"""PostgreSQL is killed and started again, again and again, under a cluster at work: nobody has to help."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from cluster.processes import LEASE_S, PATIENCE_S, RUNS, Cluster, all_over, cluster, noting, until_true
from services.postgres import Absent, Private, private

RESTARTS, ANSWER_S_MAX = 5, 60.0  # of every request, on a machine of any speed: all waits inside are shorter


@pytest.fixture
def own() -> Iterator[Private]:
    """A PostgreSQL of the test's own."""
    try:
        with private() as server:
            yield server
    except Absent as absent:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{absent}; under CI a PostgreSQL must be there")
        pytest.skip(str(absent))


class Crowd:
    """Clients that go on asking, whatever they hear.

    accepted   runs of which a client was told
    answers    how often which status was heard; 0: the connection failed
    """

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()
        self.slowest_s = 0.0

    async def ask(self, number: int) -> None:
        """Create runs one after the other, each under a key, until it is accepted; and look at each."""
        for turn in range(1_000_000):
            body = {"plan": noting([0.0, 0.02, 0.0]), "metadata": {"client": number}}
            while (answer := await self._asked("POST", RUNS, body, f"{number}-{turn}")).status_code != 201:
                await asyncio.sleep(0.05)
            self.accepted.append(answer.json()["run_id"])
            await self._asked("GET", f"{RUNS}/{self.accepted[-1]}", None, "")
            await asyncio.sleep(0.05)

    async def _asked(self, verb: str, path: str, body: object, key: str) -> httpx2.Response:
        begun_s = time.monotonic()
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._client.request(verb, path, json=body, headers=headers)
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun_s)
        self.answers[answer.status_code] += 1
        return answer


@pytest.mark.long
async def test_five_restarts_of_the_database_cost_nothing(own: Private, tmp_path: Path) -> None:
    """What was accepted is carried out, nothing on record runs again, no request hangs, no process of ours ends."""
    url = own.url(own.empty())
    with cluster(url, tmp_path, LEASE_S) as made:
        api = made.api()
        made.worker()
        made.worker()
        await made.are_up()
        async with httpx2.AsyncClient(base_url=api.address, timeout=ANSWER_S_MAX) as client:
            crowd = Crowd(client)
            asking = [asyncio.create_task(crowd.ask(number)) for number in range(4)]
            for _ in range(RESTARTS):
                before = len(crowd.accepted)
                while len(crowd.accepted) < before + 5:
                    await asyncio.sleep(0.01)
                    assert not any(task.done() for task in asking), [task.exception() for task in asking]
                refused = crowd.answers[503]
                own.kill()
                while crowd.answers[503] == refused:  # until a client finds it away
                    await asyncio.sleep(0.01)
                    assert not any(task.done() for task in asking), [task.exception() for task in asking]
                await asyncio.to_thread(own.start)
            for task in asking:
                task.cancel()
            for task in asking:
                with suppress(asyncio.CancelledError):
                    await task

            async def ready() -> bool:
                return (await client.get("/health/ready")).status_code == 200

            await until_true(ready, PATIENCE_S, "the server to be ready again")
            await all_over(client, crowd.accepted, 2 * PATIENCE_S)
            shown = [(await client.get(f"{RUNS}/{run_id}")).json()["status"] for run_id in crowd.accepted]
            late = [line for run_id in crowd.accepted for line in await _late(client, run_id, made)]
        alive = [process.is_alive for process in made.processes]
        keys = {(e["run"], e["step"]): e["key"] for e in made.effects()}
    print(f"{len(shown)} runs, answers {dict(crowd.answers)}, slowest {crowd.slowest_s:.2f} s")

    assert {*shown} == {"completed"}
    assert late == []
    assert all(alive)
    assert crowd.answers.keys() <= {200, 201, 503}
    assert {(run_id, step) for run_id in crowd.accepted for step in (1, 2, 3)} <= keys.keys()


async def _late(client: httpx2.AsyncClient, run_id: str, made: Cluster) -> list[str]:
    """The calls of steps that began after the result of the step was in the journal."""
    page = await client.get(f"{RUNS}/{run_id}/events?limit=1000", headers={"Accept": "application/json"})
    ended = {
        event["step_number"]: datetime.fromisoformat(event["at"]).timestamp()
        for event in page.json()["items"]
        if event["type"] == "step.succeeded"
    }
    return [
        f"{run_id} step {effect['step']}"
        for effect in made.effects()
        if effect["run"] == run_id and effect["at"] > ended[effect["step"]] + 0.05
    ]
