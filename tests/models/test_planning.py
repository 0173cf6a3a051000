"""Prompts planned by a model: streamed, checked, corrected; and by rules at once where the model is of no use."""

from __future__ import annotations

import asyncio

import pytest

from models.serving import calculation, client_of, serving
from runwright.adapters.prices import price_of
from runwright.core import events as ev
from runwright.core.errors import Invalid
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.run import fold
from runwright.health import told
from runwright.model_port import ModelUsage
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply, planned, refused, said_in
from runwright.testing.waiting import wait_until

PROMPT = "calculate 2 + 3"
PLAN = planned(calculation("2 + 3"), calculation("{step_1_output} * 10"))
WRONG = planned(
    {"tool_name": "calculater", "tool_input": {"expression": "1"}}, calculation("{step_9_output}")
)


async def test_a_model_plans_what_no_rule_understands(settings: Settings) -> None:
    """The steps are the model's, the rest of the plan is ours, and its tokens are counted."""
    async with serving(settings, [Reply(text=PLAN)]) as it:
        run = await it.run("how much is two and three, tenfold?")
        accepted = (await it.facts(run, ev.PlanAccepted))[0].plan
    assert (run["status"], run["result"]) == ("completed", 50)
    assert (accepted.source, accepted.source_reason, accepted.goal) == ("llm", None, "a goal")
    assert all(step.tool_version for step in accepted.steps)
    assert run["usage"] == {"prompt_tokens": 100, "completion_tokens": 20, "cost_usd": None, "llm_calls": 1}


async def test_a_given_plan_asks_no_model(settings: Settings) -> None:
    """What is known needs nobody."""
    async with serving(settings, [Reply(text=PLAN)]) as it:
        step = ev.Step(step_number=1, tool_name="calculator", tool_input={"expression": "1"})
        new = NewRun("", ev.Draft(goal="g", steps=(step,)))
        submitted = await it.app.service.submit(DEFAULT_TENANT, new)
        run = await it.app.service.settled(DEFAULT_TENANT, submitted.run.run_id, 60.0)
    assert run.status == "completed" and not it.server.requests


async def test_steps_are_shown_while_the_model_is_still_writing(settings: Settings) -> None:
    """The event stream has the first step before the model has written the second."""
    hold, at = asyncio.Event(), PLAN.index("},{") + 1
    async with (
        serving(settings, [Reply(text=PLAN, hold_at=at, hold=hold)]) as it,
        client_of(it.app) as client,
    ):
        created = await client.post("/api/v1/runs", json={"prompt": PROMPT})
        run_id = created.json()["run_id"]
        assert created.json()["status"] == "planning"

        async def shown() -> list[str]:
            page = await client.get(f"/api/v1/runs/{run_id}/events", headers={"Accept": "application/json"})
            return [item["type"] for item in page.json()["items"]]

        async with asyncio.timeout(60):
            while "plan.step_proposed" not in (types := await shown()):
                await asyncio.sleep(0.01)
        assert types.count("plan.step_proposed") == 1 and "plan.accepted" not in types
        hold.set()
        run = await it.app.service.settled(DEFAULT_TENANT, run_id, 60.0)
        types = await shown()
    assert run.status == "completed"
    told = [name for name in types if not name.startswith("step.")]
    assert told[:6] == ["run.created", "plan.started", "plan.step_proposed", "plan.step_proposed", "plan.model_called", "plan.accepted"]  # fmt: skip


async def test_the_stream_of_a_creation_has_the_steps_one_by_one(settings: Settings) -> None:
    """`POST /runs/stream` tells the same story, to its end."""
    async with serving(settings, [Reply(text=PLAN)]) as it, client_of(it.app) as client:
        answer = await client.post("/api/v1/runs/stream", json={"prompt": PROMPT})
    types = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    told = [name for name in types if not name.startswith("step.")]
    assert told[:5] == ["run.created", "plan.started", "plan.step_proposed", "plan.step_proposed", "plan.model_called"]  # fmt: skip
    assert types[-2:] == ["run.completed", "end"]


