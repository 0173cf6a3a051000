"""Archivers are killed at every point, on either store, and several work at once: each run is there once and whole."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runwright.archive_port import Archive
from runwright.bootstrap import Application, application
from runwright.core.codec import EMPTY, verified
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.crash_points import POINTS
from runwright.ports import History, RunFilter
from runwright.settings import Settings

RUNS = 45
ARCHIVE_POINTS = sorted(point for point in POINTS if point.startswith("archive."))
PLAN = """{"goal": "g", "steps": [{"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "6 * 7"}}]}"""
MAKE = f"""
import asyncio, json
from runwright import Runwright

async def main():
    async with Runwright() as rt:
        await asyncio.gather(*(rt.run(plan=json.loads({PLAN!r})) for _ in range({RUNS})))

asyncio.run(main())
"""
ARCHIVE = """
import asyncio
import json
from runwright.bootstrap import application
from runwright.settings import Settings

async def main():
    async with application(Settings(archive_after_s=0), take_up=False) as app:
        await app.caretaker.archive_once()

asyncio.run(main())
"""


def process(place: Path | str, program: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """A process that carries a program out on a store, with its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    env = {**clean, "RUNWRIGHT_DATABASE_URL": url, "RUNWRIGHT_ARCHIVE_AFTER_S": "0", **more}
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, timeout=300)


def settings_of(place: Path | str) -> Settings:
    return Settings(database_url=place if isinstance(place, str) else f"sqlite:///{place}", archive_after_s=0)


async def read(app: Application) -> dict[RunId, History]:
    """Every run as the journal tells of it, chains and ends verified."""
    rows = await app.service.runs(DEFAULT_TENANT, RunFilter(), None, 100)
    found = {}
    for item in rows.items:
        run_id = RunId(json.loads(item)["run_id"])
        found[run_id] = await app.engine.journal.history(DEFAULT_TENANT, run_id)
        verified(found[run_id].records, EMPTY, found[run_id].tip, run_id)
    return found


@pytest.mark.parametrize("point", ARCHIVE_POINTS)
async def test_a_killed_archiver_leaves_every_run_whole(place: Path | str, point: str) -> None:
    """It dies in the second batch; runs read the same then, and after another has moved all of them, twice."""
    made = await asyncio.to_thread(process, place, MAKE)
    assert made.returncode == 0, made.stderr.decode()
    async with application(settings_of(place), take_up=False) as app:
        before = await read(app)
    died = await asyncio.to_thread(process, place, ARCHIVE, RUNWRIGHT_CRASH_AT=f"{point}:2")
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()  # else nothing was put to the test
    async with application(settings_of(place), take_up=False) as app:
        between, hot = await read(app), await app.store.archive.hot(list(before))
        await asyncio.gather(*(app.caretaker.archive_once() for _ in range(2)))
        after = await read(app)
        left, copies = await app.store.archive.hot(list(before)), await copied(app.store.archive, before)

    assert len(before) == RUNS
    assert 0 < len(hot) < RUNS or point != "archive.before_commit"
    assert before == between == after == copies
    assert not left


async def copied(archive: Archive, runs: dict[RunId, History]) -> dict[RunId, History]:
    return {one.run_id: one for one in await archive.copies(list(runs))}
