"""One repetition of W1 and W3 on PostgreSQL, in a process of its own: `python -m bench.postgres_repetition`.

The first line of standard input says what to do; the only line on standard output says what came out.
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import msgspec

from bench.postgres_subjects import SubjectName, server_cpu_s, subject
from runwright.bench import repetition
from runwright.bench.repetition import Measured, Repetition
from runwright.bench.sizes import Sizes
from runwright.bench.subjects import Subject


class Order(msgspec.Struct):
    """What one process is to measure.

    url   of a database that is empty
    """

    subject: SubjectName
    url: str
    folder: str
    sizes: Sizes
    works: list[str]


class Answer(msgspec.Struct):
    """What it has measured.

    server_cpu_s   of the server, for 1,000 steps of W3
    wal_bytes      for one step of W3
    """

    own: Measured
    server_cpu_s: list[float] = []
    wal_bytes: list[float] = []


class OnServer(Repetition):
    """Measures what the server does besides."""

    def __init__(self, order: Order, runs: Subject, con: asyncpg.Connection) -> None:
        plain = repetition.Order("runwright", order.folder, order.sizes, order.works)
        super().__init__(plain, runs)
        self._con, self.answer = con, Answer(self.measured)

    async def _throughput(self) -> None:
        steps = self._sizes.runs * self._sizes.run_steps
        cpu_s, wal = self._server_cpu_s(), await self._wal()
        await super()._throughput()
        self.answer.server_cpu_s.append((self._server_cpu_s() - cpu_s) / steps * 1_000)
        self.answer.wal_bytes.append((await self._wal() - wal) / steps)

    def _server_cpu_s(self) -> float:
        return server_cpu_s(self._con.get_server_pid())

    async def _wal(self) -> int:
        return int(await self._con.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


async def _main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    con = await asyncpg.connect(order.url)
    async with subject(order.subject, order.url) as runs:
        measuring = OnServer(order, runs, con)
        await measuring.all()
    await con.close()
    print(msgspec.json.encode(measuring.answer).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