async def test_a_plan_alone_can_be_had(settings: Settings) -> None:
    """`POST /plans` asks the model and runs nothing."""
    async with serving(settings, [Reply(text=PLAN)]) as it, client_of(it.app) as client:
        answer = (await client.post("/api/v1/plans", json={"prompt": PROMPT})).json()
    assert answer["plan"]["source"] == "llm" and answer["problems"] == []


async def test_defects_go_back_to_the_model_word_for_word(settings: Settings) -> None:
    """Its answer and each problem stand in the next question; the corrected plan is carried out."""
    async with serving(settings, [Reply(text=WRONG), Reply(text=PLAN)]) as it:
        run = await it.run(PROMPT)
        calls = await it.facts(run, ev.PlanModelCalled)
    assert run["result"] == 50 and run["usage"]["llm_calls"] == 2
    assert {problem.code for problem in calls[0].problems} == {"unknown_tool", "unknown_step"}
    told = said_in(it.server.requests[1])
    assert WRONG in told and all(problem.message in told for problem in calls[0].problems)


async def test_a_model_that_does_not_mend_its_plan_is_left_after_two_rounds(settings: Settings) -> None:
    """Three calls, then the rules plan, and the run says why."""
    async with serving(settings, [Reply(text=WRONG)]) as it:
        run = await it.run(PROMPT)
    assert run["result"] == 5 and len(it.server.requests) == 3
    assert run["plan"]["source"] == "rules" and "did not mend" in run["plan"]["source_reason"]


async def test_what_a_model_does_not_manage_is_advised_to_a_person(settings: Settings) -> None:
    """The hint says what the one who asks can do, not what form a model has to keep to."""
    async with serving(settings, [Reply(text="no JSON at all")]) as it:
        run = await it.run("bake a cake")
    assert run["error"]["code"] == "not_understood" and "did not mend" in run["error"]["message"]
    assert run["error"]["hint"] == "say it in other words, or give the plan yourself"


async def test_a_prompt_that_nobody_plans_fails_with_both_reasons(settings: Settings) -> None:
    """What was not understood, and what became of the model."""
    async with serving(settings, [refused(503, "loading")]) as it:
        run = await it.run("book me a flight to Rome")
    assert run["status"] == "failed" and run["error"]["code"] == "not_understood"
    assert "flight to Rome" in run["error"]["message"] and "503: loading" in run["error"]["message"]


async def test_an_open_breaker_keeps_calls_away_and_health_says_so(settings: Settings) -> None:
    """After five outages the rules plan alone; no call reaches the model's server."""
    async with serving(settings, [refused(500, "boom")]) as it:
        for _ in range(8):
            run = await it.run(PROMPT)
            assert run["result"] == 5
        health = await told(it.app, in_full=True)
    assert len(it.server.requests) == 5
    assert health["status"] == "ok" and health["parts"]["planner"]["breaker"] == "open"
    assert "left alone" in run["plan"]["source_reason"] and run["usage"]["llm_calls"] == 0


async def test_after_its_rest_one_probe_decides(settings: Settings) -> None:
    """Of many runs at once a single one asks; once it has its answer, all may again."""
    hold = asyncio.Event()
    replies = [refused(500, "boom"), Reply(text=PLAN, hold_at=0, hold=hold), Reply(text=PLAN)]
    async with serving(settings, replies, llm_outages_max=1, llm_rest_s=0.2) as it:
        await it.run(PROMPT)
        async with asyncio.timeout(60):
            while (await it.app.models.figures())["wait_s"]:  # type: ignore[union-attr]
                await asyncio.sleep(0.01)
        probing = asyncio.create_task(it.run(PROMPT))
        await wait_until(lambda: it.server.open, 60, "the probe")
        others = await asyncio.gather(*(it.run(PROMPT) for _ in range(5)))
        assert len(it.server.requests) == 2
        hold.set()
        assert (await probing)["plan"]["source"] == "llm"
        assert (await it.run(PROMPT))["plan"]["source"] == "llm"
    assert {run["plan"]["source"] for run in others} == {"rules"}


