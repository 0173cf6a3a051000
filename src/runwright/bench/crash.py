"""W5: the process is killed in the middle of a chain, and another one ends it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from runwright.bench import processes
from runwright.bench.resume import MARK, Life
from runwright.bench.sizes import Sizes
from runwright.bench.tables import Goal, Table, judged, median_and_best

POLL_S = 0.001
PATIENCE_S = 30.0


class Crash(NamedTuple):
    """How one crash ended.

    again    executions beyond one for each step
    lost     steps without a result
    ready_s  from the second process being ready to the end of the run
    spawn_s  from its start
    """

    again: int
    lost: int
    ready_s: float
    spawn_s: float


def tables(sizes: Sizes, disk: Path) -> list[Table]:
    """Return what a kill costs, raw and Runwright in turns."""
    crashes: dict[str, list[Crash]] = {"raw": [], "runwright": []}
    for _ in range(sizes.rounds):
        crashes["raw"].append(_crash("raw", sizes, disk))
        crashes["runwright"].append(_crash("runwright", sizes, disk))
    table = Table(
        f"W5 SIGKILL after {sizes.crash_after} of {sizes.crash_steps} steps of 5 ms, on disk",
        "runwright bench w5",
        ("median (best)", "raw", "Runwright", "goal", "met"),
        notes=[f"{sizes.rounds} crashes of each; for counts the worst is shown"],
        samples={name: [crash._asdict() for crash in found] for name, found in crashes.items()},
    )
    for title, field, goal in (
        ("steps run again", "again", Goal(1)),
        ("finished steps lost", "lost", Goal(0)),
    ):
        raw, own = (max(getattr(c, field) for c in crashes[name]) for name in ("raw", "runwright"))
        table.rows.append((title, str(raw), str(own), *judged(own, goal)))
    for title, field, limit in (
        ("s from ready to the end", "ready_s", None),
        ("s from spawn to the end", "spawn_s", Goal(0.65)),
    ):
        raw_s, own_s = ([getattr(c, field) for c in crashes[name]] for name in ("raw", "runwright"))
        middle_s = sorted(own_s)[len(own_s) // 2]
        table.rows.append((title, median_and_best(raw_s), median_and_best(own_s), *judged(middle_s, limit)))
    return [table]


def _crash(subject: Literal["raw", "runwright"], sizes: Sizes, disk: Path) -> Crash:
    with processes.scratch(disk) as folder:
        life = Life(subject, str(folder), sizes.crash_steps, first=True)
        first = _spawn(life, folder)
        executions = folder / "executions"
        _until_lines(executions, sizes.crash_after, first)
        first.kill()
        first.communicate()
        began_s = time.monotonic()
        second = _spawn(msgspec.structs.replace(life, first=False), folder)
        told, _ = second.communicate(timeout=PATIENCE_S)
        lines = [line.split() for line in told.decode().splitlines() if line.startswith(MARK)]
        (_, ready_s, _), (_, end_s, steps) = lines
        count = len(executions.read_bytes().splitlines())
        return Crash(
            again=count - sizes.crash_steps,
            lost=sizes.crash_steps - int(steps),
            ready_s=float(end_s) - float(ready_s),
            spawn_s=float(end_s) - began_s,
        )


def _spawn(life: Life, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        processes.python("-m", "runwright.bench.resume"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=processes.environment(),
        cwd=folder,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(life) + b"\n")
    process.stdin.flush()
    return process


def _until_lines(path: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file has so many lines."""
    until_s = time.monotonic() + PATIENCE_S
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        if process.poll() is not None or time.monotonic() > until_s:
            process.kill()
            raise RuntimeError(f"W5: there were no {lines} executions")
        time.sleep(POLL_S)
