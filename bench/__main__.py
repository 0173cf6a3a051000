"""`python -m bench`: measure everything, or the parts that are named, and say it beside the goals."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import api, asynchow, check, crash, machine, processes, startup, workloads
from bench.sizes import FULL, LEAST, QUICK, Sizes
from bench.tables import Table

WORKS = ("w1", "w2", "w3", "w4")
PARTS = (*WORKS, "w5", "http", "startup", "check", "asynchow")


def main() -> int:
    """Print every table as soon as it is there; return 1 when a part could not be measured."""
    given = _arguments()
    sizes = FULL if given.size is None else given.size
    asked = frozenset(given.parts or PARTS)
    began_s, made, failed = time.monotonic(), list[Table](), 0
    print(f"{machine.described()}\n", flush=True)
    if sizes is LEAST:
        print("--smoke: too little is measured for any figure to mean something\n")
    for name, measure in _measures(asked, sizes):
        with processes.scratch() as folder:
            before = machine.conditions(folder)
        try:
            tables = measure()
        except Exception as error:  # one part that fails must not hide the others
            print(f"{name} FAILED: {type(error).__name__}: {error}\n", flush=True)
            failed += 1
            continue
        for table in tables:
            table.notes.append(f"before: {before}")
            print(f"{table.markdown() if given.markdown else table.aligned()}\n", flush=True)
        made += tables
    left_out = sorted(set(PARTS) - asked)
    if left_out:
        print(f"not asked for: {', '.join(left_out)}")
    print(f"{time.monotonic() - began_s:.0f} s in all")
    if given.json is not None:
        report = {"machine": machine.described(), "tables": made, "failed": failed}
        given.json.write_bytes(msgspec.json.encode(report))
    return 1 if failed else 0


def _measures(asked: frozenset[str], sizes: Sizes) -> list[tuple[str, Callable[[], list[Table]]]]:
    works = asked & frozenset(WORKS)
    every: list[tuple[str, bool, Callable[[], list[Table]]]] = [
        (" ".join(sorted(works)), bool(works), lambda: workloads.tables(works, sizes)),
        ("w5", "w5" in asked, lambda: crash.tables(sizes)),
        ("asynchow", "asynchow" in asked, lambda: asynchow.tables(sizes, asynchow.named_folder())),
        ("http", "http" in asked, lambda: api.tables(sizes)),
        ("startup", "startup" in asked, lambda: startup.tables(sizes)),
        ("check", "check" in asked, lambda: check.tables(sizes)),
    ]
    return [(name, measure) for name, wanted, measure in every if wanted]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const=QUICK, help="one round, fewer runs")
    size.add_argument(
        "--smoke",
        dest="size",
        action="store_const",
        const=LEAST,
        help="just enough to see that all of it runs",
    )
    parser.add_argument("--markdown", action="store_true", help="tables for the documentation")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and samples there too")
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
