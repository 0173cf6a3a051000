"""A full disk is said, leaves nothing half done, and is over as soon as there is room again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from acceptance.serving import ServerProcess, serving
from crash.checker import TERMINAL, stories_in
from crash.server import TOOLS

DISK = "4m"
RECOVERY_S_MAX = 30.0  # five seconds are promised, on a machine that is not busy
CREATIONS_MAX = 400
RUNS = "/api/v1/runs"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk of {DISK} cannot be mounted here: {error}")
    (place / "server.log").symlink_to(tmp_path / "server.log")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(ballast: Path) -> None:
    """Leave no room on the disk."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def long_run(server: ServerProcess) -> str:
    """Return the id of a run that is under way for a while, with steps to be recorded all the time."""
    steps: list[dict[str, Any]] = [
        {
            "step_number": n,
            "tool_name": "keyed",
            "tool_input": {"n": n, "pause_s": 0.05},
            "depends_on": list(range(n - 1, max(0, n - 2), -1)),
        }
        for n in range(1, 31)
    ]
    run_id: str = server.client.post(RUNS, json={"plan": {"goal": "g", "steps": steps}}).json()["run_id"]
    return run_id


def until_refused(server: ServerProcess) -> tuple[list[str], dict[str, Any]]:
    """Create runs until one is refused; return the accepted ones and the refusal."""
    accepted = []
    for n in range(CREATIONS_MAX):
        body = {"prompt": f"calculate {n} + 1", "metadata": {"ballast": "x" * 12_000}}
        answer = server.client.post(RUNS, json=body)
        if answer.status_code != 201:
            assert answer.status_code == 503 and answer.headers["Retry-After"]
            return accepted, answer.json()
        accepted.append(answer.json()["run_id"])
    pytest.fail("the disk never was full: the test is void")


def listed(server: ServerProcess) -> set[str]:
    ids: set[str] = set()
    cursor = ""
    while cursor is not None:
        page = server.client.get(f"{RUNS}?limit=100{cursor and '&cursor=' + cursor}").json()
        ids |= {item["run_id"] for item in page["items"]}
        cursor = page["next_cursor"]
    return ids


def test_a_full_disk_refuses_creations_and_loses_nothing(disk: Path, tmp_path: Path) -> None:
    """503 with the reason; nothing of what was refused is there; five seconds after there is room all goes on."""
    database, ballast = disk / "runs.db", disk / "ballast"
    effects = {"CRASH_EFFECTS": str(tmp_path / "effects")}
    with serving(database, "--tools", str(TOOLS), **effects) as server:
        accepted = [long_run(server)]
        fill(ballast)
        more, refusal = until_refused(server)
        accepted += more
        refused_at = len(more)
        health = server.client.get("/health/ready")
        between = listed(server)
        ballast.unlink()
        began_s = time.monotonic()
        body = {"prompt": "calculate 6 * 7"}
        while (again := server.client.post(RUNS, json=body)).status_code == 503:
            assert time.monotonic() < began_s + RECOVERY_S_MAX
        recovered_s = time.monotonic() - began_s
        accepted.append(again.json()["run_id"])
        ends = {}
        for run_id in accepted:
            with server.client.stream("GET", f"{RUNS}/{run_id}/events") as stream:
                assert "event: end" in list(stream.iter_lines())
            ends[run_id] = server.client.get(f"{RUNS}/{run_id}").json()["status"]
        status = server.stop()
    print(f"refused at creation {refused_at + 1}; {recovered_s:.2f} s from room to the next run")

    assert refusal["code"] == "journal_unavailable" and "full" in refusal["detail"]
    assert health.status_code == 503
    assert between == set(accepted[:-1])
    assert set(ends.values()) == {"completed"}
    assert status == 0
    stories = stories_in(disk)
    assert set(stories) == set(accepted)
    assert not [fault for story in stories.values() for fault in story.faults()]
    assert {story.status for story in stories.values()} <= set(TERMINAL.values())
    with closing(sqlite3.connect(database)) as con:
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert os.statvfs(disk).f_bavail > 0
