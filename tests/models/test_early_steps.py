"""Pure steps start while a model is still writing the plan, over real HTTP; nothing else does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.serving import Serving, calculation, serving
from runwright import tool
from runwright.core import events as ev
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.model_server import Reply, planned
from runwright.testing.waiting import wait_until

PATIENCE_S = 60.0
PROMPT = "twelve sums, please"
STEPS = [calculation(f"{n} + 1") for n in range(11)] + [calculation("{step_1_output} * 10")]
PLAN = planned(*STEPS)


async def begun(it: Serving, **more: Any) -> RunId:
    """The id of a run whose model is at work."""
    return (await it.app.service.submit(DEFAULT_TENANT, NewRun(PROMPT, **more))).run.run_id


async def types(it: Serving, run_id: RunId) -> list[str]:
    return [event.fact.type for event in await it.events({"run_id": run_id})]


async def until(it: Serving, run_id: RunId, name: str) -> list[str]:
    """The types of a run's events as soon as one of this type is there."""
    async with asyncio.timeout(PATIENCE_S):
        while name not in (found := await types(it, run_id)):
            await asyncio.sleep(0.01)
    return found


async def ended(it: Serving, run_id: RunId) -> dict[str, Any]:
    run = await it.app.service.settled(DEFAULT_TENANT, run_id, PATIENCE_S)
    return it.app.service.shown(run)


async def test_the_first_answer_is_there_before_the_last_step_was_written(settings: Settings) -> None:
    """The model has not said its last step; step 1 has succeeded, and the result is that of a plan carried out."""
    before_last = PLAN.rindex('{"step_number"')
    reply = Reply(text=PLAN, hold_at=before_last)
    async with serving(settings, [reply]) as it:
        run_id = await begun(it)
        early = await until(it, run_id, "step.succeeded")
        assert "plan.accepted" not in early
        reply.hold.set()
        run = await ended(it, run_id)
        starts = await it.facts(run, ev.StepStarted)
    assert (run["status"], run["result"]) == ("completed", 10)
    assert [entry["output"] for entry in run["execution_log"]] == [*range(1, 12), 10]
    assert [entry["attempts"] for entry in run["execution_log"]] == [1] * 12
    assert len(starts) == 12


async def test_an_early_call_has_the_key_of_its_step(settings: Settings) -> None:
    """What a tool is told early is what the run shows of the step in the end."""
    keys: list[str] = []

    @tool(effects="pure")
    async def told(ctx: Any) -> str:
        """Say which key it was given."""
        keys.append(ctx.idempotency_key)
        return "done"

    reply = Reply(text=planned({"tool_name": "told"}, calculation("1")), hold_at=80)
    async with serving(settings, [reply], [told]) as it:
        run_id = await begun(it)
        await wait_until(lambda: keys, PATIENCE_S, "the early call")
        reply.hold.set()
        run = await ended(it, run_id)
    assert keys == [run["execution_log"][0]["idempotency_key"]]


@pytest.mark.parametrize(
    ("changed", "more"),
    [({"llm_early_steps": False}, {}), ({"judge": "rules"}, {}), ({}, {"approval": "required"})],
)
async def test_nothing_starts_early_where_somebody_else_has_a_say(
    settings: Settings, changed: dict[str, Any], more: dict[str, Any]
) -> None:
    """The setting, a judge, an approval: each keeps all steps until the plan is accepted."""
    async with serving(settings, [Reply(text=PLAN)], **changed) as it:
        run_id = await begun(it, **more)
        await ended(it, run_id)
        found = await types(it, run_id)
    accepted = found.index("plan.accepted") if "plan.accepted" in found else len(found)
    assert "step.started" not in found[:accepted]


