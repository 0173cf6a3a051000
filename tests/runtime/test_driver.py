"""One run on a real file, from its creation to its end: read these first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engines.composition import PATIENCE_S, composed, step
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import tool
from runwright.core.events import RunError
from runwright.core.ids import DEFAULT_TENANT, PlanId, idempotency_key
from runwright.core.plan import Plan, Step, plan_hash
from runwright.core.policy import Limits, Retry
from runwright.core.tool import ToolContext
from runwright.plan_port import PlanFailed, PlanMade, StepProposed
from runwright.ports import RunFilter
from runwright.testing.fakes import ManualClock, ScriptedPlanner
from runwright.testing.waiting import wait_until


@tool(effects="pure")
async def add(a: int, b: int) -> int:
    return a + b


def _plan(*steps: Step) -> Plan:
    return Plan(
        plan_id=PlanId("plan_1"), goal="g", steps=steps, source="rules", plan_hash=plan_hash("g", steps)
    )


async def test_a_run_is_carried_out_to_its_result(place: Place) -> None:
    """Outputs flow along references, and every event of the way is on record."""
    async with composed(place, add) as parts:
        first = step(1, "add", a=1, b=2)
        run_id = await parts.submit(first, step(2, "add", a="{step_1_output}", b=10))
        run = await parts.over(run_id)
        rows = await parts.journal.runs(DEFAULT_TENANT, RunFilter(status="completed"), None, 9)

    assert run.status == "completed"
    assert [s.output for s in run.steps] == [3, 13]
    assert [row.run_id for row in rows] == [run_id]
    assert rows[0].document is not None and b'"result":13' in rows[0].document
    assert rows[0].tools == ("add",)


async def test_a_chain_costs_one_append_a_step(place: Place) -> None:
    """The outcome of a step and the start of the next are one transaction."""
    async with composed(place, add) as parts:
        before = parts.store.commits
        await parts.over(await parts.submit(*(step(n, "add", *range(1, n), a=n, b=n) for n in range(1, 11))))
        commits = parts.store.commits - before

    assert commits == 1 + 1 + 10  # the creation, the plan, and each of ten results


async def test_independent_steps_are_carried_out_at_the_same_time(place: Place) -> None:
    """Two tools that wait for each other both end."""
    both = asyncio.Barrier(2)

    @tool(effects="pure")
    async def meet() -> int:
        return await both.wait()

    async with composed(place, meet) as parts:
        run = await parts.over(await parts.submit(step(1, "meet"), step(2, "meet")))

    assert sorted(s.output for s in run.steps) == [0, 1]


async def test_a_due_retry_does_not_wait_for_a_slow_step(place: Place) -> None:
    """The slow step is let go by the second attempt of the other one."""
    go_on = asyncio.Event()

    @tool(effects="pure")
    async def slow() -> bool:
        return await go_on.wait()

    @tool(effects="pure", retry=Retry(base_s=0.001, jitter_s=0.0))
    async def flaky(ctx: ToolContext) -> int:
        if ctx.attempt == 1:
            raise ConnectionError
        go_on.set()
        return ctx.attempt

    async with composed(place, slow, flaky) as parts:
        run = await parts.over(await parts.submit(step(1, "slow"), step(2, "flaky")))

    assert [s.output for s in run.steps] == [True, 2]


async def test_a_tool_is_told_whom_it_serves(place: Place) -> None:
    """Run, step, attempt, tenant, the key that stays, and until when it has time."""
    seen: list[ToolContext] = []

    @tool(effects="keyed", timeout_s=7)
    async def looking(ctx: ToolContext) -> None:
        seen.append(ctx)

    clock = ManualClock(1_700_000_000.0)
    async with composed(place, looking, now_s=clock) as parts:
        run_id = await parts.submit(step(1, "looking"), deadline_s=60.0)
        run = await parts.over(run_id)

    assert run.plan is not None
    assert (seen[0].run_id, seen[0].step_number, seen[0].attempt) == (run_id, 1, 1)
    assert seen[0].tenant == DEFAULT_TENANT
    assert seen[0].idempotency_key == idempotency_key(run_id, run.plan.plan_id, 1)
    assert clock.now_s + 7 <= seen[0].deadline_s <= clock.now_s + 60


async def test_a_jump_of_the_wall_clock_moves_no_deadline_of_a_run_in_hand(place: Place) -> None:
    """An hour forwards, or back, between two steps: the run neither times out nor goes back in time."""
    clock = ManualClock()

    @tool(effects="pure")
    async def jump(seconds: float) -> None:
        clock.advance(seconds)

    async with composed(place, jump, now_s=clock) as parts:
        there, back = step(1, "jump", seconds=3_600.0), step(2, "jump", 1, seconds=-7_200.0)
        run_id = await parts.submit(there, back, step(3, "jump", 2, seconds=0.0), deadline_s=30.0)
        run = await parts.over(run_id)
        times = [event.at_s for event in parts.events(run_id)]

    assert run.status == "completed"
    assert times == sorted(times)


async def test_cancelling_cuts_off_what_runs(place: Place) -> None:
    """A tool hears of it at once, the run ends cancelled, and no further step starts."""
    began, heard = asyncio.Event(), asyncio.Event()

    @tool(effects="idempotent")
    async def patient() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.set()
            raise

    async with composed(place, patient, add, grace_s=1e6) as parts:
        run_id = await parts.submit(step(1, "patient"), step(2, "add", 1, a=1, b=1))
        await began.wait()
        await parts.control(run_id, ev.RunCancelling())
        run = await parts.over(run_id)

    assert heard.is_set()
    assert run.status == "cancelled"
    assert [s.status for s in run.steps] == ["cancelled", "pending"]


async def test_a_cancel_ends_a_run_whose_tool_does_not_listen(place: Place) -> None:
    """After the grace period the run is over; the tool is left behind."""
    began, go_on = asyncio.Event(), asyncio.Event()

    @tool(effects="unsafe")
    async def deaf() -> None:
        began.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    async with composed(place, deaf, grace_s=0.01) as parts:
        run_id = await parts.submit(step(1, "deaf"))
        await began.wait()
        await parts.control(run_id, ev.RunCancelling())
        run = await parts.over(run_id)
        go_on.set()

    assert run.status == "cancelled"
    assert run.steps[0].status == "unknown"


async def test_a_run_ends_at_its_deadline(place: Place) -> None:
    """A tool that never answers is cut off when the time of the whole run is over."""

    @tool(effects="pure")
    async def endless() -> None:
        await asyncio.Event().wait()

    async with composed(place, endless) as parts:
        for deadline_s in (0.05, 1.0, 15.0):  # a slow machine may need longer until there is a plan
            run = await parts.over(await parts.submit(step(1, "endless"), deadline_s=deadline_s))
            assert run.error is not None and run.error.code == "deadline_exceeded"
            if run.steps:
                break

    assert run.steps[0].status == "cancelled"


async def test_an_approval_starts_what_waited_for_it(place: Place) -> None:
    """Nothing runs before a person has agreed to this plan; then everything does."""
    async with composed(place, add) as parts:
        run_id = await parts.submit(step(1, "add", a=1, b=2), approval="required")
        asked = await parts.until(run_id, ev.RunAwaitingApproval)
        before = parts.types(run_id)
        row = (await parts.journal.runs(DEFAULT_TENANT, RunFilter(), None, 1))[0]
        assert isinstance(asked.fact, ev.RunAwaitingApproval)
        await parts.control(run_id, ev.RunApproved(plan_hash=asked.fact.plan_hash))
        run = await parts.over(run_id)

    assert "step.started" not in before
    assert (row.status, row.plan_hash, row.tools) == ("awaiting_approval", asked.fact.plan_hash, ("add",))
    assert row.document is None
    assert run.status == "completed"


async def test_a_failed_run_is_restarted_behind_what_is_done(place: Place) -> None:
    """The step that failed is called again, the one that succeeded is not."""
    calls: list[int] = []

    @tool(effects="pure")
    async def once_bad(n: int) -> int:
        calls.append(n)
        if calls == [1, 2]:
            raise ValueError("not yet")
        return n

    async with composed(place, once_bad) as parts:
        run_id = await parts.submit(step(1, "once_bad", n=1), step(2, "once_bad", 1, n=2))
        failed = await parts.over(run_id)
        await parts.control(run_id, ev.RunRestarted())
        run = await parts.over(run_id)

    assert failed.status == "failed"
    assert run.status == "completed" and run.restarts == 1
    assert calls == [1, 2, 2]


async def test_progress_is_shown_while_a_tool_works(place: Place) -> None:
    """Within bounds and on one line, from any thread; nothing of it is recorded or kept."""
    told, go_on = asyncio.Event(), asyncio.Event()

    @tool(effects="pure")
    async def working(ctx: ToolContext) -> None:
        await asyncio.to_thread(ctx.report_progress, 7.5, "half\nway\x1b")
        told.set()
        await go_on.wait()

    async with composed(place, working) as parts:
        run_id = await parts.submit(step(1, "working"))
        await told.wait()
        drive = parts.worker.drive_of(run_id)
        assert drive is not None
        await wait_until(lambda: drive.progress, 60, "the progress")
        shown = dict(drive.progress)
        go_on.set()
        await parts.over(run_id)

    assert shown == {1: (1.0, "half way")}
    assert drive.progress == {}


async def test_how_tools_fare_is_counted(place: Place) -> None:
    """Each call counts once, as a success or as a failure."""

    @tool(effects="pure", retry=Retry(base_s=0.0, jitter_s=0.0))
    async def flaky(ctx: ToolContext) -> None:
        if ctx.attempt < 3:
            raise ConnectionError

    async with composed(place, flaky) as parts:
        await parts.over(await parts.submit(step(1, "flaky")))
        figures = parts.registry.figures(DEFAULT_TENANT, "flaky")

    assert (figures["total_calls"], figures["success_count"], figures["failure_count"]) == (3, 1, 2)


PLANNED = _plan(Step(step_number=1, tool_name="add", tool_input={"a": 1, "b": 1}, tool_version="1.0.0"))
CIRCLE = _plan(step(1, "add", 2), step(2, "add", 1))
SCRIPTS: dict[str, tuple[Any, ...]] = {
    "steps first": (StepProposed(PLANNED.steps[0]), PlanMade(PLANNED)),
    "two verdicts": (PlanMade(PLANNED), PlanFailed(RunError(code="late", message="late")), PlanMade(CIRCLE)),
    "what": (PlanFailed(RunError(code="not_understood", message="what?")),),
    "breaks": (StepProposed(PLANNED.steps[0]), OSError("the network is down, and this is private")),
    "says nothing": (StepProposed(PLANNED.steps[0]),),
    "circle": (PlanMade(CIRCLE),),
}


@pytest.mark.parametrize(
    ("prompt", "status", "said"),
    [
        ("steps first", "completed", None),
        ("two verdicts", "completed", None),
        ("what", "failed", ("not_understood", "what?")),
        ("breaks", "failed", ("internal", "the planner failed: OSError")),
        ("says nothing", "failed", ("internal", "the planner failed: it ended without a verdict")),
        (
            "circle",
            "failed",
            (
                "internal",
                "the planner failed: the plan cannot be carried out: step 1 waits, in the end, for itself",
            ),
        ),
    ],
)
async def test_whatever_a_planner_says_the_run_ends(
    place: Place, prompt: str, status: str, said: tuple[str, str] | None
) -> None:
    """A plan is carried out; a refusal, a failure, silence and nonsense are the run's one honest line."""
    async with composed(place, add, planner=ScriptedPlanner(SCRIPTS)) as parts:
        run = await parts.over(await parts.submit(prompt=prompt))

    assert run.status == status
    assert (run.error and (run.error.code, run.error.message)) == said


