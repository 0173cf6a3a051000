"""Ended runs are kept as long as the settings and their tenant say, on either store."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runwright import Runwright
from runwright.settings import Settings

PLAN = {
    "goal": "g",
    "steps": [{"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "6 * 7"}}],
}
# ten days from now; nothing else of the command is touched
LATER = "import time; now = time.time; time.time = lambda: now() + 10 * 86_400; import sys; from runwright.cli import main; sys.exit(main())"


def url_of(place: Path | str) -> str:
    return place if isinstance(place, str) else f"sqlite:///{place}"


def command(place: Path | str, *words: str, later: bool = False, **more: str) -> str:
    """What a command prints, now or in ten days."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    env = {**clean, "RUNWRIGHT_DATABASE_URL": url_of(place), **more}
    program = ["-c", LATER] if later else ["-m", "runwright"]
    done = subprocess.run(
        [sys.executable, *program, *words], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def three_runs_each(place: Path | str) -> None:
    """Ended runs of two tenants."""
    for tenant in ("team-a", "team-b"):
        async with Runwright(settings=Settings(database_url=url_of(place)), tenant=tenant) as rt:
            await asyncio.gather(*(rt.run(plan=PLAN) for _ in range(3)))


async def left(place: Path | str, tenant: str) -> int:
    async with Runwright(settings=Settings(database_url=url_of(place)), tenant=tenant) as rt:
        return len(await rt.runs())


async def test_db_gc_says_what_it_would_delete_and_deletes_it(place: Path | str) -> None:
    """By default nothing is; a tenant's own days win over the setting; what goes on is never deleted."""
    await three_runs_each(place)

    async def gc(*words: str, **more: Any) -> Any:
        return json.loads(await asyncio.to_thread(command, place, "db", "gc", "--json", *words, **more))

    for_ever = await gc(later=True)
    await asyncio.to_thread(command, place, "tenants", "set", "team-b", "--retention-days", "30")
    today = await gc("--dry-run", RUNWRIGHT_RETENTION_DAYS="7")
    dry = await gc("--dry-run", later=True, RUNWRIGHT_RETENTION_DAYS="7")
    counts = [await left(place, tenant) for tenant in ("team-a", "team-b")]
    done = await gc(later=True, RUNWRIGHT_RETENTION_DAYS="7")
    again = await asyncio.to_thread(command, place, "db", "gc", later=True, RUNWRIGHT_RETENTION_DAYS="7")

    assert for_ever["tenants"] == today["tenants"] == []
    assert [(one["tenant"], one["runs"]) for one in dry["tenants"]] == [("team-a", 3)]
    assert dry["tenants"][0]["bytes"] > 1_000
    assert counts == [3, 3]
    assert done == {**dry, "dry_run": False}
    assert again == "no runs deleted\n0 expired idempotency keys and 0 tickets deleted\n"
    assert [await left(place, tenant) for tenant in ("team-a", "team-b")] == [0, 3]
    noted = await asyncio.to_thread(command, place, "audit", "list", "--what", "garbage.collected", "--json")
    deeds = [(one["tenant"], one["subject"], bool(one["who"])) for one in json.loads(noted)["items"]]
    assert deeds == [("team-a", "3 runs", True)]


async def test_a_server_deletes_what_is_over_by_itself(
    place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks when it starts, and every ten minutes after that."""
    await three_runs_each(place)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 10 * 86_400)
    settings = Settings(database_url=url_of(place), retention_days=7)
    async with Runwright(settings=settings, tenant="team-b") as rt, asyncio.timeout(60):
        while await rt.runs():
            await asyncio.sleep(0.05)
