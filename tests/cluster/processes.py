"""Real processes of `runwright serve` and `runwright worker` on one database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from acceptance.serving import NO_TLS
from runwright.testing.waiting import wait_until

TOOLS = Path(__file__).with_name("tools.py")
LEASE_S = 2.0  # of processes whose end, or silence, others are to notice soon
LONG_LEASE_S = 60.0  # of all others: no machine is so slow that one is lost without a reason
START_S_MAX = PATIENCE_S = 60.0
TICK_S = 0.02
RUNS = "/api/v1/runs"


class Process:
    """A process, its log, and how it is ended."""

    def __init__(self, cluster: Cluster, name: str, words: Sequence[str], settings: dict[str, str]) -> None:
        self.log_path = cluster.folder / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RUNWRIGHT_")}
        own = {
            "RUNWRIGHT_DATABASE_URL": cluster.url,
            "RUNWRIGHT_LOG_FORMAT": "json",
            "RUNWRIGHT_WORKER_LEASE_S": str(cluster.lease_s),
            "RUNWRIGHT_DRAIN_GRACE_S": "30",
            "CLUSTER_EFFECTS": str(cluster.effects_path),
        }
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "runwright", *words, "--tools", str(TOOLS)],
                env={**clean, **own, **settings},
                stdout=log,
                stderr=log,
                cwd=cluster.folder,
            )
        self.pid = self._process.pid
        self.address = ""

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return what the log says of an event."""
        lines = (json.loads(line) for line in self.log_path.read_text().splitlines() if line[:1] == "{")
        return [line for line in lines if line.get("event") == event]

    async def is_up(self) -> None:
        """Return once the process takes requests, or runs."""

        def up() -> bool:
            assert self._process.poll() is None, self.log_path.read_text()
            return bool(self.said("server.listening") or self.said("worker.working"))

        await wait_until(up, START_S_MAX, f"{self.log_path.stem} to be up")
        if listening := self.said("server.listening"):
            self.address = listening[0]["address"]
            async with httpx2.AsyncClient(base_url=self.address, verify=NO_TLS) as client:
                await until_true(lambda: _answers(client), START_S_MAX, "the server to answer")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Return the exit status."""
        await wait_until(lambda: self._process.poll() is not None, within_s, "the process to end")
        return self._process.returncode

    @property
    def is_stopped(self) -> bool:
        """Whether a SIGSTOP holds it."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None


class Cluster:
    """Processes on one database, ended together.

    lease_s   of each process that is not started with another one
    """

    def __init__(self, url: str, folder: Path, lease_s: float = LONG_LEASE_S) -> None:
        self.url, self.folder, self.lease_s = url, folder, lease_s
        self.database = url.rpartition("/")[2]
        self.effects_path = folder / "effects"
        self.processes: list[Process] = []

    def worker(self, **settings: str) -> Process:
        """Start a worker."""
        return self._started("worker", ("worker",), settings)

    def api(self, *words: str, **settings: str) -> Process:
        """Start a server that leaves the runs to others, unless the words say something else."""
        return self._started("api", ("serve", "--port", "0", *(words or ("--workers", "0"))), settings)

    def _started(self, kind: str, words: Sequence[str], settings: dict[str, str]) -> Process:
        process = Process(self, f"{kind}-{len(self.processes)}", words, settings)
        self.processes.append(process)
        return process

    async def are_up(self) -> None:
        """Return once all processes that live are up."""
        for process in self.processes:
            if process.is_alive:
                await process.is_up()

    def let_go(self) -> None:
        """Let the steps of `holding` go on."""
        self.effects_path.with_name("go-on").touch()

    def effects(self) -> list[dict[str, Any]]:
        """Return the calls that tools have written down so far."""
        if not self.effects_path.exists():
            return []
        return [json.loads(line) for line in self.effects_path.read_text().splitlines()]


@contextmanager
def cluster(url: str, folder: Path, lease_s: float = LONG_LEASE_S) -> Iterator[Cluster]:
    """Yield a cluster; its processes are killed in the end."""
    made = Cluster(url, folder, lease_s)
    try:
        yield made
    finally:
        for process in made.processes:
            if process.is_alive:
                process.kill()


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/health/live")).status_code == 200
    except httpx2.TransportError:
        return False


async def until_true(ask: Any, within_s: float, description: str) -> float:
    """Return how long it took until what is asked for was true.

    Raises   TimeoutError
    """
    begun_s = time.monotonic()
    while not await ask():
        if time.monotonic() - begun_s > within_s:
            raise TimeoutError(f"waited {within_s:g} s for {description}")
        await asyncio.sleep(0.02)
    return time.monotonic() - begun_s


def noting(pauses_s: Sequence[float]) -> dict[str, Any]:
    """Return a plan of steps one after the other, which are written down and take their time."""
    return {
        "goal": "note",
        "steps": [
            {
                "step_number": number,
                "tool_name": "note",
                "tool_input": {"n": number, "pause_s": pause_s},
                "depends_on": [number - 1] if number > 1 else [],
            }
            for number, pause_s in enumerate(pauses_s, start=1)
        ],
    }


def holding(steps: int, held: int) -> dict[str, Any]:
    """Return a plan of steps one after the other, which are written down; one of them waits to be let go."""
    plan = noting([0.0] * steps)
    plan["steps"][held - 1] |= {"tool_name": "note_and_wait", "tool_input": {"n": held}}
    return plan


async def accepted(client: httpx2.AsyncClient, plan: dict[str, Any]) -> str:
    """Return the id of a run of a plan, once it was accepted."""
    answer = await client.post(RUNS, json={"plan": plan})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["run_id"])


async def status_of(client: httpx2.AsyncClient, run_id: str) -> str:
    """Return the status of a run, asked for again as long as the server says that it cannot tell just now."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await client.get(f"{RUNS}/{run_id}")).status_code == 503:
            await asyncio.sleep(TICK_S)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["status"])


async def all_over(client: httpx2.AsyncClient, run_ids: Sequence[str], within_s: float) -> float:
    """Return how long it took until all runs were over."""
    left = set(run_ids)

    async def over() -> bool:
        for run_id in [*left]:
            if await status_of(client, run_id) not in ("completed", "failed", "cancelled"):
                return False
            left.discard(run_id)
        return True

    return await until_true(over, within_s, f"{len(run_ids)} runs to be over")