async def test_a_server_that_asks_for_rest_is_left_alone_and_not_held_to_be_away(settings: Settings) -> None:
    """429 with Retry-After: no outage, and no call until then."""
    async with serving(settings, [refused(429, "slow", Retry_After="300")]) as it:
        runs = [await it.run(PROMPT) for _ in range(3)]
        figures = await it.app.models.figures()  # type: ignore[union-attr]
    assert len(it.server.requests) == 1 and figures["breaker"] == "closed" and figures["outages"] == 0
    assert "asked not to be called" in runs[-1]["plan"]["source_reason"]


async def test_no_more_calls_are_made_at_once_than_allowed(settings: Settings) -> None:
    """Twenty prompts, two calls at a time, and every plan is the model's."""
    hold = asyncio.Event()
    async with serving(settings, [Reply(text=PLAN, hold_at=1, hold=hold)], llm_calls_at_once_max=2) as it:
        asked = asyncio.gather(*(it.run(PROMPT) for _ in range(20)))
        await wait_until(lambda: it.server.open == 2, 60, "two calls")
        hold.set()
        runs = await asked
    assert {run["plan"]["source"] for run in runs} == {"llm"} and it.server.open_max == 2


async def test_cancelling_a_run_hangs_up_on_its_model(settings: Settings) -> None:
    """The call ends with the run, and the place is free again."""
    stalled = Reply(text=PLAN, hold_at=5)
    async with serving(settings, [stalled, Reply(text=PLAN)], llm_calls_at_once_max=1) as it:
        submitted = await it.app.service.submit(DEFAULT_TENANT, NewRun(PROMPT))
        await wait_until(lambda: it.server.open, 60, "the call")
        await it.app.service.cancel(DEFAULT_TENANT, submitted.run.run_id)
        run = await it.app.service.settled(DEFAULT_TENANT, submitted.run.run_id, 60.0)
        assert run.status == "cancelled"
        assert (await it.run(PROMPT))["plan"]["source"] == "llm"
        assert (await it.app.models.figures())["outages"] == 0  # type: ignore[union-attr]


async def test_a_run_has_its_deadline_whatever_the_model_does(settings: Settings) -> None:
    """A stalled model does not hold a run beyond its own time."""
    async with serving(settings, [Reply(text=PLAN, hold_at=5)]) as it:
        run = await it.run(PROMPT, deadline_s=0.3)
    assert run["error"]["code"] == "deadline_exceeded"


async def test_all_of_planning_has_a_time(settings: Settings) -> None:
    """Corrections do not add up beyond it."""
    for planning_s in (0.3, 5.0, 60.0):  # a slow machine may need longer until the model is asked
        async with serving(settings, [Reply(text=PLAN, hold_at=5)], llm_planning_s_max=planning_s) as it:
            run = await it.run(PROMPT)
            figures = await it.app.models.figures()  # type: ignore[union-attr]
        if it.server.requests:
            break
    assert run["plan"]["source"] == "rules" and "did not answer within" in run["plan"]["source_reason"]
    assert figures["outages"] == 0, "a call that had less time than calls have says nothing of the model"


async def test_a_run_without_time_asks_nobody(settings: Settings) -> None:
    """The place came too late."""
    stalled = Reply(text=PLAN, hold_at=5)
    async with serving(settings, [stalled], llm_calls_at_once_max=1, llm_wait_s=0.1) as it:
        first = asyncio.create_task(it.run(PROMPT))
        await wait_until(lambda: it.server.open, 60, "the call")
        second = await it.run(PROMPT)
        stalled.hold.set()
        await first
    assert (
        second["usage"]["llm_calls"] == 0 and "no call to a model was free" in second["plan"]["source_reason"]
    )


