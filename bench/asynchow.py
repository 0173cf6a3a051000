"""Real plans with durations: how close a run comes to its critical path. Also `python -m bench.asynchow`.

The AsyncHow records are how-to plans drawn as graphs; one of their seconds is a millisecond here. Those
whose critical path is shorter than 100 s measure the noise of timers, those above 1,500 s only wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import msgspec

from bench import checkout
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.shapes import Shape, critical_path_s
from runwright.bench.subjects import SUBJECTS, Subject, SubjectName, subject
from runwright.bench.tables import Goal, Table, figure, judged, percentile

COMMAND = "RUNWRIGHT_EVAL_DATA=… python -m bench asynchow"
SCALE = 1_000
LEAST_S, MOST_S = 100, 1_500


class Order(msgspec.Struct):
    """What one process is to run."""

    subject: SubjectName
    folder: str
    shapes: list[Shape]
    at_once: int


class Timed(msgspec.Struct):
    """One plan: its critical path, how long it took, and how many steps gave the right result."""

    critical_path_s: float
    wall_s: float
    steps: int


def tables(sizes: Sizes) -> list[Table]:
    """Return wall time against the critical path, beside raw; empty figures where there is no data."""
    table = Table("Real plans with durations (AsyncHow, 1 s = 1 ms)", COMMAND, ("", *SUBJECTS, "goal", "met"))
    folder = named_folder()
    path = folder / "plans" / "asynchow.jsonl" if folder else None
    if path is None or not path.exists():
        table.notes.append("skipped: RUNWRIGHT_EVAL_DATA names no folder with plans/asynchow.jsonl")
        return [table]
    shapes = shapes_of(path)[: sizes.records]
    timed = {name: _timed(name, shapes, sizes) for name in SUBJECTS}
    ratios = {name: [t.wall_s / t.critical_path_s for t in found] for name, found in timed.items()}
    beyond = {
        name: [(t.wall_s - 1.1 * t.critical_path_s) * 1_000 for t in found] for name, found in timed.items()
    }
    own_ratio, own_beyond = median(ratios["runwright"]), median(beyond["runwright"])
    table.rows += [
        ("time / critical path, median", *(f"{median(r):.3f}" for r in ratios.values()), "", ""),
        ("… 99th percentile", *(f"{percentile(r, 0.99):.3f}" for r in ratios.values()), "", ""),
        ("… worst", *(f"{max(r):.3f}" for r in ratios.values()), "", ""),
        (
            "time − 1.1 × critical path, ms, median", *(figure(median(b)) for b in beyond.values()),
            *judged(own_beyond, Goal(20)),
        ),
        ("… worst", *(figure(max(b)) for b in beyond.values()), "", ""),
    ]  # fmt: skip
    table.notes.append(
        f"{len(shapes)} records with a critical path of {LEAST_S} s to {MOST_S:,} s, "
        f"{sizes.records_at_once} at a time, on disk"
    )
    table.samples = {"records": len(shapes), "ratio": own_ratio} | {
        f"steps of {name}": sum(t.steps for t in found) for name, found in timed.items()
    }
    table.samples["steps in the plans"] = sum(map(len, shapes))
    return [table]


def shapes_of(path: Path) -> list[Shape]:
    """Return the records in range as shapes, in the order of the file."""
    shapes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if LEAST_S <= record["answer"]["critical_path_seconds"] <= MOST_S:
            shapes.append({
                f"s{step['number']}": (
                    step["input"]["seconds"] / SCALE,
                    tuple(f"s{n}" for n in step["depends_on"]),
                )
                for step in sorted(record["steps"], key=lambda step: step["number"])
            })  # fmt: skip
    return shapes


def _timed(name: SubjectName, shapes: list[Shape], sizes: Sizes) -> list[Timed]:
    with checkout.scratch() as folder:
        order = Order(name, str(folder), shapes, sizes.records_at_once)
        return processes.answer("bench.asynchow", order, list[Timed], folder)


async def _all(order: Order) -> list[Timed]:
    async with subject(order.subject, Path(order.folder)) as runs:
        turns, timed = iter(enumerate(order.shapes)), list[Timed]()
        await asyncio.gather(*(_some(runs, turns, timed) for _ in range(order.at_once)))
        return timed


async def _some(runs: Subject, turns: enumerate[Shape], timed: list[Timed]) -> None:
    for number, shape in turns:
        began_s = time.perf_counter()
        steps = await runs.run(f"record{number}", shape)
        timed.append(Timed(critical_path_s(shape), time.perf_counter() - began_s, steps))


def named_folder() -> Path | None:
    """Return the folder with the evaluation data, where one is named."""
    named = os.environ.get("RUNWRIGHT_EVAL_DATA", "")
    return Path(named).resolve() if named else None


if __name__ == "__main__":
    _order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    print(msgspec.json.encode(asyncio.run(_all(_order))).decode(), flush=True)
