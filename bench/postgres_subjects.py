"""What is measured on PostgreSQL: the raw executor over two journals of one table, and Runwright."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import asyncpg

from runwright.bench.subjects import RawExecutor, Subject

SubjectName: TypeAlias = Literal["pg", "pg-single", "runwright"]
SUBJECTS: tuple[SubjectName, ...] = get_args(SubjectName)
POOL = 20

_TABLE = "CREATE TABLE IF NOT EXISTS j(run text, step text, result text, PRIMARY KEY(run, step))"
_LOAD = "SELECT step, result FROM j WHERE run = $1"
_PUT = "INSERT INTO j SELECT * FROM unnest($1::text[], $2::text[], $3::text[])"
_PUT_ONE = "INSERT INTO j VALUES($1, $2, $3)"


class Single:
    """One commit for each step, on a pool of connections."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.commits = 0

    async def load(self, run: str) -> dict[str, Any]:
        return {row[0]: json.loads(row[1]) for row in await self._pool.fetch(_LOAD, run)}

    async def write(self, run: str, step: str, value: Any) -> None:
        await self._pool.execute(_PUT_ONE, run, step, json.dumps(value))
        self.commits += 1

    def close(self) -> None:
        return


class Grouped(Single):
    """One statement of many rows in flight: what piled up meanwhile goes into the next."""

    def __init__(self, pool: Any, con: Any) -> None:
        super().__init__(pool)
        self._con = con
        self._pending: list[tuple[str, str, str, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, run: str, step: str, value: Any) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._pending.append((run, step, json.dumps(value), done))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            runs, steps, values, futures = zip(*batch, strict=True)
            await self._con.execute(_PUT, runs, steps, values)
            self.commits += 1
            for done in futures:
                done.set_result(None)


@asynccontextmanager
async def subject(name: SubjectName, url: str) -> AsyncIterator[Subject]:
    """Yield a subject on a database that is empty."""
    if name == "runwright":
        from runwright.bench.library import library

        async with library(url) as runs:
            yield runs
        return
    async with asyncpg.create_pool(url, min_size=1, max_size=POOL if name == "pg-single" else 1) as pool:
        await pool.execute(_TABLE)
        if name == "pg-single":
            yield RawExecutor(Single(pool))
            return
        con = await asyncpg.connect(url)
        yield RawExecutor(Grouped(pool, con))
        await con.close()


def server_cpu_s(backend: int) -> float:
    """Return the processor seconds that all processes of a server on this computer have used."""
    server = _stat(backend)[1]
    family = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
    return sum(_stat(pid)[0] for pid in family) + _stat(server)[2]


def _stat(pid: int) -> tuple[float, int, float]:
    """Processor seconds of a process, its parent, and the seconds of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(map(int, fields[11:13])) / ticks, int(fields[1]), sum(map(int, fields[13:15])) / ticks