@pytest.mark.parametrize("effects", ["idempotent", "keyed", "unsafe"])
async def test_no_effect_before_the_plan_is_accepted(settings: Settings, effects: Any) -> None:
    """A tool that changes something waits, and so does what needs its output; the pure step beside it does not."""
    calls: list[str] = []

    @tool(effects=effects)
    async def act() -> int:
        """Change something."""
        calls.append("act")
        return 7

    text = planned(
        {"tool_name": "act"}, calculation("{step_1_output} + 1"), calculation("2"), calculation("3")
    )
    reply = Reply(text=text, hold_at=text.rindex('{"step_number"'))
    async with serving(settings, [reply], [act]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.succeeded")
        early = [event for event in await it.events({"run_id": run_id}) if event.step_number in (1, 2)]
        assert {event.fact.type for event in early} == {"plan.step_proposed"}
        assert not calls
        reply.hold.set()
        run = await ended(it, run_id)
    assert calls == ["act"]
    assert [entry["output"] for entry in run["execution_log"]] == [7, 8, 2, 3]


async def test_results_of_a_plan_that_is_made_again_are_discarded(settings: Settings) -> None:
    """The second plan has another step 1; the first one's answer is cancelled in the record and counts nowhere."""
    wrong = planned(calculation("1 + 1"), {"tool_name": "no_such_tool"})
    reply = Reply(text=wrong, hold_at=len(wrong) - 3)
    async with serving(settings, [reply, Reply(text=planned(calculation("2 + 2")))]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.succeeded")
        reply.hold.set()
        run = await ended(it, run_id)
        events = await it.events(run)
    story = [event.fact.type for event in events if event.step_number == 1 and "step." in event.fact.type]
    discarded = next(event.fact for event in events if isinstance(event.fact, ev.StepCancelled))
    assert story[:3] == ["step.started", "step.succeeded", "step.cancelled"]
    assert discarded.reason == (
        "its early result does not count: the plan that it was started for is made again"
    )
    assert (run["status"], run["result"]) == ("completed", 4)
    assert [entry["output"] for entry in run["execution_log"]] == [4]


async def test_a_refused_plan_leaves_no_result(settings: Settings) -> None:
    """The model breaks off, the rules do not understand it, and the run fails with no step to its name."""
    reply = Reply(text=PLAN, cut_at=PLAN.rindex('{"step_number"'), hold_at=PLAN.rindex('{"step_number"') - 1)
    async with serving(settings, [reply]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.succeeded")
        reply.hold.set()
        run = await ended(it, run_id)
        found = await types(it, run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "not_understood")
    assert run["execution_log"] == [] and run["plan"] is None
    assert found.count("step.succeeded") == found.count("step.cancelled") > 0


async def test_a_tool_at_work_is_let_go_with_its_plan(settings: Settings) -> None:
    """It is cut off, nobody hears of it, and the next plan's step of that number is called on its own."""
    cut: list[str] = []
    release = asyncio.Event()

    @tool(effects="pure")
    async def slow(name: str) -> str:
        """Take its time, once."""
        if name == "second":
            return name
        try:
            await release.wait()
        except asyncio.CancelledError:
            cut.append(name)
            raise
        return name

    def step(name: str) -> dict[str, Any]:
        return {"tool_name": "slow", "tool_input": {"name": name}}

    wrong = planned(step("first"), {"tool_name": "no_such_tool"})
    reply = Reply(text=wrong, hold_at=len(wrong) - 3)
    async with serving(settings, [reply, Reply(text=planned(step("second")))], [slow]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.started")
        reply.hold.set()
        run = await ended(it, run_id)
        release.set()
    assert (run["status"], run["result"], cut) == ("completed", "second", ["first"])


async def test_what_fails_early_is_called_again_with_its_plan(settings: Settings) -> None:
    """Its failure is no failure of the run."""
    calls: list[int] = []

    @tool(effects="pure")
    async def moody() -> str:
        """Fail the first time."""
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("not in the mood")
        return "well"

    text = planned({"tool_name": "moody"}, calculation("1"))
    reply = Reply(text=text, hold_at=text.rindex('{"step_number"'))
    async with serving(settings, [reply], [moody]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.cancelled")
        reply.hold.set()
        run = await ended(it, run_id)
    assert run["status"] == "completed"
    assert [(entry["output"], entry["attempts"]) for entry in run["execution_log"]] == [("well", 2), (1, 1)]


async def test_a_cancelled_run_keeps_no_early_result(settings: Settings) -> None:
    """A person cancels while the model is writing: the end says that what there was does not count."""
    reply = Reply(text=PLAN, hold_at=PLAN.rindex('{"step_number"'))
    async with serving(settings, [reply]) as it:
        run_id = await begun(it)
        await until(it, run_id, "step.succeeded")
        await it.app.service.cancel(DEFAULT_TENANT, run_id)
        run = await ended(it, run_id)
        found = await types(it, run_id)
        reply.hold.set()
    assert run["status"] == "cancelled"
    assert found[-1] == "run.cancelled"
    assert found.count("step.started") == found.count("step.cancelled")
