"""What a run and each of its steps cost a store: processor, log, commits, room, commands.

Runs of 1 step and of 11 are started together, as many of each: what the longer ones cost more is the price of
ten steps, what is left is the price of a run. Servers are those of RUNWRIGHT_BENCH_POSTGRES and
RUNWRIGHT_BENCH_REDIS, else those on the standard loopback ports; whoever else uses them is counted too.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import apsw
import asyncpg
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench import checkout, postgres
from bench.postgres_subjects import server_cpu_s
from bench.sizes import Sizes
from runwright import Runwright, Settings, tool
from runwright.bench import processes
from runwright.bench.library import Library
from runwright.bench.shapes import chain, work
from runwright.bench.tables import Table, figure

COMMAND = "python -m bench costs"
REDIS = "redis://127.0.0.1:6379/0"
FEW, MANY = 1, 11
Counts = dict[str, float]
Count = Callable[[], Awaitable[Counts]]

OWN, SERVERS = "processor ms, Runwright", "processor ms, servers"
COMMITS, LOG, ROOM = "commits", "bytes logged", "bytes kept"
COMMANDS, SENT = "Redis commands", "bytes sent to Redis"
ROWS = (OWN, SERVERS, COMMITS, LOG, ROOM, COMMANDS, SENT)


def tables(sizes: Sizes) -> list[Table]:
    """Return the costs, and what could not be measured."""
    with processes.scratch(checkout.disk()) as folder:
        return [_table(folder, sizes)]


def _table(folder: Path, sizes: Sizes) -> Table:
    runs = sizes.works.runs
    columns = ("", "of a run", "of a step")
    table = Table("Costs by store", COMMAND, columns)
    url, redis_url = (
        os.environ.get("RUNWRIGHT_BENCH_POSTGRES", postgres.SERVER),
        os.environ.get("RUNWRIGHT_BENCH_REDIS", REDIS),
    )
    for title, measured in (
        ("SQLite", partial(_sqlite, folder, runs)),
        ("PostgreSQL", partial(_postgres, url, "", runs)),
        ("PostgreSQL and Redis", partial(_postgres, url, redis_url, runs)),
    ):
        try:
            few, many = measured()
        except (OSError, asyncpg.PostgresError, RedisError) as error:
            table.notes.append(f"{title}: skipped, no server: {type(error).__name__}")
            continue
        table.rows += [(f"{title}: {row}", *_prices(few[row], many[row], runs)) for row in ROWS if row in few]
        table.samples[title] = [few, many]
    table.notes += [
        f"{runs} runs of {FEW} step, then {runs} of {MANY}, started together in one process",
        "bytes logged: of SQLite all that the process wrote, checkpoints included",
    ]
    return table


def _prices(few: float, many: float, runs: int) -> tuple[str, str]:
    step = (many - few) / runs / (MANY - FEW)
    return figure(few / runs - FEW * step), figure(step)


def _sqlite(folder: Path, runs: int) -> tuple[Counts, Counts]:
    file = folder / "costs.db"

    async def count() -> Counts:
        con = apsw.Connection(str(file))
        with con:  # what is in the log alone counts too
            con.execute("SELECT count(*) FROM runs").fetchall()
            kept = con.pragma("page_count") * con.pragma("page_size")
        con.close()
        written = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return {LOG: float(written["wchar"]), ROOM: float(kept)}

    return asyncio.run(_both(Settings(database_url=SecretStr(f"sqlite:///{file}")), runs, count))


def _postgres(url: str, redis_url: str, runs: int) -> tuple[Counts, Counts]:
    with postgres.database(url) as own:
        return asyncio.run(_on_servers(own, redis_url, runs))


async def _on_servers(url: str, redis_url: str, runs: int) -> tuple[Counts, Counts]:
    con = await asyncpg.connect(url)
    redis = Redis.from_url(redis_url) if redis_url else None

    async def count() -> Counts:
        logged = await con.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        kept = await con.fetchval("SELECT pg_database_size(current_database())")
        cpu_s = server_cpu_s(con.get_server_pid())
        found = {LOG: float(logged), ROOM: float(kept)}
        if redis is not None:
            told = await redis.info("everything")
            cpu_s += told["used_cpu_user"] + told["used_cpu_sys"]
            found |= {COMMANDS: told["total_commands_processed"], SENT: told["total_net_input_bytes"]}
        return {SERVERS: cpu_s * 1_000, **found}

    settings = Settings(database_url=SecretStr(url), redis_url=SecretStr(redis_url))
    try:
        return await _both(settings, runs, count)
    finally:
        await con.close()
        if redis is not None:
            await redis.aclose()


async def _both(settings: Settings, runs: int, count: Count) -> tuple[Counts, Counts]:
    """What the runs of few steps cost, and those of many."""
    async with Runwright(tools=[tool(name="work", effects="pure")(work)], settings=settings) as runtime:
        library = Library(runtime)
        await _spent(library, runs // 4, FEW, count)
        return await _spent(library, runs, FEW, count), await _spent(library, runs, MANY, count)


async def _spent(library: Library, runs: int, steps: int, count: Count) -> Counts:
    before = await count()
    cpu_s, commits = time.process_time(), library.commits
    await asyncio.gather(*(library.run(f"run{n}", chain(steps)) for n in range(runs)))
    own_ms = (time.process_time() - cpu_s) * 1_000
    after = await count()
    spent = {row: after[row] - before[row] for row in after}
    return {OWN: own_ms, COMMITS: library.commits - commits, **spent}