@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_a_planner_that_never_answers_is_cut_off(place: Place, how: str) -> None:
    """Nobody waits for a planner: it changes nothing."""
    planner = ScriptedPlanner({"endless": (asyncio.Event(),)})
    async with composed(place, planner=planner) as parts:
        if how == "cancel":
            run_id = await parts.submit(prompt="endless")
            await wait_until(lambda: planner.requests, PATIENCE_S, "the planner to be asked")
            await parts.control(run_id, ev.RunCancelling())
            run = await parts.over(run_id)
        for deadline_s in (0.05, 1.0, 15.0) if how == "deadline" else ():
            run = await parts.over(await parts.submit(prompt="endless", deadline_s=deadline_s))
            if planner.requests:  # a slow machine may need longer until it is asked
                break

    assert run.status == ("cancelled" if how == "cancel" else "failed")
    assert run.error is not None
    assert run.error.code == ("cancelled" if how == "cancel" else "deadline_exceeded")


async def test_a_run_with_many_steps_keeps_to_the_number_at_once(place: Place) -> None:
    """Never more than three of thirty tools are at work."""
    at_work: list[int] = []
    most = 0

    @tool(effects="pure")
    async def counted(n: int) -> int:
        nonlocal most
        at_work.append(n)
        most = max(most, len(at_work))
        await asyncio.sleep(0)
        at_work.remove(n)
        return n

    async with composed(place, counted, limits=Limits(steps_at_once_max=3)) as parts:
        run = await parts.over(await parts.submit(*(step(n, "counted", n=n) for n in range(1, 31))))

    assert [s.output for s in run.steps] == list(range(1, 31))
    assert most == 3


async def test_many_runs_share_commits(place: Place) -> None:
    """Fifty runs of three steps cost far fewer commits than they have appends."""
    async with composed(place, add) as parts:
        before = parts.store.commits
        steps = [step(n, "add", *range(1, n), a=n, b=n) for n in range(1, 4)]
        run_ids = await asyncio.gather(*(parts.submit(*steps) for _ in range(50)))
        await wait_until(lambda: not parts.worker.in_hand, 60, "all runs to end")
        commits = parts.store.commits - before
        statuses = {parts.run(run_id).status for run_id in run_ids}

    assert statuses == {"completed"}
    assert commits < 50
