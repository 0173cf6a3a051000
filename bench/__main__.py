"""`python -m bench`: measure everything, or the parts that are named, and say it beside the goals."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import msgspec

from bench import (
    api,
    archive,
    asynchow,
    check,
    checkout,
    cluster,
    cold,
    costs,
    early,
    history,
    isolation,
    many,
    observing,
    postgres,
    startup,
)
from bench.sizes import FULL, LEAST, QUICK, Sizes
from runwright.bench import machine
from runwright.bench import report as packaged
from runwright.bench.report import Part, Report
from runwright.bench.tables import Table

MEASURES = {
    "asynchow": asynchow.tables,
    "http": api.tables,
    "many": many.tables,
    "history": history.tables,
    "startup": startup.tables,
    "check": check.tables,
    "early": early.tables,
    "isolation": isolation.tables,
    "postgres": postgres.tables,
    "costs": costs.tables,
    "observing": observing.tables,
    "cluster": cluster.tables,
    "archive": archive.tables,
    "cold": cold.tables,
}
PARTS = (*packaged.PARTS, *MEASURES)


def main() -> int:
    """Print every table as soon as it is there; return 1 when a part could not be measured."""
    given = _arguments()
    sizes: Sizes = FULL if given.size is None else given.size
    asked = given.parts or PARTS
    report = Report(f"{machine.described()} · commit {checkout.commit()}")
    _say(report.machine)
    if sizes is LEAST:
        _say("--smoke: too little is measured for any figure to mean something")
    wanted = packaged.parts(asked, sizes.works, checkout.disk())
    wanted += [Part(name, partial(tables, sizes)) for name, tables in MEASURES.items() if name in asked]
    form = Table.markdown if given.markdown else Table.aligned
    packaged.measured(report, wanted, checkout.disk(), _say, form)
    left_out = [part for part in PARTS if part not in asked]
    if left_out:
        print(f"not asked for: {', '.join(left_out)}")
    print(f"{report.took_s:.0f} s in all")
    if given.json is not None:
        given.json.write_bytes(msgspec.json.encode(report))
    return 1 if report.failed else 0


def _say(text: str) -> None:
    print(f"{text}\n", flush=True)


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
