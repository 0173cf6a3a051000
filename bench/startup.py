"""How long it takes until something answers: the server, the command line, the library."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench import checkout
from bench.server import healthy, started
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.tables import Goal, Table, judged, median_and_best

COMMAND = "python -m bench startup"


def tables(sizes: Sizes) -> list[Table]:
    """Return the time to the first answer of each entrance."""
    table = Table("Start", COMMAND, ("s, median (best)", "n", "Runwright", "goal", "met"))
    python_s = _repeated(sizes.commands, lambda folder: _command_s(folder, "-c", "pass"))
    rows: tuple[tuple[str, list[float], Goal | None], ...] = (
        (
            "server: process start to the first 200 of /health/live, new database",
            _repeated(sizes.starts, _healthy_s),
            Goal(1.0),
        ),
        (
            'runwright run "2+2", new database',
            _repeated(
                sizes.commands, lambda folder: _command_s(folder, "-m", "runwright", "run", "2+2", said="4")
            ),
            Goal(0.8),
        ),
        (
            "runwright --help",
            _repeated(
                sizes.commands, lambda folder: _command_s(folder, "-m", "runwright", "--help", said="serve")
            ),
            Goal(0.5),
        ),
        (
            "python -c 'from runwright import Runwright, tool'",
            _repeated(
                sizes.commands,
                lambda folder: _command_s(folder, "-c", "from runwright import Runwright, tool"),
            ),
            None,
        ),
        ("python -c pass, for comparison", python_s, None),
    )
    for title, took_s, goal in rows:
        table.rows.append((title, str(len(took_s)), median_and_best(took_s), *judged(median(took_s), goal)))
        table.samples[title] = took_s
    return [table]


def _repeated(times: int, measure: Callable[[Path], float]) -> list[float]:
    took_s = []
    for _ in range(times):
        with checkout.scratch() as folder:
            took_s.append(measure(folder))
    return took_s


def _healthy_s(folder: Path) -> float:
    with (folder / "log").open("wb") as log:
        began_s = time.perf_counter()
        process = started(folder, log)
        try:
            healthy(folder, process)
            return time.perf_counter() - began_s
        finally:
            process.terminate()
            process.wait()


def _command_s(folder: Path, *arguments: str, said: str = "") -> float:
    """Run Python to its end; `said` must be in what it prints."""
    began_s = time.perf_counter()
    done = subprocess.run(
        processes.python(*arguments),
        capture_output=True,
        text=True,
        env=processes.environment(RUNWRIGHT_DATABASE_URL=f"sqlite:///{folder / 'start.db'}"),
        cwd=folder,
        check=True,
    )
    took_s = time.perf_counter() - began_s
    if said not in done.stdout:
        raise RuntimeError(f"{arguments} printed {done.stdout[:500]!r}, without {said!r}")
    return took_s
