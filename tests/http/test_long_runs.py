"""A long run is read beside everything else: a few at a time, away from the loop, and not at all for who has it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from runwright.bootstrap import Application
from runwright.ports import History
from runwright.runtime import reading
from runwright.runtime.reading import LONG_AT_ONCE_MAX, SHORT_EVENTS_MAX

STEPS = [
    {"step_number": number, "tool_name": "calculator", "tool_input": {"expression": f"{number} + 1"}}
    for number in range(1, SHORT_EVENTS_MAX)
]


@pytest.fixture
async def long_run(client: httpx2.AsyncClient) -> str:
    """The address of a run of more events than are read at once."""
    body = {"plan": {"goal": "g", "steps": STEPS}}
    answer = await client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=30"})
    assert answer.json()["status"] == "completed"
    return f"/api/v1/runs/{answer.json()['run_id']}"


async def test_who_has_the_newest_version_is_told_so_without_reading_it(
    app: Application, client: httpx2.AsyncClient, long_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again and again costs next to nothing; another version is read."""
    version = (await client.get(long_run)).headers["etag"]
    read, history = 0, app.engine.journal.history

    async def counted(*asked: Any) -> History:
        nonlocal read
        read += 1
        return await history(*asked)

    monkeypatch.setattr(app.engine.journal, "history", counted)
    again = [await client.get(long_run, headers={"If-None-Match": version}) for _ in range(5)]

    assert [(answer.status_code, answer.headers["etag"]) for answer in again] == [(304, version)] * 5
    assert read == 0
    other = await client.get(long_run, headers={"If-None-Match": 'W/"1"'})
    assert (other.status_code, other.headers["etag"], read) == (200, version, 1)


async def test_a_large_run_is_put_together_away_from_the_loop(
    client: httpx2.AsyncClient, long_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask for it, a few at a time; the answer is the same."""
    before, threads, at_once, most = (await client.get(long_run)).json(), set[int](), 0, 0
    made, lock = reading.folded, threading.Lock()

    def noted(history: History) -> Any:
        nonlocal at_once, most
        threads.add(threading.get_ident())
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return made(history)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(reading, "LARGE_BYTES", 0)
    monkeypatch.setattr(reading, "folded", noted)
    answers = await asyncio.gather(*(client.get(long_run) for _ in range(10)))

    assert all(answer.json() == before for answer in answers)
    assert threads and threading.get_ident() not in threads
    assert most <= LONG_AT_ONCE_MAX
