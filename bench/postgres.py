"""W1 and W3 on PostgreSQL: raw journals and Runwright in turn, with what the server uses.

The server is the one of RUNWRIGHT_BENCH_POSTGRES, else the one on the standard loopback port; a database is
made there for each repetition, and dropped.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import asyncpg

from bench import checkout
from bench.postgres_repetition import Answer, Order
from bench.postgres_subjects import SUBJECTS, SubjectName
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.tables import Goal, Table, judged, median_and_best

COMMAND = "python -m bench postgres"
SERVER = "postgresql://127.0.0.1:5432/postgres"
WORKS = ["w1", "w3"]
Rounds = dict[SubjectName, list[Answer]]


class Measure(NamedTuple):
    """One row: where its samples are, and what is asked of them.

    most    more is better
    """

    title: str
    samples: Callable[[Answer], Sequence[float]]
    goal: Goal | None = None
    most: bool = False


MEASURES = (
    Measure("W1 chain, ms per step", lambda a: a.own.w1_ms),
    Measure(
        "W3 many runs, steps/s",
        lambda a: a.own.w3_steps_per_s,
        Goal(0.40, "at least", "≥ 40 % of raw", ratio=True),
        most=True,
    ),
    Measure(
        "W3 CPU s per 1,000 steps, own and server",
        lambda a: [own + server for own, server in zip(a.own.cpu_s, a.server_cpu_s, strict=True)],
        Goal(0.15),
    ),
    Measure("… of that the server's", lambda a: a.server_cpu_s),
    Measure("W3 commits per step", lambda a: a.own.commits),
    Measure("W3 bytes of write-ahead log per step", lambda a: a.wal_bytes, Goal(700)),
    Measure("W3 peak memory, MiB", lambda a: [a.own.peak_mib]),
)


def tables(sizes: Sizes) -> list[Table]:
    """Return the figures, or why there are none."""
    url = os.environ.get("RUNWRIGHT_BENCH_POSTGRES", SERVER)
    columns = ("median (best)", "raw pg", "raw pg-single", "Runwright", "× raw pg", "goal", "met")
    try:
        version = asyncio.run(_asked(url, "SHOW server_version"))
    except (OSError, asyncpg.PostgresError) as error:
        table = Table("Workloads on PostgreSQL", COMMAND, columns)
        table.notes.append(f"skipped: no server at {url.rpartition('@')[2]}: {type(error).__name__}")
        return [table]
    table = Table(f"Workloads on PostgreSQL {str(version).split()[0]}", COMMAND, columns)
    rounds: Rounds = {name: [] for name in SUBJECTS}
    for _ in range(sizes.works.rounds):
        for name in SUBJECTS:
            rounds[name].append(_measured(name, url, sizes))
    for measure in MEASURES:
        table.rows.append(_row(measure, rounds))
    works = sizes.works
    table.notes = [
        f"W1: {works.chain_steps} steps; W3: {works.runs} runs of {works.run_steps} steps",
        f"{works.rounds} rounds, each a new process and database with {works.samples} samples of W1, 1 of W3",
        "raw pg: one statement of many rows in flight; raw pg-single: a commit a step, pool of 20",
        "× raw pg: median (best) over the rounds of Runwright's median by raw pg's in the same round",
    ]
    table.samples = {name: list(found) for name, found in rounds.items()}
    return [table]


def _measured(name: SubjectName, url: str, sizes: Sizes) -> Answer:
    with database(url) as made, processes.scratch(checkout.disk()) as folder:
        order = Order(name, made, str(folder), sizes.works, WORKS)
        return processes.answer("bench.postgres_repetition", order, Answer, folder)


@contextmanager
def database(url: str) -> Iterator[str]:
    """Yield the address of a new database on the server, dropped afterwards."""
    name = f"runwright_bench_{os.getpid()}"
    asyncio.run(_asked(url, f'CREATE DATABASE "{name}"'))
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        asyncio.run(_asked(url, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _asked(url: str, sql: str) -> object:
    con = await asyncpg.connect(url, timeout=5)
    try:
        return await con.fetchval(sql)
    finally:
        await con.close()


def _row(measure: Measure, rounds: Rounds) -> tuple[str, ...]:
    cells = [
        median_and_best([s for a in rounds[name] for s in measure.samples(a)], most=measure.most)
        for name in SUBJECTS
    ]
    ratios = [
        statistics.median(measure.samples(ours)) / statistics.median(measure.samples(raw))
        for raw, ours in zip(rounds["pg"], rounds["runwright"], strict=True)
        if statistics.median(measure.samples(raw))  # a smoke may be over within one tick of the clock
    ]
    own = [s for a in rounds["runwright"] for s in measure.samples(a)]
    value = statistics.median(ratios if measure.goal is not None and measure.goal.ratio else own)
    shown = median_and_best(ratios, most=measure.most) if ratios else ""
    return (measure.title, *cells, shown, *judged(value, measure.goal))
