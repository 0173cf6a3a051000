"""Processes that are killed and stopped at random while runs come in: nothing is lost, nothing is redone."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx2
import pytest

from cluster.processes import LEASE_S, RUNS, Cluster, Process, accepted, all_over, cluster, noting
from runwright.testing.waiting import wait_until

FAULTS, RUNS_BETWEEN = 6, 6


@pytest.mark.long
async def test_random_faults_cost_no_run_and_no_finished_step(postgres_url: str, tmp_path: Path) -> None:
    """An API and two workers; by turns a worker is killed and replaced, or stopped beyond its lease."""
    dice = random.Random(11)
    faults: Counter[str] = Counter()
    with cluster(postgres_url, tmp_path, LEASE_S) as made:
        api = made.api()
        workers = [made.worker(), made.worker()]
        await made.are_up()
        run_ids: list[str] = []
        async with httpx2.AsyncClient(base_url=api.address, timeout=120) as client:
            for number in range(FAULTS):
                for _ in range(RUNS_BETWEEN):
                    run_ids.append(await accepted(client, noting([0.0, dice.random(), dice.random(), 0.0])))
                await wait_until(partial(_at_work, made, workers), 60, "a step at work")
                victim = dice.choice(_at_work(made, workers) or workers)
                if number % 2 == 0:
                    victim.kill()
                    workers[workers.index(victim)] = made.worker()
                    await made.are_up()
                    faults["killed"] += 1
                else:
                    victim.send(signal.SIGSTOP)
                    # the fault itself: no word of it for longer than its lease
                    await asyncio.sleep(LEASE_S + 1.0)
                    victim.send(signal.SIGCONT)
                    faults["stopped"] += 1
            await all_over(client, run_ids, 120)
            statuses = Counter(
                [(await client.get(f"{RUNS}/{run_id}")).json()["status"] for run_id in run_ids]
            )
            late = [line for run_id in run_ids for line in await _late(client, run_id, made)]
        refused = sum(len(process.said("run.claim_lost")) for process in made.processes)
        calls = Counter((effect["run"], effect["step"]) for effect in made.effects())
        keys = {(effect["run"], effect["step"], effect["key"]) for effect in made.effects()}

    assert faults == {"killed": 3, "stopped": 3}
    assert statuses == {"completed": len(run_ids)}
    assert late == []
    assert refused > 0, "no stopped worker was refused: its fault hit nobody"
    assert len(calls) == len(keys) == 4 * len(run_ids)
    assert max(calls.values()) <= 1 + FAULTS


def _at_work(made: Cluster, workers: list[Process]) -> list[Process]:
    """The workers that have begun a step within the last half second."""
    recent = {effect["pid"] for effect in made.effects() if time.time() - effect["at"] < 0.5}
    return [worker for worker in workers if worker.pid in recent]


async def _late(client: httpx2.AsyncClient, run_id: str, made: Cluster) -> list[str]:
    """The calls of steps that began after the result of the step was in the journal."""
    page = await client.get(f"{RUNS}/{run_id}/events?limit=1000", headers={"Accept": "application/json"})
    ended = {
        event["step_number"]: datetime.fromisoformat(event["at"]).timestamp()
        for event in page.json()["items"]
        if event["type"] == "step.succeeded"
    }
    return [
        f"{run_id} step {effect['step']} {effect['at'] - ended[effect['step']]:.3f} s"
        for effect in made.effects()
        if effect["run"] == run_id and effect["at"] > ended[effect["step"]] + 0.05
    ]
