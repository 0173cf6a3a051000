"""The runs of one process: how many at once, who waits, who is let go, and that no call to look is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from engines.composition import Composition, composed, step
from engines.journals import Watched, at
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import tool
from runwright.core.errors import ToolTerminal
from runwright.core.ids import RunId
from runwright.core.tool import ToolContext
from runwright.testing.waiting import wait_until

STEP = step(1, "held")


class Held:
    """A tool that waits until it is let go; it can be told to fail once."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.go_on = asyncio.Event()
        self.failures = 0

        @tool(effects="pure")
        async def held(ctx: ToolContext) -> str:
            self.runs.append(ctx.run_id)
            await self.go_on.wait()
            if self.failures:
                self.failures -= 1
                raise ToolTerminal("not this time")
            return "done"

        self.tool = held


async def _idle(parts: Composition) -> None:
    await wait_until(
        lambda: not parts.worker.in_hand and not parts.worker.waiting, 60, "the worker to be idle"
    )


async def test_only_so_many_runs_are_in_hand(place: Place) -> None:
    """The others wait in the order in which they came, and each is taken up when there is room."""
    held = Held()
    async with composed(place, held.tool, runs_at_once_max=2) as parts:
        run_ids = [await parts.submit(STEP, adopt=False) for _ in range(6)]
        await wait_until(lambda: len(held.runs) == 2, 60, "two calls")
        in_hand, waiting, room = parts.worker.in_hand, parts.worker.waiting, parts.worker.has_room
        held.go_on.set()
        await _idle(parts)
        ended = [parts.run(run_id).status for run_id in run_ids]

    assert (in_hand, waiting, room) == (2, 4, False)
    assert {*held.runs[:2]} == {*run_ids[:2]}  # two claims at once may be answered in any order
    assert sorted(held.runs) == run_ids
    assert ended == ["completed"] * 6


async def test_a_run_is_waited_for_once(place: Place) -> None:
    """However often one asks to look after a run, it is driven once."""
    held = Held()
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(STEP, adopt=False)
        for _ in range(5):
            parts.worker.wake(run_id)
            await asyncio.sleep(0)
        await _idle(parts)

    assert held.runs == [run_id]


async def test_a_run_that_is_over_or_unknown_is_no_work(place: Place) -> None:
    """Looking after it changes nothing and keeps nothing."""
    held = Held()
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(STEP)
        await parts.over(run_id)
        before = parts.types(run_id)
        parts.worker.wake(run_id)
        parts.worker.wake(RunId("run_nobody"))
        await _idle(parts)

        assert parts.types(run_id) == before
        assert await parts.worker.start() == 0


async def test_who_waits_for_a_person_takes_no_place(place: Place) -> None:
    """A worker with one place drives a run while three others wait for their approval."""
    held = Held()
    held.go_on.set()
    async with composed(place, held.tool, runs_at_once_max=1) as parts:
        asking = [await parts.submit(STEP, approval="required", adopt=False) for _ in range(3)]
        other = await parts.submit(STEP, adopt=False)
        await _idle(parts)
        waiting = [parts.run(run_id) for run_id in asking]
        done = parts.run(other).status
        for run in waiting:
            assert run.plan is not None
            await parts.control(run.run_id, ev.RunApproved(plan_hash=run.plan.plan_hash))
        await _idle(parts)
        ended = [parts.run(run_id).status for run_id in asking]

    assert [run.status for run in waiting] == ["awaiting_approval"] * 3
    assert done == "completed"
    assert ended == ["completed"] * 3


@pytest.mark.parametrize("answer", ["approve", "reject", "cancel"])
async def test_an_answer_that_no_worker_heard_is_heard_by_the_next(place: Place, answer: str) -> None:
    """The process died between the answer and the first look at it: the next one takes the run up."""
    held = Held()
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        run_id = await parts.submit(STEP, approval="required")
        await parts.until(run_id, ev.RunAwaitingApproval)
        await _idle(parts)
        plan = parts.run(run_id).plan
        assert plan is not None
        facts = {
            "approve": ev.RunApproved(plan_hash=plan.plan_hash),
            "reject": ev.RunRejected(plan_hash=plan.plan_hash),
            "cancel": ev.RunCancelling(),
        }
        await parts.control(run_id, facts[answer], wake=False)
    async with composed(place, held.tool) as parts:
        taken_up = await parts.worker.start()
        run = await parts.over(run_id)

    assert taken_up == 1
    assert run.status == ("completed" if answer == "approve" else "cancelled")