async def test_only_likely_tools_are_told_where_there_is_no_room_for_all(settings: Settings) -> None:
    """The budget holds, and the tool that shares words with the prompt is among those told."""
    async with serving(
        settings, [Reply(text=planned({"tool_name": "todo_delete"}))], llm_tool_tokens_max=400
    ) as it:
        await it.run("delete the todo with milk")
    told = said_in(it.server.requests[0])
    assert '"name":"todo_delete"' in told and '"name":"calculator"' not in told


@pytest.mark.parametrize("half", [{"llm_model": ""}, {"llm_base_url": ""}, {"llm_base_url": "localhost"}])
async def test_half_a_model_is_refused_at_start(settings: Settings, half: dict[str, str]) -> None:
    """The missing setting is named."""
    with pytest.raises(Invalid, match="RUNWRIGHT_LLM_"):
        async with serving(settings, [], **half):
            pass


async def test_without_a_model_nothing_of_it_is_loaded_or_said(settings: Settings) -> None:
    """The rules plan at once, in the creating transaction."""
    from runwright.bootstrap import application

    async with ModelServer([]) as server, application(settings) as app:
        created = await app.service.submit(DEFAULT_TENANT, NewRun(PROMPT))
        assert created.run.plan is not None and created.run.plan.source_reason is None
        assert (await told(app, in_full=True))["parts"]["planner"] == {"source": "rules", "model": None}
    assert not server.requests


async def test_a_process_that_ends_while_a_model_is_writing_leaves_the_run_to_the_next(
    settings: Settings,
) -> None:
    """Planning begins again; what was proposed before does not count."""
    async with serving(settings, [Reply(text=WRONG, hold_at=5)]) as it:
        submitted = await it.app.service.submit(DEFAULT_TENANT, NewRun(PROMPT))
        await wait_until(lambda: it.server.open, 60, "the call")
    async with serving(settings, [Reply(text=PLAN)]) as it:
        run = await it.app.service.settled(DEFAULT_TENANT, submitted.run.run_id, 60.0)
        shown = it.app.service.shown(run)
        started = await it.facts(shown, ev.PlanStarted)
    assert (shown["status"], shown["result"], len(started)) == ("completed", 50, 2)


@pytest.mark.parametrize(
    ("costs", "expected"), [((), 0.0), ((0.25, 0.5), 0.75), ((0.25, None), None), ((None, 0.25), None)]
)  # fmt: skip
def test_a_cost_that_nobody_knows_makes_the_sum_unknown(
    costs: tuple[float | None, ...], expected: float | None
) -> None:
    """Null is not zero, and tokens are added up all the same."""
    facts: list[ev.Fact] = [ev.RunCreated(tenant="t", prompt="p", deadline_s=60.0), ev.PlanStarted()]
    for cost in costs:
        facts.append(
            ev.PlanModelCalled(
                purpose="plan", round=1, model="m", duration_ms=1.0, prompt_tokens=3, cost_usd=cost
            )
        )
    run = fold(RunId("run_1"), (ev.Event(seq, 1.0, fact) for seq, fact in enumerate(facts, start=1)))
    assert run.usage.cost_usd == expected
    assert (run.usage.prompt_tokens, run.usage.llm_calls) == (3 * len(costs), len(costs))


def test_prices_are_those_of_the_installed_list_and_of_the_server_asked() -> None:
    """A public provider's model has a price; the same name on this computer has none, nor has a new name."""
    usage = ModelUsage(1_000_000, 1_000_000)
    paid = price_of("https://api.openai.com/v1", "gpt-4o-mini")(usage)
    assert paid is not None and paid > 0
    assert price_of("http://127.0.0.1:11434/v1", "gpt-4o-mini")(usage) is None
    assert price_of("https://api.openai.com/v1", "no-such-model-anywhere")(usage) is None
