"""Fsyncs and log bytes of a step, counted: no noise reaches them.

A long and a short process are compared, so that what a process costs at its start and end cancels out.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from runwright.bench import processes
from runwright.bench.repetition import Measured, Order
from runwright.bench.sizes import Sizes
from runwright.bench.subjects import SubjectName
from runwright.bench.tables import Goal, Table, figure, judged

STRACE = ("strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o")
MODULE = "runwright.bench.repetition"
# What four pages of SQLite's log and their heads take: a chain step writes an event of its start and one of
# its end, and moves the run's row.
LOG_KIB_MAX = 16.2


class Counted(NamedTuple):
    """What one step costs."""

    fsyncs: float
    log_kib: float


def table(works: frozenset[str], sizes: Sizes, disk: Path, command: str) -> Table:
    """Return the counts of W1 and W3, raw and Runwright."""
    traced = _can_trace()
    made = Table("Fsyncs", command, ("counted, no noise", "raw", "Runwright", "goal", "met"))
    made.notes.append(
        "fsync and fdatasync of a whole process (`strace -f -c`), less those of one with fewer steps"
        if traced
        else "fsyncs: one for each commit, as counted by the writer; strace cannot be used here"
    )
    if "w1" in works:
        few, many = sizes.chain_steps // 5, sizes.chain_steps
        short, long = (sizes._replace(samples=1, chain_steps=n) for n in (few, many))
        raw, own = _both("w1", short, long, many - few, disk, traced)
        goal = judged(round(own.fsyncs, 2), Goal(1.0))
        made.rows.append(("W1 fsyncs per chain step", figure(raw.fsyncs), figure(own.fsyncs), *goal))
        goal = judged(own.log_kib, Goal(LOG_KIB_MAX))
        made.rows.append(("W1 log KiB per chain step", figure(raw.log_kib), figure(own.log_kib), *goal))
        made.samples["w1"] = {"raw": raw._asdict(), "runwright": own._asdict()}
    if "w3" in works:
        short, steps = sizes._replace(runs=0), sizes.runs * sizes.run_steps
        raw, own = _both("w3", short, sizes, steps, disk, traced)
        goal = judged(own.fsyncs, Goal(0.05))
        made.rows.append(("W3 fsyncs per step", figure(raw.fsyncs), figure(own.fsyncs), *goal))
        made.samples["w3"] = {"raw": raw._asdict(), "runwright": own._asdict()}
    made.samples["traced"] = traced
    return made


def _can_trace() -> bool:
    """Whether there is a strace that may trace: containers often forbid it."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run([*STRACE, "/dev/null", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _both(
    work: str, short: Sizes, long: Sizes, steps: int, disk: Path, traced: bool
) -> tuple[Counted, Counted]:
    raw, own = (_apart(name, work, short, long, steps, disk, traced) for name in ("raw", "runwright"))
    return raw, own


def _apart(
    name: SubjectName, work: str, short: Sizes, long: Sizes, steps: int, disk: Path, traced: bool
) -> Counted:
    (fsyncs_before, log_before), (fsyncs, log_bytes) = (
        _counted(name, work, sizes, disk, traced) for sizes in (short, long)
    )
    return Counted((fsyncs - fsyncs_before) / steps, (log_bytes - log_before) / steps / 1024)


def _counted(name: SubjectName, work: str, sizes: Sizes, disk: Path, traced: bool) -> tuple[int, int]:
    """The fsyncs of one process and how far it made the log grow."""
    with processes.scratch(disk) as folder:
        order = Order(name, str(folder), sizes, [work], warm=False)
        log = folder / "syscalls"
        under = (*STRACE, str(log)) if traced else ()
        measured = processes.answer(MODULE, order, Measured, folder, under=under)
        if not traced:
            return measured.committed, measured.log_bytes
        lines = [line.split() for line in log.read_text().splitlines()]
        calls = sum(int(line[3]) for line in lines if line and line[-1] in ("fsync", "fdatasync"))
        return calls, measured.log_bytes
