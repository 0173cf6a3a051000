"""Ended runs are moved to the archive beside everything else, and nothing about them changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runwright import Runwright, tool
from runwright.archive_port import Due
from runwright.core.ids import RunId
from runwright.runtime.archive import BATCH_BYTES_MAX, BATCH_RUNS_MAX, batches
from runwright.settings import Settings

PLAN = {
    "goal": "sums",
    "steps": [
        {"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "1 + 1"}},
        {"step_number": 2, "tool_name": "gamble", "tool_input": {"stake": "{step_1_output}"}},
    ],
}
lucky = {"now": False}


@tool(effects="pure")
async def gamble(stake: int) -> int:
    """Twice the stake, if one is lucky."""
    if not lucky["now"]:
        raise ValueError("bad luck")
    return 2 * stake


def settings_of(place: Path | str, **more: Any) -> Settings:
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    return Settings(database_url=url, **more)


@pytest.fixture
async def rt(settings: Settings, place: Path | str) -> AsyncIterator[Runwright]:
    """A Runwright that moves runs as soon as they are over, on either store."""
    lucky["now"] = False
    async with Runwright(tools=[gamble], settings=settings_of(place, archive_after_s=0.01)) as rt:
        yield rt


async def told(rt: Runwright, run_ids: Sequence[str]) -> list[Any]:
    """What anybody can read of runs."""
    return [(await rt.get(run_id), [event async for event in rt.events(run_id)]) for run_id in run_ids]


async def until_moved(rt: Runwright, run_ids: Sequence[str]) -> None:
    """Wait until the archive alone has these runs."""
    assert rt._app is not None
    archive, ids = rt._app.store.archive, [RunId(run_id) for run_id in run_ids]
    async with asyncio.timeout(60):
        while await archive.hot(ids) or len(await archive.copies(ids)) < len(ids):
            await asyncio.sleep(0.02)


async def test_a_run_that_was_moved_is_shown_followed_and_restarted_as_before(rt: Runwright) -> None:
    """Its object and its events are the same; a restart keeps what had succeeded, and the end is moved again."""
    runs = [await rt.run(plan=PLAN) for _ in range(3)]
    ids = [run.run_id for run in runs]
    before = await told(rt, ids)
    await until_moved(rt, ids)
    after = await told(rt, ids)
    lucky["now"] = True
    await rt.restart(ids[0])
    again = await rt.wait(ids[0])
    await until_moved(rt, ids)

    assert {run.status for run in runs} == {"failed"}
    assert after == before
    assert (again.result, again.restarts) == (4, 1)
    assert next(entry["attempts"] for entry in again.execution_log) == 1  # not called again
    events = [event.type async for event in rt.events(ids[0])]
    assert events[: len(before[0][1])] == [event.type for event in before[0][1]]
    assert events[-1] == "run.completed"


def test_batches_are_bounded_in_number_and_bytes() -> None:
    """A run that is larger than a batch is one of its own."""
    sizes = [10] * (BATCH_RUNS_MAX + 5) + [BATCH_BYTES_MAX * 2, 10, BATCH_BYTES_MAX - 5, 4]
    due = [Due(RunId(f"run_{n}"), size) for n, size in enumerate(sizes)]

    found = list(batches(due))

    assert [run_id for batch in found for run_id in batch] == [one.run_id for one in due]
    assert [len(batch) for batch in found] == [BATCH_RUNS_MAX, 5, 1, 1, 2]
