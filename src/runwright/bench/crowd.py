"""W6: thousands of runs started together in one process. Also `python -m runwright.bench.crowd`.

All of them must end with the right results; what is measured is the memory that they take while they are
under way and while they wait, and how long the event loop was held at most.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from runwright.bench import machine, processes
from runwright.bench.shapes import chain
from runwright.bench.sizes import Sizes
from runwright.bench.subjects import SubjectName, subject
from runwright.bench.tables import Goal, Table, figure, judged

MODULE = "runwright.bench.crowd"
LOOK_S = 0.02  # between two looks at the clock, for the lag of the loop


class Order(msgspec.Struct):
    """What one process is to run."""

    subject: SubjectName
    folder: str
    runs: int
    steps: int


class Crowd(msgspec.Struct):
    """What came of it.

    right_steps   steps with the right result, in all runs together
    idle_mib      resident before the first of them
    peak_mib      the most that was resident
    lag_ms        the longest time that the event loop answered to nobody
    """

    right_steps: int
    wall_s: float
    cpu_s: float
    idle_mib: float
    peak_mib: float
    lag_ms: float


def tables(sizes: Sizes, disk: Path) -> list[Table]:
    """Return what crowds of several sizes cost, raw and Runwright in turns."""
    names: tuple[SubjectName, ...] = ("raw", "runwright")
    columns = [(runs, name) for runs in sizes.crowds for name in names]
    crowds = {column: _measured(*column, sizes, disk) for column in columns}
    table = Table(
        f"W6 runs of {sizes.crowd_steps} steps, started together in one process, on disk",
        "runwright bench w6",
        ("", *(f"{runs:,} {name}" for runs, name in columns), "goal", "met"),
        notes=["memory per run: the peak less what was resident before, by all runs of the crowd"],
        samples={f"{name} {runs}": crowd for (runs, name), crowd in crowds.items()},
    )
    steps = {column: column[0] * sizes.crowd_steps for column in columns}
    largest = (sizes.crowds[-1], names[-1])
    lost = sum(steps[column] - crowd.right_steps for column, crowd in crowds.items())
    table.rows += [
        (
            "steps without the right result",
            *(figure(steps[c] - crowd.right_steps) for c, crowd in crowds.items()),
            *judged(lost, Goal(0)),
        ),
        ("steps/s", *(figure(steps[c] / crowd.wall_s) for c, crowd in crowds.items()), "", ""),
        (
            "CPU s per 1,000 steps",
            *(figure(crowd.cpu_s / steps[c] * 1_000) for c, crowd in crowds.items()),
            *judged(crowds[largest].cpu_s / steps[largest] * 1_000, Goal(0.1)),
        ),
        ("peak memory, MiB", *(figure(crowd.peak_mib) for crowd in crowds.values()), "", ""),
        (
            "memory per run, KiB",
            *(figure((crowd.peak_mib - crowd.idle_mib) / c[0] * 1_024) for c, crowd in crowds.items()),
            "",
            "",
        ),
        ("longest lag of the loop, ms", *(figure(crowd.lag_ms) for crowd in crowds.values()), "", ""),
    ]
    return [table]


def _measured(runs: int, name: SubjectName, sizes: Sizes, disk: Path) -> Crowd:
    with processes.scratch(disk) as folder:
        return processes.answer(MODULE, Order(name, str(folder), runs, sizes.crowd_steps), Crowd, folder)


async def _lag_s(until: asyncio.Event) -> float:
    """Return how late a timer of the loop came at most."""
    worst_s, loop = 0.0, asyncio.get_running_loop()
    while not until.is_set():
        due_s = loop.time() + LOOK_S
        await asyncio.sleep(LOOK_S)
        worst_s = max(worst_s, loop.time() - due_s)
    return worst_s


async def _main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    shape, ended = chain(order.steps), asyncio.Event()
    async with subject(order.subject, Path(order.folder)) as runs:
        await runs.run("first", shape)
        idle_mib, watch = machine.resident_mib(), asyncio.create_task(_lag_s(ended))
        began_s, cpu_s = time.perf_counter(), time.process_time()
        steps = await asyncio.gather(*(runs.run(f"run{n}", shape) for n in range(order.runs)))
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        ended.set()
        crowd = Crowd(sum(steps), wall_s, cpu_s, idle_mib, machine.peak_mib(), await watch * 1_000)
    print(msgspec.json.encode(crowd).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
