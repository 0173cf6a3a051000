"""Parts measured one after the other, each table said as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from runwright.bench import crash, crowd, machine, processes, workloads
from runwright.bench.sizes import Sizes
from runwright.bench.tables import Table

WORKS = ("w1", "w2", "w3", "w4")
PARTS = (*WORKS, "w5", "w6")


class Part(NamedTuple):
    """Something to measure, and the name that it is asked for by."""

    name: str
    measure: Callable[[], list[Table]]


class Report(msgspec.Struct):
    """What was measured.

    machine   and software, date and commit
    failed    parts that could not be measured, each with the reason
    took_s    for all of it
    """

    machine: str
    tables: list[Table] = []
    failed: list[str] = []
    took_s: float = 0.0


def parts(asked: Sequence[str], sizes: Sizes, disk: Path) -> list[Part]:
    """Return the parts of W1 to W6 that are asked for; databases are made in `disk` and in memory."""
    works = frozenset(asked) & frozenset(WORKS)
    found = [Part(" ".join(sorted(works)), lambda: workloads.tables(works, sizes, disk))] if works else []
    if "w5" in asked:
        found.append(Part("w5", lambda: crash.tables(sizes, disk)))
    if "w6" in asked:
        found.append(Part("w6", lambda: crowd.tables(sizes, disk)))
    return found


def measured(
    report: Report,
    wanted: Iterable[Part],
    disk: Path,
    say: Callable[[str], None],
    form: Callable[[Table], str],
) -> Report:
    """Return the report with the tables of all parts; one part that fails does not hide the others.

    say    takes each table, and each failure, as soon as it is there
    form   makes text of a table
    """
    began_s = time.monotonic()
    for part in wanted:
        with processes.scratch(disk) as folder:
            before = machine.conditions(folder)
        try:
            tables = part.measure()
        except Exception as error:
            report.failed.append(f"{part.name} FAILED: {type(error).__name__}: {error}")
            say(report.failed[-1])
            continue
        for table in tables:
            table.notes.append(f"before: {before}")
            say(form(table))
        report.tables += tables
    report.took_s = time.monotonic() - began_s
    return report
