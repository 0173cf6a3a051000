"""How fast ended runs are moved to the archive, as fast as one process can, and what each costs.

Real runs of five steps are carried out first; moving them is measured alone. PostgreSQL is that of
`bench.postgres`; whoever else uses it is counted too.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg
from pydantic import SecretStr

from bench import checkout, postgres
from bench.past import CROWD, plan
from bench.postgres_subjects import server_cpu_s
from bench.sizes import Sizes
from runwright import Runwright, Settings
from runwright.bench.tables import Goal, Table, figure, judged

COMMAND = "python -m bench archive"
STEPS = 5
A_MILLION_AN_HOUR = Goal(1_000_000 / 3_600, "at least", "≥ 278, a million an hour")
FAST = 100_000.0  # no pace


class Moved(NamedTuple):
    """What it took to move so many runs.

    logged   bytes: of PostgreSQL its log, of SQLite all that the process wrote
    """

    runs: int
    took_s: float
    own_cpu_s: float
    server_cpu_s: float
    logged: float


def tables(sizes: Sizes) -> list[Table]:
    """Return the figures of each store, and which could not be measured."""
    table = Table("Moving ended runs to the archive", COMMAND, ("", "SQLite", "PostgreSQL", "goal", "met"))
    found: list[Moved | None] = []
    with checkout.scratch() as folder:
        found.append(asyncio.run(_on_sqlite(folder / "archive.db", sizes.archived_runs)))
    url = os.environ.get("RUNWRIGHT_BENCH_POSTGRES", postgres.SERVER)
    try:
        with postgres.database(url) as made:
            found.append(asyncio.run(_on_postgres(made, sizes.archived_runs)))
    except (OSError, asyncpg.PostgresError) as error:
        table.notes.append(f"PostgreSQL: skipped, no server: {type(error).__name__}")
        found.append(None)
    rates = [one and one.runs / one.took_s for one in found]
    table.rows = [
        ("runs/s", *map(_shown, rates), *judged(min(filter(None, rates)), A_MILLION_AN_HOUR)),
        (
            "processor ms a run, Runwright",
            *(_shown(one and _ms(one, one.own_cpu_s)) for one in found),
            "",
            "",
        ),
        (
            "processor ms a run, server",
            *(_shown(one and _ms(one, one.server_cpu_s)) for one in found),
            "",
            "",
        ),
        ("bytes logged a run", *(_shown(one and one.logged / one.runs) for one in found), "", ""),
    ]
    table.notes += [
        f"{sizes.archived_runs} runs of {STEPS} steps: copied, read back, compared, deleted; no pace",
        "bytes logged: of SQLite all that the process wrote, checkpoints included",
    ]
    table.samples = {"moved": [one and one._asdict() for one in found]}
    return [table]


def _ms(moved: Moved, spent_s: float) -> float:
    return spent_s / moved.runs * 1_000


def _shown(value: float | None) -> str:
    return "-" if value is None else figure(value)


async def _on_sqlite(file: Path, runs: int) -> Moved:
    async def spent() -> tuple[float, float]:
        written = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return 0.0, float(written["wchar"])

    return await _moved(f"sqlite:///{file}", runs, spent)


async def _on_postgres(url: str, runs: int) -> Moved:
    con = await asyncpg.connect(url)

    async def spent() -> tuple[float, float]:
        logged = await con.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return server_cpu_s(con.get_server_pid()), float(logged)

    try:
        return await _moved(url, runs, spent)
    finally:
        await con.close()


async def _moved(url: str, runs: int, spent: Callable[[], Awaitable[tuple[float, float]]]) -> Moved:
    """Carry out runs, and move all of them.

    Raises   RuntimeError when not all were moved
    """
    settings = Settings(database_url=SecretStr(url), archive_after_s=0, archive_runs_per_s_max=FAST)
    async with Runwright(settings=settings) as runtime:
        for made in range(0, runs, CROWD):
            await asyncio.gather(*(runtime.run(plan=plan(STEPS)) for _ in range(min(CROWD, runs - made))))
        assert runtime._app is not None
        server_s, logged = await spent()
        began_s, own_s = time.perf_counter(), time.process_time()
        moved = await runtime._app.caretaker.archive_once()
        took_s, own_s = time.perf_counter() - began_s, time.process_time() - own_s
        server_after_s, logged_after = await spent()
    if moved < runs:
        raise RuntimeError(f"only {moved} of {runs} runs were moved")
    return Moved(runs, took_s, own_s, server_after_s - server_s, logged_after - logged)
