"""W1 to W4 in rounds: raw, Runwright, raw, Runwright …, on disk and in memory, and the fsyncs counted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from runwright.bench import counts, processes
from runwright.bench.repetition import Measured, Order
from runwright.bench.sizes import Sizes
from runwright.bench.subjects import SUBJECTS, SubjectName
from runwright.bench.tables import Goal, Table, judged, median_and_best

Rounds = dict[SubjectName, list[Measured]]
MODULE = "runwright.bench.repetition"


class Measure(NamedTuple):
    """One row: where its samples are, and what is asked of them on disk and in memory.

    most    more is better
    """

    work: str
    title: str
    samples: Callable[[Measured], Sequence[float]]
    disk: Goal | None = None
    memory: Goal | None = None
    most: bool = False


W1_GOAL = Goal(1.3, text="≤ 1.3 × raw", ratio=True)
W2_GOAL = Goal(1.15, text="≤ 1.15 × raw", ratio=True)
W3_GOAL = Goal(0.25, "at least", "≥ 25 % of raw", ratio=True)
MEASURES = (
    Measure("w1", "W1 chain, ms per step", lambda m: m.w1_ms, W1_GOAL, Goal(0.10)),
    Measure("w2", "W2 fan-out, s", lambda m: m.w2_s, W2_GOAL),
    Measure("w3", "W3 many runs, steps/s", lambda m: m.w3_steps_per_s, W3_GOAL, W3_GOAL, most=True),
    Measure("w3", "W3 CPU s per 1,000 steps", lambda m: m.cpu_s, Goal(0.10), Goal(0.10)),
    Measure("w3", "W3 commits per step", lambda m: m.commits),
    Measure("w3", "W3 peak memory, MiB", lambda m: [m.peak_mib], Goal(60), Goal(60)),
    Measure("w4", "W4 time / critical path", lambda m: m.w4_ratio, Goal(1.05), Goal(1.05)),
)


def tables(works: frozenset[str], sizes: Sizes, disk: Path) -> list[Table]:
    """Return the figures of the asked workloads on disk and in memory, and the counts of fsyncs."""
    made = [_table("Workloads on disk", disk, works, sizes, in_memory=False)]
    memory = processes.in_memory()
    if not sizes.tmpfs:
        made[0].notes.append("in memory: left out")
    elif memory is None:
        made[0].notes.append("in memory: skipped, /dev/shm cannot be written to")
    else:
        made.append(_table("Workloads in memory (tmpfs)", memory, works, sizes, in_memory=True))
    if works & {"w1", "w3"}:
        made.append(counts.table(works, sizes, disk, _command(works)))
    return made


def _table(title: str, parent: Path, works: frozenset[str], sizes: Sizes, *, in_memory: bool) -> Table:
    rounds: Rounds = {name: [] for name in SUBJECTS}
    for _ in range(sizes.rounds):
        for name in SUBJECTS:
            rounds[name].append(_measured(name, parent, works, sizes))
    columns = ("median (best)", "no journal", "raw", "Runwright", "× raw", "goal", "met")
    table = Table(title, _command(works), columns)
    for measure in MEASURES:
        goal = measure.memory if in_memory else measure.disk
        if measure.work in works:
            table.rows.append(_row(measure, goal, rounds))
    table.notes = [
        f"W1: {sizes.chain_steps} steps; W2: {sizes.fan_steps} of {sizes.fan_sleep_s * 1_000:g} ms, a join",
        f"W3: {sizes.runs} runs of {sizes.run_steps} steps; W4: a path of {sizes.path_unit_s * 3_000:g} ms",
        f"{sizes.rounds} rounds of a new process; in each {sizes.samples} samples of W1, W2, W4, one of W3",
        "× raw: median (best) over the rounds of Runwright's median by raw's in the same round",
        _noise(rounds),
    ]
    table.samples = {name: list(found) for name, found in rounds.items()}
    return table


def _measured(name: SubjectName, parent: Path, works: frozenset[str], sizes: Sizes) -> Measured:
    with processes.scratch(parent) as folder:
        order = Order(name, str(folder), sizes, sorted(works))
        return processes.answer(MODULE, order, Measured, folder)


def _row(measure: Measure, goal: Goal | None, rounds: Rounds) -> tuple[str, ...]:
    cells = [
        median_and_best([s for m in rounds[name] for s in measure.samples(m)], most=measure.most)
        for name in SUBJECTS
    ]
    ratios = [
        statistics.median(measure.samples(ours)) / statistics.median(measure.samples(raw))
        for raw, ours in zip(rounds["raw"], rounds["runwright"], strict=True)
    ]
    own = [s for m in rounds["runwright"] for s in measure.samples(m)]
    value = statistics.median(ratios if goal is not None and goal.ratio else own)
    return (measure.title, *cells, median_and_best(ratios, most=measure.most), *judged(value, goal))


def _noise(rounds: Rounds) -> str:
    before = [m.before for found in rounds.values() for m in found]
    loads, loops_ms, syncs_ms = zip(*before, strict=True)
    return (
        f"before each process: load {min(loads):.1f} to {max(loads):.1f}, "
        f"1,000,000 squares {min(loops_ms):.0f} to {max(loops_ms):.0f} ms, "
        f"one fdatasync {min(syncs_ms):.3f} to {max(syncs_ms):.3f} ms"
    )


def _command(works: frozenset[str]) -> str:
    return f"runwright bench {' '.join(sorted(works))}"
