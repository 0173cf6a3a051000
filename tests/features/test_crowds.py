"""Many more runs at once than are driven at once: none is lost, the rest waits or is refused early."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

from runwright import Runwright, Settings, tool
from runwright.asgi import parts_of
from runwright.bootstrap import application
from runwright.core.declare import DeclaredTool
from runwright.http.app import http_app
from runwright.testing.waiting import wait_until

RUNS, STEPS, AT_ONCE = 1_000, 5, 50
CHAIN: dict[str, Any] = {
    "goal": "a chain",
    "steps": [
        {"step_number": n, "tool_name": "counted", "tool_input": {}, "depends_on": [n - 1] if n > 1 else []}
        for n in range(1, STEPS + 1)
    ],
}


class Counted:
    """A tool that counts its calls, and how many runs were driven when it was called."""

    def __init__(self) -> None:
        self.calls = self.in_hand = 0
        self.look = lambda: 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    @property
    def tool(self) -> DeclaredTool:
        @tool(effects="pure")
        async def counted() -> int:
            self.calls += 1
            self.in_hand = max(self.in_hand, self.look())
            await self.go_on.wait()
            return self.calls

        return counted


async def test_a_crowd_of_runs_is_driven_a_few_at_a_time(settings: Settings) -> None:
    """A thousand runs started at the same moment all complete, and never are more in hand than may be."""
    work = Counted()
    few = settings.model_copy(update={"runs_at_once_max": AT_ONCE})
    async with Runwright(tools=[work.tool], settings=few) as runtime:
        work.look = lambda: runtime._running.worker.in_hand
        runs = await asyncio.gather(*(runtime.run(plan=CHAIN) for _ in range(RUNS)))

    assert Counter(run.status for run in runs) == {"completed": RUNS}
    assert work.calls == RUNS * STEPS
    assert work.in_hand <= AT_ONCE


async def test_what_cannot_wait_is_refused_at_once_and_nothing_is_lost(settings: Settings) -> None:
    """With 3 places and room for 5 to wait, 8 of 40 creations are accepted; the others get 503 and when to
    come again, and leave nothing behind."""
    work = Counted()
    work.go_on.clear()
    narrow = settings.model_copy(update={"runs_at_once_max": 3, "waiting_runs_max": 5, "create_hold_ms": 0.0})
    async with application(narrow, [work.tool]) as app:
        transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(
                *(client.post("/api/v1/runs", json={"plan": CHAIN}) for _ in range(40))
            )
            work.go_on.set()
            accepted = [answer.json()["run_id"] for answer in answers if answer.status_code == 201]
            await wait_until(lambda: not app.worker.in_hand and not app.worker.waiting, 120, "all to end")
            listed = (await client.get("/api/v1/runs", params={"limit": 100})).json()["items"]

    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(accepted) == 8
    assert {(a.status_code, a.json()["code"], a.headers["retry-after"]) for a in refused} == {
        (503, "overloaded", "1")
    }
    assert {run["run_id"]: run["status"] for run in listed} == dict.fromkeys(accepted, "completed")


async def test_every_run_that_was_left_is_taken_up(settings: Settings, tmp_path: Path) -> None:
    """Hundreds of runs that a process has left behind are all ended by the next one, a few at a time."""
    work = Counted()
    work.go_on.clear()
    hasty = settings.model_copy(update={"drain_grace_s": 0.0, "tool_grace_s": 0.1})
    async with Runwright(tools=[work.tool], settings=hasty) as runtime:
        left = [(await runtime.submit(plan=CHAIN)).run_id for _ in range(300)]

    work.go_on.set()
    few = settings.model_copy(update={"runs_at_once_max": AT_ONCE})
    async with Runwright(tools=[work.tool], settings=few) as runtime:
        ended = await asyncio.gather(*(runtime.wait(run_id) for run_id in left))

    assert Counter(run.status for run in ended) == {"completed": 300}
