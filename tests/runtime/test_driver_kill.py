"""A real process is killed at a dozen random moments, and carried on with: nothing is lost, nothing repeated."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engines.places import Place, place_of
from runwright.core import events as ev
from runwright.core.codec import EMPTY, verified
from runwright.core.events import Event
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.run import fold
from runwright.ports import RunFilter
from runwright.testing.waiting import wait_until

KILLS, RUNS, SEED, PATIENCE_S = 12, 40, 20_261_122, 300.0
TESTS = Path(__file__).parent.parent


def _start(folder: Path, place: Place) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engines.process", str(folder), str(RUNS), str(place)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)})


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def _histories(place: Place) -> dict[str, list[Event]]:
    """Every run's events, each chain verified."""
    store = place_of(place)
    await store.open()
    journal = store.journal
    found = {}
    for row in await journal.runs(DEFAULT_TENANT, RunFilter(), None, 1_000):
        history = await journal.history(DEFAULT_TENANT, row.run_id)
        found[row.run_id] = verified(history.records, EMPTY, history.tip)
        assert fold(row.run_id, found[row.run_id]).status == row.status
    await store.close()
    return found


@pytest.mark.long
async def test_a_killed_process_loses_nothing_and_repeats_nothing(tmp_path: Path, place: Place) -> None:
    """Four witnesses agree: what was accepted, the journal, the effects, and how often the process was killed."""
    dice = random.Random(SEED)
    effects, killed_at_work = tmp_path / "effects", 0
    for _ in range(KILLS):
        enough = len(_lines(effects)) + dice.randint(0, 9)
        with _start(tmp_path, place) as process:
            await wait_until(
                lambda enough=enough, process=process: (
                    len(_lines(effects)) > enough or process.poll() is not None
                ),
                PATIENCE_S,
                "effects of the process",
            )
            killed_at_work += process.poll() is None
            process.send_signal(signal.SIGKILL)
    with _start(tmp_path, place) as process:
        assert process.wait(PATIENCE_S) == 0
    runs = await _histories(place)
    done = Counter(tuple(line.split()[:3]) for line in _lines(effects))
    started = {
        (run_id, str(event.step_number), str(event.fact.attempt)): event.fact
        for run_id, events in runs.items()
        for event in events
        if isinstance(event.fact, ev.StepStarted)
    }

    assert killed_at_work == KILLS  # else the cell is void
    assert any(fact.after_crash for fact in started.values())
    assert set(_lines(tmp_path / "accepted")) <= set(runs)
    assert len(_lines(tmp_path / "accepted")) == RUNS
    assert set(done.values()) == {1}
    assert set(done) <= set(started)
    _check_keys(_lines(effects))
    for run_id, events in runs.items():
        _check_run(run_id, events, done)


def _check_keys(lines: list[str]) -> None:
    """One key a step over all attempts and processes, and no key for two steps."""
    steps_of_key: dict[str, set[tuple[str, str]]] = {}
    for run_id, number, _, key in map(str.split, lines):
        steps_of_key.setdefault(key, set()).add((run_id, number))

    assert all(len(steps) == 1 for steps in steps_of_key.values())
    assert len(steps_of_key) == len({step for steps in steps_of_key.values() for step in steps})


def _check_run(run_id: str, events: list[Event], done: Counter[tuple[str, ...]]) -> None:
    """The run is over; a finished step was not called again; an unsafe one was called once."""
    run = fold(RunId(run_id), events)
    assert run.is_over
    unknown = [s for s in run.steps if s.status == "unknown"]
    assert run.status == ("failed" if unknown else "completed")
    for event in events:
        if isinstance(event.fact, ev.StepSucceeded):
            number = str(event.step_number)
            assert done[run_id, number, str(event.fact.attempt)] == 1
            later = [attempt for of, n, attempt in done if (of, n) == (run_id, number)]
            assert max(map(int, later)) == event.fact.attempt
    assert run.plan is not None
    for step in run.plan.steps:
        if step.tool_name == "unsafe":
            assert sum(done[key] for key in done if key[:2] == (run_id, str(step.step_number))) <= 1
