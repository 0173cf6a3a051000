"""What has no noise is held to its goal in every build: fsyncs, bytes of the log, steps run again, dataflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runwright.bench import processes
from runwright.bench.repetition import Measured, Order
from runwright.bench.sizes import LEAST

PAGES_KIB_MAX = 20.2  # five pages of SQLite's log and their heads


def measured(folder: Path, *arguments: str, path: str | None = None) -> dict[str, Any]:
    """Run `runwright bench` in a folder, as somebody who has installed it; return its tables by title."""
    environment: Mapping[str, str] = os.environ if path is None else {**os.environ, "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "runwright", "bench", *arguments, "--smoke", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) == []
    return {table["title"]: table for table in json.loads(done.stdout)["tables"]}


def test_a_chain_step_costs_one_fsync(tmp_path: Path) -> None:
    """As the raw journal: one fsync for a step of a chain, and the log grows by a few pages."""
    counted = measured(tmp_path, "w1")["Fsyncs"]["samples"]["w1"]

    assert counted["raw"]["fsyncs"] == counted["runwright"]["fsyncs"] == 1.0
    assert 0 < counted["runwright"]["log_kib"] <= PAGES_KIB_MAX


def test_without_strace_the_commits_are_counted(tmp_path: Path) -> None:
    """Where nothing can be traced the writer's own count stands in, and the table says so."""
    table = measured(tmp_path, "w1", path="/nowhere")["Fsyncs"]

    assert table["samples"]["traced"] is False
    assert table["samples"]["w1"]["runwright"]["fsyncs"] == 1.0
    assert "as counted by the writer" in table["notes"][0]


def test_runs_that_start_together_share_commits(tmp_path: Path) -> None:
    """Runs that are under way together do not pay for each other's fsyncs."""
    counted = measured(tmp_path, "w3")["Fsyncs"]["samples"]["w3"]

    assert counted["runwright"]["fsyncs"] < 0.7


def test_a_kill_repeats_one_step_at_most(tmp_path: Path) -> None:
    """After a SIGKILL no finished step is lost, and only the one in flight is run again."""
    (table,) = measured(tmp_path, "w5").values()
    (crash,) = table["samples"]["runwright"]

    assert crash["lost"] == 0
    assert 0 <= crash["again"] <= 1


def test_steps_do_not_wait_for_whole_levels(tmp_path: Path) -> None:
    """W4 comes near its critical path; whoever waits for levels needs a third more, whatever the noise."""
    for unit_s in (0.3, 1.0, 5.0):  # what a busy machine adds does not grow with it; what waiting costs does
        order = Order("runwright", str(tmp_path), LEAST._replace(path_unit_s=unit_s), ["w4"], warm=False)
        ratio = min(processes.answer("runwright.bench.repetition", order, Measured, tmp_path).w4_ratio)
        if ratio < 1.25:
            break

    assert 1.0 <= ratio < 1.25


def test_a_crowd_ends_whole(tmp_path: Path) -> None:
    """Every run of W6 gives the right results."""
    (table,) = measured(tmp_path, "w6").values()

    assert {name: crowd["right_steps"] for name, crowd in table["samples"].items()} == {
        "raw 5": 10,
        "runwright 5": 10,
        "raw 20": 40,
        "runwright 20": 40,
    }
