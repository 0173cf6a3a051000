"""The benchmarks carry out what they say they measure; what they measure is of no interest here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, SAMPLES = 1, 1
CHAIN, FAN, PATH = 5, 5 + 1, 5
RUNS = 4 * 3


def measured(folder: Path, *parts: str, data: Path | None = None) -> dict[str, Any]:
    """Run parts of the benchmark at their least sizes; return the tables of its report by title."""
    named = {"RUNWRIGHT_EVAL_DATA": str(data)} if data else {}
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *parts, "--smoke", "--json", str(report)],
        cwd=ROOT,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {table["title"]: table for table in json.loads(report.read_bytes())["tables"]}


def cells(table: dict[str, Any], row: str) -> dict[str, str]:
    """Return one row of a table by column."""
    return next(dict(zip(table["columns"], found, strict=True)) for found in table["rows"] if found[0] == row)


def test_every_step_of_the_workloads_is_carried_out(tmp_path: Path) -> None:
    """Raw, with and without a journal, and Runwright give a right result for every step of W1 to W4.

    Commits are counted for raw and for Runwright, and there are none without a journal.
    """
    table = measured(tmp_path, "w1", "w2", "w3", "w4")["Workloads on disk"]
    commits = {name: [process["commits"] for process in found] for name, found in table["samples"].items()}

    assert all(count == 0.0 for counts in commits["none"] for count in counts)
    assert all(count > 0 for name in ("raw", "runwright") for counts in commits[name] for count in counts)
    for subject in ("none", "raw", "runwright"):
        steps = [process["steps"] for process in table["samples"][subject]]
        assert steps == [SAMPLES * (CHAIN + FAN + PATH) + RUNS] * ROUNDS


def test_a_killed_chain_is_ended_by_the_next_process(tmp_path: Path) -> None:
    """In W5 no step is lost and at most the one in flight is executed again."""
    (table,) = measured(tmp_path, "w5").values()

    for subject in ("raw", "runwright"):
        (crash,) = table["samples"][subject]
        assert crash["lost"] == 0
        assert 0 <= crash["again"] <= 1


def test_every_run_over_http_completes_with_the_right_result(tmp_path: Path) -> None:
    """The client counts as many right results as it has sent runs, alone, in a crowd, and at every store."""
    tables = measured(tmp_path, "http")
    blocks = tables["HTTP: `calculate 2 + 2`, created to completed"]["samples"]
    (todos,) = (table for title, table in tables.items() if "list todos" in title)

    assert {name: block["right"] for name, block in blocks.items()} == {
        "alone": 3,
        "crowd": 8,
        "alone, waiting": 2,
        "crowd, waiting": 4,
    }
    assert all(block["completed"] == block["runs"] for block in blocks.values())
    assert {stored: block["completed"] for stored, block in todos["samples"].items()} == {"0": 4, "5": 4}


def test_every_entrance_answers(tmp_path: Path) -> None:
    """The server, the command line and the library are started, and what they say is checked."""
    (table,) = measured(tmp_path, "startup").values()

    assert len(table["samples"]) == len(table["rows"]) == 5
    assert all(len(took_s) == 1 for took_s in table["samples"].values())


def test_checks_expressions_and_prompts_are_tried(tmp_path: Path) -> None:
    """The plan of the check is sound, and every hard expression and long prompt gets its turn."""
    (table,) = measured(tmp_path, "check").values()

    assert table["samples"] == {
        "checks": 2,
        "expressions": 25,
        "prompts": ["clauses", "one sum", "words", "commas"],
    }


def test_real_plans_are_carried_out_whole(tmp_path: Path, eval_data: Path) -> None:
    """Of the AsyncHow plans every step gives a right result, in raw and in Runwright."""
    (table,) = measured(tmp_path, "asynchow", data=eval_data).values()
    samples = table["samples"]

    assert samples["records"] == 2
    for subject in ("none", "raw", "runwright"):
        assert samples[f"steps of {subject}"] == samples["steps in the plans"] > 0


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """Without the evaluation data the real plans are skipped in so many words."""
    (table,) = measured(tmp_path, "asynchow", data=tmp_path).values()

    assert table["rows"] == []
    assert "skipped" in table["notes"][0]


@pytest.mark.parametrize("mark", ["--markdown", "--quick"])
def test_unknown_parts_are_refused(mark: str) -> None:
    """A part that does not exist ends the benchmark before anything is measured, with the names that do."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "w9", mark], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no such part: w9; there are w1, w2" in done.stderr
    assert done.stdout == ""


def test_a_past_and_what_a_crash_has_left_are_there(tmp_path: Path) -> None:
    """Every run that was left is ended by the server, and every question about the past is answered."""
    (table,) = measured(tmp_path, "history").values()

    assert table["samples"]["long"]["runs"] == 30
    assert all(len(times) == 2 for times in table["samples"]["long"]["reads"].values())


def test_isolations_are_measured_with_their_host(tmp_path: Path) -> None:
    """Every isolation has its figures, and the tool host has a size."""
    (table,) = measured(tmp_path, "isolation").values()

    assert [row[0] for row in table["rows"]] == ["inline", "thread", "process"]
    assert table["samples"]["host_kib"]["resident"] > 0


def test_many_clients_at_once_are_all_served(tmp_path: Path) -> None:
    """Whoever comes in a crowd gets the right result, waiting for it or asking for it."""
    (table,) = measured(tmp_path, "many").values()

    assert [crowd["seen"]["right"] for crowd in table["samples"].values()] == [20, 20]


def test_whoever_looks_on_sees_every_run_and_every_step(tmp_path: Path) -> None:
    """Metrics, lines of the log and spans of one run in ten; the bench itself fails where they disagree."""
    (table,) = measured(tmp_path, "observing").values()
    runs, steps = 4 * 2, 4 * 2 * 3  # the round that warms up included

    assert table["samples"]["told"] == {who: {"runs": runs, "steps": steps} for who in ("counted", "traced")}
    assert table["samples"]["lines"] == 2 * 2 * runs
    assert table["samples"]["spans"]["step work"] == 2 * 3
    assert len(table["rows"]) == 3


def test_an_archive_is_filled_and_asked(tmp_path: Path) -> None:
    """Every run that has ended is moved, and what is asked of a cold archive finds what is there."""
    tables = measured(tmp_path, "archive", "cold")
    moved = tables["Moving ended runs to the archive"]["samples"]["moved"]
    asked = tables["A cold archive of 200 runs"]["samples"]

    assert moved[0]["runs"] == 30
    for found in asked.values():
        assert found["newest"]["found"] == 20
        assert found["q= a word of one prompt"]["found"] == 1
        assert found["status=failed (none)"]["found"] == found["tool=todo_add (none)"]["found"] == 0
        assert 0 < found["tool=seldom (2 %)"]["found"] < 20
