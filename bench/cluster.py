"""An API and its workers on one PostgreSQL: what a second worker brings, everything between them included.

Clients create runs over HTTP on a server that carries out none; workers find them in the database. The
servers of PostgreSQL and Redis are those of `bench.postgres` and `bench.costs`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from bench import checkout, postgres
from bench.client import Errand, Seen
from bench.past import plan
from bench.sizes import Sizes
from runwright.bench import machine, processes
from runwright.bench.tables import Goal, Table, figure, judged, median_and_best, percentile

COMMAND = "python -m bench cluster"
REDIS = "redis://127.0.0.1:6379/0"
STEPS = 10
WORKERS = (1, 2)
START_S_MAX, STOP_S_MAX = 60.0, 30.0
PAUSE_S = 0.25  # between two looks at a run


class Shared(NamedTuple):
    """What clients saw of an API with so many workers, and what it took.

    alone_ms   of one run with nothing beside it, from the POST to the answer that shows its end
    """

    steps_per_s: float
    cpu_s: float
    alone_ms: float


def tables(sizes: Sizes) -> list[Table]:
    """Return steps a second with one worker and with two, or why there are none."""
    url = os.environ.get("RUNWRIGHT_BENCH_POSTGRES", postgres.SERVER)
    names = [f"1 API + {workers} worker{'s' * (workers > 1)}" for workers in WORKERS]
    table = Table("Runs over several processes", COMMAND, ("median (best)", *names, "goal", "met"))
    try:
        rounds = [[_measured(url, workers, sizes) for workers in WORKERS] for _ in range(sizes.works.rounds)]
    except (OSError, asyncpg.PostgresError) as error:
        table.notes.append(f"skipped: {url.rpartition('@')[2]}: {type(error).__name__}")
        return [table]
    found = list(zip(*rounds, strict=True))
    rates = [[one.steps_per_s for one in of] for of in found]
    rate = sorted(rates[-1])[len(rates[-1]) // 2]
    table.rows = [
        (
            "steps/s",
            *(median_and_best(samples, most=True) for samples in rates),
            *judged(rate, Goal(2_000, "at least")),
        ),
        (
            "CPU s per 1,000 steps, all processes of Runwright",
            *(median_and_best([one.cpu_s for one in of]) for of in found),
            "",
            "",
        ),
        ("one run alone, ms", *(median_and_best([one.alone_ms for one in of]) for of in found), "", ""),
    ]
    table.notes = [
        f"{sizes.cluster_runs} runs of {STEPS} steps, a chain each, from {sizes.crowd} connections",
        f"clients look at each run every {figure(PAUSE_S * 1_000)} ms",
        "PostgreSQL, Redis and the client share the machine's processors with them",
    ]
    table.samples = {name: [one._asdict() for one in of] for name, of in zip(names, found, strict=True)}
    return [table]


def _measured(url: str, workers: int, sizes: Sizes) -> Shared:
    runs, right = sizes.cluster_runs, str(STEPS + 1)
    with (
        postgres.database(url) as made,
        checkout.scratch() as folder,
        cluster(made, folder, workers) as (address, pids),
    ):
        place = urlsplit(address)
        host, port, body = place.hostname or "", place.port or 0, {"plan": plan(STEPS)}
        alone = Errand(host, port, body, sizes.reads, 1, "wait=60", expect=right, pause_s=0.01)
        answered = processes.answer("bench.client", alone, Seen, folder)
        before_s = sum(map(machine.cpu_s, pids))
        many = Errand(host, port, body, runs, sizes.crowd, expect=right, pause_s=PAUSE_S)
        seen = processes.answer("bench.client", many, Seen, folder)
        cpu_s = sum(map(machine.cpu_s, pids)) - before_s
    if answered.right < sizes.reads or seen.right < runs:
        raise RuntimeError(f"only {seen.right} of {runs} runs had the right result")
    steps = runs * STEPS
    alone_ms = percentile(answered.latencies_s, 0.5) * 1_000
    return Shared(steps / seen.wall_s, cpu_s / steps * 1_000, alone_ms)


@contextmanager
def cluster(url: str, folder: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of an API that carries out nothing, and the processes of it and its workers."""
    redis = os.environ.get("RUNWRIGHT_BENCH_REDIS", REDIS)
    own = processes.environment(
        RUNWRIGHT_DATABASE_URL=url,
        RUNWRIGHT_REDIS_URL=redis,
        RUNWRIGHT_REDIS_PREFIX=f"bench-{os.getpid()}:",
        RUNWRIGHT_LOG_FORMAT="json",
    )
    with ExitStack() as stack:

        def started(name: str, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
            path = folder / f"{name}.log"
            log: IO[bytes] = stack.enter_context(path.open("wb"))
            command = processes.python("-m", "runwright", *words)
            process = subprocess.Popen(command, stdout=log, stderr=log, env=own, cwd=folder)
            stack.callback(process.wait, STOP_S_MAX)
            stack.callback(process.send_signal, signal.SIGTERM)
            return process, path

        api, api_log = started("api", "serve", "--port", "0", "--workers", "0")
        address = _said(api, api_log, '"address":"').partition('"')[0]
        pids = [api.pid]
        for number in range(workers):
            process, log = started(f"worker-{number}", "worker")
            _said(process, log, "worker.working")
            pids.append(process.pid)
        yield address, pids


def _said(process: subprocess.Popen[bytes], log: Path, words: str) -> str:
    """Return what follows the words in a log, once they are there."""
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s and process.poll() is None:
        _, found, rest = log.read_text().partition(words)
        if found:
            return rest
        time.sleep(0.01)
    raise RuntimeError(f"a process did not start: {log.read_text()[-2_000:]}")
