"""A process that shuts down lets its runs go: what can end ends, the rest is for the next process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from engines.composition import Composition, composed, step
from engines.journals import Watched, at, unreachable
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.events import RunError
from runwright.core.ids import RunId
from runwright.core.tool import ToolContext
from runwright.plan_port import PlanEvent, PlanFailed, PlanRequest
from runwright.testing.fakes import ScriptedPlanner
from runwright.testing.waiting import wait_until

STEPS = (step(1, "held"), step(2, "held", 1))


class Held:
    """A tool that waits until it is let go, and notes who called it."""

    def __init__(self, effects: Any) -> None:
        self.seen: list[ToolContext] = []
        self.go_on = asyncio.Event()

        @tool(effects=effects)
        async def held(ctx: ToolContext) -> int:
            self.seen.append(ctx)
            await self.go_on.wait()
            return ctx.attempt

        self.tool: DeclaredTool = held

    async def called(self, times: int = 1) -> None:
        await wait_until(lambda: len(self.seen) == times, 60, f"{times} calls")


@pytest.mark.parametrize("effects", ["keyed", "unsafe"])
async def test_a_tool_that_ends_in_time_is_recorded_and_nothing_more_starts(
    place: Place, effects: Any
) -> None:
    """The result is kept; the step behind it is the next process's."""
    held = Held(effects)
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(*STEPS)
        await held.called()
        draining = asyncio.ensure_future(parts.worker.drain(30.0))
        await wait_until(lambda: parts.worker.draining, 60, "the drain")
        held.go_on.set()
        await draining
        left = parts.run(run_id)
    async with composed(place, held.tool) as parts:
        assert await parts.worker.start() == 1
        run = await parts.over(run_id)

    assert [s.status for s in left.steps] == ["succeeded", "pending"]
    assert run.status == "completed"
    assert [(ctx.step_number, ctx.attempt) for ctx in held.seen] == [(1, 1), (2, 1)]


async def test_a_repeatable_tool_that_does_not_end_is_called_again_with_its_key(place: Place) -> None:
    """Cut off, it is neither failed nor cancelled: the next process calls it with the same key."""
    held = Held("keyed")
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(*STEPS)
        await held.called()
        await parts.worker.drain(0.0)
        left = parts.types(run_id)
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert left[-1] == "step.started"
    assert run.status == "completed"
    assert [s.output for s in run.steps] == [2, 1]
    assert held.seen[0].idempotency_key == held.seen[1].idempotency_key != held.seen[2].idempotency_key


async def test_an_unsafe_tool_that_does_not_end_is_unknown(place: Place) -> None:
    """Cut off, it may have acted: the next process ends the run and calls nothing."""
    held = Held("unsafe")
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(*STEPS)
        await held.called()
        await parts.worker.drain(0.0)
        left = parts.run(run_id)
    async with composed(place, held.tool) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert left.steps[0].status == "unknown" and not left.is_over
    assert run.status == "failed" and run.error is not None and run.error.code == "outcome_unknown"
    assert len(held.seen) == 1


async def test_what_was_being_recorded_when_everything_was_cut_off_is_cut_off_too(place: Place) -> None:
    """An append that is under way cannot be taken back; its tool gets no time, and the next process repeats it."""
    held = Held("keyed")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    slow = partial(Watched, before=at("append", 1, hold))
    async with composed(place, held.tool, store=slow) as parts:
        run_id = await parts.submit(*STEPS)
        await reached.wait()
        drive = parts.worker.drive_of(run_id)
        assert drive is not None
        drive.release(cut=True)
        go_on.set()
        await wait_until(lambda: not parts.worker.in_hand, 60, "the run to be let go")
        left = parts.types(run_id)
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert left[-1] == "step.started"
    assert run.status == "completed"
    assert all(ctx.attempt == 2 for ctx in held.seen if ctx.step_number == 1)


class Endless:
    """A planner that never answers and notes that it was cut off."""

    def __init__(self) -> None:
        self.asked, self.cut_off = asyncio.Event(), asyncio.Event()

    async def plan(self, request: PlanRequest) -> AsyncIterator[PlanEvent]:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cut_off.set()
            raise
        yield PlanFailed(RunError(code="internal", message="never"))


async def test_a_planner_is_not_waited_for(place: Place) -> None:
    """Planning changes nothing, so it is cut off and done again by the next process."""
    endless = Endless()
    async with composed(place, planner=endless) as parts:
        run_id = await parts.submit(prompt="plan me")
        await endless.asked.wait()
        await parts.worker.drain(30.0)
        await asyncio.wait_for(endless.cut_off.wait(), 60)
        left = parts.run(run_id)
    quick = ScriptedPlanner({"plan me": []})
    async with composed(place, planner=quick) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert left.status == "planning"
    assert len(quick.requests) == 1
    assert run.is_over


async def test_a_waiting_retry_is_kept_for_the_next_process(place: Place) -> None:
    """Its time is on record: the next process waits for it like this one."""
    calls = []

    @tool(effects="pure")
    async def flaky() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError
        return "at last"

    async with composed(place, flaky) as parts:
        run_id = await parts.submit(step(1, "flaky"))
        retrying = await parts.until(run_id, ev.StepRetrying)
        await parts.worker.drain(30.0)
    async with composed(place, flaky) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)
        again = (await parts.until(run_id, ev.StepStarted, 2)).at_s

    assert run.status == "completed"
    assert again >= retrying.fact.retry_at_s


async def test_a_store_that_stays_away_does_not_keep_the_process(place: Place) -> None:
    """What cannot be recorded is left; the journal has the intent, and the next process goes on from it."""
    held = Held("keyed")
    held.go_on.set()
    away = partial(Watched, before=unreachable("append", times=10**6))
    async with composed(place, held.tool, store=away, grace_s=0.0) as parts:
        run_id = await parts.submit(*STEPS)
        await wait_until(lambda: parts.engine.journal.asked["append"], 60, "the first append")
        await parts.worker.drain(0.0)
        in_hand = parts.worker.in_hand
    async with composed(place, held.tool) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert not in_hand
    assert run.status == "completed"


async def test_a_drain_takes_up_nothing_new(place: Place) -> None:
    """Runs that wait, and one whose claim is under way, stay for the next process."""
    held = Held("keyed")
    parts: Composition
    held.go_on.set()

    async def drain() -> None:
        parts.worker.draining = True

    draining = partial(Watched, before=at("claim", 1, drain))
    async with composed(place, held.tool, store=draining) as parts:
        run_ids: list[RunId] = [await parts.submit(*STEPS, adopt=False) for _ in range(3)]
        await wait_until(lambda: parts.worker.draining and not parts.worker.in_hand, 60, "the drain")
        await parts.worker.drain(0.0)
        left = [parts.types(run_id) for run_id in run_ids]
    async with composed(place, held.tool) as parts:
        assert await parts.worker.start() == 3
        for run_id in run_ids:
            await parts.over(run_id)

    assert left == [["run.created"]] * 3
