"""A server that is asked to end loses nothing, repeats nothing and breaks no request."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crash.cells import ROLLING
from crash.server import SETTINGS
from crash.session import Session
from runwright.bootstrap import application
from runwright.core.declare import tool
from runwright.core.drafts import draft_of
from runwright.core.ids import DEFAULT_TENANT
from runwright.ports import Created
from runwright.runtime.requests import NewRun
from runwright.settings import Settings

RESTARTS = 6


@pytest.mark.long
async def test_rolling_restarts_under_load_cost_nothing(tmp_path: Path) -> None:
    """Each server ends with 0 within its grace while clients go on; no step is executed twice."""
    session = Session(tmp_path / "session", [ROLLING] * RESTARTS, 3)
    findings = await session.run()
    print(f"drains took {[round(s, 2) for s in session.drain_s]} s")

    assert not findings.wrong and not session.failures, (findings.wrong, session.failures)
    assert session.observed == [True] * RESTARTS
    assert findings.extra.total() == findings.again.total() == findings.lost.total() == 0
    assert max(session.drain_s) < float(SETTINGS["RUNWRIGHT_DRAIN_GRACE_S"])
    assert not cut_off(tmp_path / "session")
    assert findings.accepted > 8 * RESTARTS


def cut_off(folder: Path) -> list[str]:
    """Return the events that say that a process ended while a tool was at work."""
    with closing(sqlite3.connect(folder / "runs.db")) as con:
        everything = "SELECT body FROM events UNION ALL SELECT document AS body FROM run_archive"
        found = f"SELECT body FROM ({everything}) WHERE body LIKE '%after_crash%' OR body LIKE '%the process ended%'"
        return [body.decode() for (body,) in con.execute(found)]


async def test_a_step_that_was_recorded_while_the_end_began_is_carried_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsafe step whose start is on record is called here, once; the next process has nothing to guess."""
    calls: list[int] = []

    @tool(effects="unsafe")
    async def note(n: int) -> int:
        calls.append(n)
        return n

    steps = [
        {"step_number": 1, "tool_name": "note", "tool_input": {"n": 1}},
        {"step_number": 2, "tool_name": "note", "tool_input": {"n": 2}, "depends_on": [1]},
    ]
    new = NewRun("", draft_of({"goal": "g", "steps": steps}))
    async with application(settings, [note]) as app:
        create = app.engine.journal.create

        async def created_at_the_end(*args: Any, **more: Any) -> Created:
            app.worker.let_go()  # the first turn is decided, and about to be recorded
            return await create(*args, **more)

        monkeypatch.setattr(app.engine.journal, "create", created_at_the_end)
        run_id = (await app.service.submit(DEFAULT_TENANT, new)).run.run_id
        await app.worker.drain(10.0)
        between = [step.status for step in (await app.service.run(DEFAULT_TENANT, run_id)).steps]
    async with application(settings, [note]) as app:
        ended = await app.worker.ended(run_id)

    assert between == ["succeeded", "pending"]
    assert ended is not None and ended.status == "completed"
    assert calls == [1, 2]
