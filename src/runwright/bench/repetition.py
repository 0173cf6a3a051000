"""One repetition of W1 to W4, in a process of its own: `python -m runwright.bench.repetition`.

The first line of standard input says what to do; the only line on standard output says what came out.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from runwright.bench import machine
from runwright.bench.machine import Conditions
from runwright.bench.shapes import Shape, chain, critical_path_s, fan_out, two_ways
from runwright.bench.sizes import Sizes
from runwright.bench.subjects import Subject, SubjectName, subject


class Order(msgspec.Struct):
    """What one process is to measure.

    works        which of w1 to w4
    warm         whether to warm up before; counts of fsyncs are taken without
    """

    subject: SubjectName
    folder: str
    sizes: Sizes
    works: list[str]
    warm: bool = True


class Measured(msgspec.Struct):
    """What one process has measured; lists hold one value for each sample.

    steps       that gave the right result, in all measured plans together
    w1_ms       for one step of a chain
    w2_s        for the whole fan-out
    w4_ratio    time by critical path
    cpu_s       of W3, for 1,000 steps
    commits     of W3, for one step
    committed   transactions of the whole process
    log_bytes   by which SQLite's write-ahead log grew during W1
    """

    before: Conditions
    steps: int = 0
    w1_ms: list[float] = []
    w2_s: list[float] = []
    w3_steps_per_s: list[float] = []
    w4_ratio: list[float] = []
    cpu_s: list[float] = []
    commits: list[float] = []
    peak_mib: float = 0.0
    log_bytes: int = 0
    committed: int = 0


class Repetition:
    """Measures one subject; every plan gets a name that was not used before."""

    def __init__(self, order: Order, runs: Subject) -> None:
        self._order, self._sizes, self._runs = order, order.sizes, runs
        self._names = iter(range(1_000_000))
        self.measured = Measured(before=machine.conditions(Path(order.folder)))

    async def all(self) -> Measured:
        """Return what was measured."""
        if self._order.warm:
            await self._warm_up()
        asked = self._order.works
        for _ in range(self._sizes.samples):
            if "w1" in asked:
                steps = self._sizes.chain_steps
                log_bytes = self._log_bytes()
                self.measured.w1_ms.append(await self._timed_s(chain(steps)) / steps * 1_000)
                self.measured.log_bytes = self._log_bytes() - log_bytes
            if "w2" in asked:
                shape = fan_out(self._sizes.fan_steps, self._sizes.fan_sleep_s)
                self.measured.w2_s.append(await self._timed_s(shape))
            if "w4" in asked:
                shape = two_ways(self._sizes.path_unit_s)
                self.measured.w4_ratio.append(await self._timed_s(shape) / critical_path_s(shape))
        if "w3" in asked:
            await self._throughput()
        self.measured.peak_mib = machine.peak_mib()
        self.measured.committed = self._runs.commits
        return self.measured

    async def _warm_up(self) -> None:
        for shape in (chain(10), fan_out(self._sizes.fan_steps, 0.0), two_ways(self._sizes.path_unit_s)):
            await self._run(shape)
        self.measured.steps = 0

    async def _throughput(self) -> None:
        runs, shape = self._sizes.runs, chain(self._sizes.run_steps)
        steps = runs * len(shape)
        commits, cpu_s, began_s = self._runs.commits, time.process_time(), time.perf_counter()
        await asyncio.gather(*(self._run(shape) for _ in range(runs)))
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        if steps:
            self.measured.w3_steps_per_s.append(steps / wall_s)
            self.measured.cpu_s.append(cpu_s / steps * 1_000)
            self.measured.commits.append((self._runs.commits - commits) / steps)

    async def _timed_s(self, shape: Shape) -> float:
        began_s = time.perf_counter()
        await self._run(shape)
        return time.perf_counter() - began_s

    async def _run(self, shape: Shape) -> None:
        steps = await self._runs.run(f"run{next(self._names)}", shape)
        self.measured.steps += steps

    def _log_bytes(self) -> int:
        log = Path(self._order.folder) / f"{self._order.subject}.db-wal"
        return log.stat().st_size if log.exists() else 0


async def _main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    async with subject(order.subject, Path(order.folder)) as runs:
        measured = await Repetition(order, runs).all()
    print(msgspec.json.encode(measured).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