async def test_a_restart_in_the_moment_of_the_failure_is_heard(place: Place) -> None:
    """A wake that reaches a drive which has just ended starts the next one."""
    held = Held()
    held.failures = 1
    parts: Composition
    run_id: RunId

    async def restart() -> None:
        await parts.control(run_id, ev.RunRestarted())

    at_the_end = partial(Watched, after=at("append", 2, restart))
    async with composed(place, held.tool, store=at_the_end) as parts:
        run_id = await parts.submit(STEP)
        await wait_until(lambda: held.runs, 60, "the call")
        held.go_on.set()
        await parts.until(run_id, ev.RunCompleted)
        types = parts.types(run_id)

    assert types.count("run.failed") == types.count("run.restarted") == 1


async def test_a_wake_between_two_drives_is_heard(place: Place) -> None:
    """There is a moment in which a run is in hand and has no drive: nothing that is asked then is lost."""
    held = Held()
    held.failures = 1
    parts: Composition
    run_id: RunId
    between = []

    def wake_in_between() -> None:
        if parts.worker.in_hand and parts.worker.drive_of(run_id) is None:
            between.append(1)
            parts.worker.wake(run_id)
        else:
            asyncio.get_running_loop().call_soon(wake_in_between)

    async def restart_unheard() -> None:
        await parts.control(run_id, ev.RunRestarted(), wake=False)
        wake_in_between()

    at_the_end = partial(Watched, after=at("append", 2, restart_unheard))
    async with composed(place, held.tool, store=at_the_end) as parts:
        run_id = await parts.submit(STEP)
        await wait_until(lambda: held.runs, 60, "the call")
        held.go_on.set()
        await parts.until(run_id, ev.RunCompleted)

    assert between == [1]


async def test_a_damaged_run_harms_no_other(tmp_path: Path) -> None:
    """It is left alone with a line in the log; the runs beside it go on."""
    held = Held()
    held.go_on.set()
    async with composed(tmp_path / "file.db", held.tool) as parts:
        parts.worker.draining = True
        run_ids = [await parts.submit(STEP, adopt=False) for _ in range(3)]
        damage = "UPDATE events SET body = CAST(replace(body, '60', '61') AS BLOB) WHERE run_id = ?"
        await parts.store.writer.submit(lambda con: con.execute(damage, (run_ids[1],)).fetchall())
    async with composed(tmp_path / "file.db", held.tool) as parts:
        taken_up = await parts.worker.start()
        await _idle(parts)
        ended = [parts.run(run_id).status for run_id in run_ids[::2]]
        damaged = parts.types(run_ids[1])

    assert taken_up == 3
    assert ended == ["completed", "completed"]
    assert damaged == ["run.created"]


async def test_an_impossible_story_harms_no_other(place: Place) -> None:
    """Events that are sound and cannot follow each other leave their run where it is."""
    from runwright.core.codec import chained
    from runwright.core.events import Event

    held = Held()
    held.go_on.set()
    async with composed(place, held.tool) as parts:
        parts.worker.draining = True
        run_ids = [await parts.submit(STEP, adopt=False) for _ in range(2)]
        claim = await parts.journal.claim(run_ids[0], "somebody")
        assert claim is not None
        fact = ev.StepSkipped(reason="out of nowhere")
        records, _ = chained(run_ids[0], claim.history.tip, [Event(2, 1.0, fact, 1)])
        await parts.journal.append(run_ids[0], 1, claim.history.tip, records, None)
    async with composed(place, held.tool) as parts:
        await parts.worker.start()
        await _idle(parts)

        assert parts.run(run_ids[1]).status == "completed"
        assert parts.types(run_ids[0]) == ["run.created", "step.skipped"]
