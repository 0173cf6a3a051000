"""Whether a long past makes anything slow: the start, what a crash has left, lists, and reading a run."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench import checkout
from bench.past import Order
from bench.server import Server, database, healthy, started
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.tables import Goal, Table, figure, judged

COMMAND = "python -m bench history"
PATIENCE_S = 120.0
READ_GOAL = Goal(50)
SCAN_GOAL = Goal(250)


class Past(NamedTuple):
    """One server with a past of so many runs; times in milliseconds, but for the start.

    taken_up_s   until every run that the crash had left was over
    reads        the median and the longest time of each kind of question
    """

    runs: int
    start_s: float
    taken_up_s: float
    reads: dict[str, tuple[float, float]]
    lag_ms: float
    resident_mib: float


class Client:
    """One connection that asks for JSON."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)

    def get(self, path: str) -> Any:
        """Return what is at a path.

        Raises   RuntimeError for an answer that is no success
        """
        self._connection.request("GET", path, headers={"Accept": "application/json"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
        return json.loads(body)


def tables(sizes: Sizes) -> list[Table]:
    """Return the same questions at a server with a short past and at one with a long one."""
    short, long = (_measured(runs, sizes) for runs in (sizes.past_runs // 100, sizes.past_runs))
    table = Table(
        f"A past of {short.runs:,} and of {long.runs:,} ended runs of {sizes.past_steps} steps",
        COMMAND,
        ("", f"{short.runs:,} runs", f"{long.runs:,} runs", "goal", "met"),
        notes=[
            f"after a crash with {sizes.left_runs:,} runs under way",
            f"each question {sizes.reads} times, median (longest)",
            "ms from the request to the end of its answer, on one connection, nothing else to do",
        ],
        samples={"short": short._asdict(), "long": long._asdict()},
    )
    start = Goal(1.0)
    table.rows += [
        ("s to the first 200", figure(short.start_s), figure(long.start_s), *judged(long.start_s, start)),
        ("s until all runs left are over", figure(short.taken_up_s), figure(long.taken_up_s), "", ""),
    ]
    for title, goal in QUESTIONS:
        cells = [f"{figure(past.reads[title][0])} ({figure(past.reads[title][1])})" for past in (short, long)]
        table.rows.append((title, *cells, *judged(long.reads[title][0], goal)))
    table.rows += [
        ("longest lag of the loop meanwhile, ms", figure(short.lag_ms), figure(long.lag_ms), "", ""),
        ("resident afterwards, MiB", figure(short.resident_mib), figure(long.resident_mib), "", ""),
    ]
    return [table]


def _measured(runs: int, sizes: Sizes) -> Past:
    with checkout.scratch() as folder:
        order = Order(str(database(folder)), runs, sizes.past_steps, sizes.left_runs)
        left = processes.answer("bench.past", order, list[str], folder)
        with (folder / "log").open("wb") as log:
            began_s = time.perf_counter()
            process = started(folder, log)
            try:
                server = Server(process, healthy(folder, process))
                start_s = time.perf_counter() - began_s
                client = Client(server.address)
                _until_idle(client)
                taken_up_s = time.perf_counter() - began_s
                _check(client, left, sizes)
                time.sleep(1.0)  # what was held while the runs were taken up is no matter of reading
                reads = _asked(client, server, folder, left, sizes)
                lag_ms = client.get("/health")["parts"]["loop"]["max_ms"]
                return Past(runs, start_s, taken_up_s, reads, lag_ms, server.resident_mib)
            finally:
                process.terminate()
                process.wait()


def _until_idle(client: Client) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        worker = client.get("/health")["parts"]["worker"]
        if not worker["in_hand"] and not worker["waiting"]:
            return
        time.sleep(0.02)
    raise RuntimeError("the runs that were left are not over")


def _check(client: Client, left: list[str], sizes: Sizes) -> None:
    for run_id in left:
        run = client.get(f"/api/v1/runs/{run_id}")
        if (run["status"], run["result"]) != ("completed", sizes.past_steps + 1):
            raise RuntimeError(f"{run_id} was left and is {run['status']}: {run['error']}")


QUESTIONS = (
    ("GET /runs, newest 20", READ_GOAL),
    ("GET /runs, newest 100", READ_GOAL),
    ("… deep in the past", READ_GOAL),
    ("… status=completed", READ_GOAL),
    ("… status=failed, of which there are none", READ_GOAL),
    ("… tool=calculator", READ_GOAL),
    ("… tool=todo_add, of which there are none", SCAN_GOAL),
    ("… since the newest", SCAN_GOAL),
    ("… until the oldest", SCAN_GOAL),
    ("… q= what no prompt says", SCAN_GOAL),
    ("GET /runs/{id}, the oldest", READ_GOAL),
    ("GET /runs/{id}/events, the oldest", READ_GOAL),
    ("runwright runs list --server", Goal(800)),
)


def _asked(
    client: Client, server: Server, folder: Path, left: list[str], sizes: Sizes
) -> dict[str, tuple[float, float]]:
    newest = client.get(f"/api/v1/runs/{left[-1]}")
    cursor = f"run_{int(left[0][4:16], 16):012x}{'0' * 20}"  # behind what was left: everything older
    oldest, behind = newest, cursor
    while items := client.get(f"/api/v1/runs?limit=100&cursor={cursor}")["items"]:
        oldest, behind, cursor = items[-1], cursor, items[-1]["run_id"]  # at last the last page that has any
    paths = (
        "/api/v1/runs",
        "/api/v1/runs?limit=100",
        f"/api/v1/runs?limit=100&cursor={behind}",
        "/api/v1/runs?limit=100&status=completed",
        "/api/v1/runs?limit=100&status=failed",
        "/api/v1/runs?limit=100&tool=calculator",
        "/api/v1/runs?limit=100&tool=todo_add",
        f"/api/v1/runs?limit=100&since={newest['created_at']}",
        f"/api/v1/runs?limit=100&until={oldest['created_at']}",
        "/api/v1/runs?limit=100&q=nobody+has+said+this",
        f"/api/v1/runs/{oldest['run_id']}",
        f"/api/v1/runs/{oldest['run_id']}/events",
    )
    asks: list[Callable[[], Any]] = [lambda path=path: client.get(path) for path in paths]
    asks.append(lambda: _listed(server, folder))
    return {title: _times(ask, sizes.reads) for (title, _), ask in zip(QUESTIONS, asks, strict=True)}


def _times(ask: Callable[[], Any], times: int) -> tuple[float, float]:
    took_ms = []
    for _ in range(times):
        began_s = time.perf_counter()
        ask()
        took_ms.append((time.perf_counter() - began_s) * 1_000)
    return median(took_ms), max(took_ms)


def _listed(server: Server, folder: Path) -> None:
    subprocess.run(
        processes.python("-m", "runwright", "runs", "list", "--server", server.address),
        env=processes.environment(),
        cwd=folder,
        capture_output=True,
        check=True,
    )
