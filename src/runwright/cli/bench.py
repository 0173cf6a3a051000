"""`runwright bench`: what durable steps cost on this machine, beside a journal that does nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runwright.cli.failures import DONE, FAILED, Unusable
from runwright.cli.options import AsJson

PARTS = ("w1", "w2", "w3", "w4", "w5", "w6")


def bench(
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="[PART]...", help=f"Of {', '.join(PARTS)}; all without.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One round instead of three.")] = False,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The disk that is measured; nothing is left there.")
    ] = Path(),
    as_json: AsJson = False,
    smoke: Annotated[bool, typer.Option("--smoke", hidden=True)] = False,
) -> None:
    """Measure what durable steps cost on this machine, in rounds with a raw journal, beside the goals.

    \b
    w1  a chain of 100 steps                w4  two ways through five steps
    w2  100 steps at once, then a join      w5  a SIGKILL in the middle of a chain
    w3  200 runs at once, 10 steps each     w6  1,000 and 10,000 runs at once, 5 steps each

    Only ratios to raw in the same run mean something. Exit status: 0 when everything could be measured.

    \b
    Examples:
      runwright bench --quick
      runwright bench w1 w3 --folder /var/lib/runwright
    """
    from runwright.bench import machine, report, sizes
    from runwright.bench.tables import Table
    from runwright.cli.results import machine as as_line

    asked = parts or PARTS
    if unknown := [part for part in asked if part not in PARTS]:
        raise Unusable(f"no such part: {', '.join(unknown)}", hint=f"there are {', '.join(PARTS)}")
    if not os.access(folder, os.W_OK):
        raise Unusable(f"databases cannot be made in {folder}", hint="name a folder with --folder")
    if not machine.can_be_read():
        raise Unusable("memory and processor time are read from /proc, which is not there")

    def say(text: str) -> None:
        if not as_json:
            print(f"{text}\n", flush=True)

    size = sizes.LEAST if smoke else sizes.QUICK if quick else sizes.FULL
    made = report.Report(machine.described())
    say(made.machine)
    disk = folder.resolve()
    report.measured(made, report.parts(asked, size, disk), disk, say, Table.aligned)
    if as_json:
        print(as_line(made))
    else:
        print(f"{made.took_s:.0f} s in all")
    raise typer.Exit(FAILED if made.failed else DONE)
