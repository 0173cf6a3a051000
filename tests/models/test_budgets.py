"""Budgets of runs and tenants: reserved before a model is called, settled behind it, and never overrun."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from models.serving import Serving, calculation, client_of, serving
from runwright import models
from runwright.core import events as ev
from runwright.core.budget import Budget, ModelUse, Shortfall, TenantSettings
from runwright.core.ids import DEFAULT_TENANT, RunId, Tenant
from runwright.model_port import ModelUsage
from runwright.plan_port import PlanRequest
from runwright.planning.model import Price
from runwright.planning.purse import Purse
from runwright.runtime.planned import make_plan
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.model_server import Reply, planned, refused
from runwright.testing.waiting import wait_until

PROMPT = "how much is two and three?"
RIGHT = Reply(text=planned(calculation("2 + 3")))
WRONG = Reply(text=planned({"tool_name": "no_such_tool"}))
PRICED: dict[str, Any] = {"llm_prompt_usd_per_mtok": 10_000.0, "llm_answer_usd_per_mtok": 50_000.0}
COST_USD = 2.0  # of 100 tokens and 20


async def limited(it: Serving, **budget: float) -> None:
    """Set the budget of the default tenant."""

    def changed(before: TenantSettings) -> TenantSettings:
        return before._replace(budget=Budget(**budget))  # type: ignore[arg-type]  # by name

    await it.app.store.tenants.change(DEFAULT_TENANT, changed)


async def used(it: Serving) -> ModelUse:
    """What the default tenant has used; nothing may be left reserved."""
    standing = await it.app.store.tenants.standing(DEFAULT_TENANT)
    assert standing.reserved == ModelUse()
    return standing.used


async def test_what_calls_took_is_counted_for_the_tenant(settings: Settings) -> None:
    """Tokens, cost and calls, whether there is a limit or none."""
    async with serving(settings, [RIGHT], **PRICED) as it:
        run = await it.run(PROMPT)
        took = await used(it)
    assert took == ModelUse(120, COST_USD, 1, 0)
    assert run["usage"]["cost_usd"] == COST_USD


@pytest.mark.parametrize(
    ("budget", "named", "hint"),
    [
        (
            Budget(llm_calls=1),
            "the run's budget of 1 call of a model does not suffice: 1 is used, ",
            "budget.llm_calls",
        ),
        (Budget(tokens=15_000), "the run's budget of 15,000 tokens", "RUNWRIGHT_RUN_TOKENS_MAX"),
        (Budget(cost_usd=400.0), "the run's budget of 400 US dollars", "RUNWRIGHT_RUN_COST_USD_MAX"),
    ],
)
async def test_a_run_ends_where_its_budget_does(
    settings: Settings, budget: Budget, named: str, hint: str
) -> None:
    """The call that does not fit in is not made; what was planned so far stays, and no rules take over."""
    costly = Reply(text=WRONG.text, counted=(12_000, 1_000))
    async with serving(settings, [costly, RIGHT], **PRICED) as it:
        run = await it.run("calculate 2 + 3", budget=budget)
        proposed = await it.facts(run, ev.PlanModelCalled)
    assert (run["status"], run["error"]["code"]) == ("failed", "budget_exhausted")
    assert named in run["error"]["message"] and hint in run["error"]["hint"]
    assert len(it.server.requests) == len(proposed) == run["usage"]["llm_calls"] == 1
    assert run["plan"] is None and not run["execution_log"]


async def test_the_settings_limit_runs_that_name_no_budget(settings: Settings) -> None:
    """A run that names one has that one; what it leaves out is as the settings say. Runs show theirs."""
    async with serving(settings, [RIGHT], run_llm_calls_max=0, run_tokens_max=100_000) as it:
        default = await it.run(PROMPT)
        own = await it.run(PROMPT, budget=Budget(llm_calls=1))
    assert default["error"]["code"] == "budget_exhausted"
    assert default["budget"] == {"tokens": 100_000, "cost_usd": None, "llm_calls": 0}
    assert own["result"] == 5
    assert own["budget"] == {"tokens": 100_000, "cost_usd": None, "llm_calls": 1}


async def test_a_tenant_ends_where_its_budget_does(settings: Settings) -> None:
    """Run after run; what is wanted is said with how to raise it, and raising it helps at once."""
    async with serving(settings, [RIGHT]) as it:
        await limited(it, llm_calls=2)
        runs = [await it.run(PROMPT) for _ in range(3)]
        await limited(it, llm_calls=3)
        after = await it.run(PROMPT)
    assert [run["status"] for run in runs] == ["completed", "completed", "failed"]
    assert runs[2]["error"]["code"] == "budget_exhausted"
    assert runs[2]["error"]["message"].startswith(
        "the budget of tenant default of 2 calls of a model does not suffice: 2 are used, "
        "and the next call of m may take 1; it begins anew at "
    )
    assert runs[2]["error"]["hint"] == "raise it with `runwright tenants set default --llm-calls N`"
    assert after["status"] == "completed"


async def test_calls_at_once_never_overrun_together(settings: Settings) -> None:
    """Of twenty runs at the same moment as many are planned as there is room for; the others say why."""
    async with serving(settings, [RIGHT], llm_wait_s=60.0) as it:
        await limited(it, llm_calls=7)
        runs = await asyncio.gather(*(it.run(PROMPT) for _ in range(20)))
        took = await used(it)
    ended = [run["status"] for run in runs]
    assert (ended.count("completed"), ended.count("failed")) == (7, 13)
    assert {run["error"]["code"] for run in runs if run["error"]} == {"budget_exhausted"}
    assert len(it.server.requests) == took.llm_calls == 7


async def test_room_that_others_have_reserved_is_waited_for(settings: Settings) -> None:
    """Four calls may take most of the budget each, and all fit in one after the other."""
    async with serving(settings, [RIGHT], llm_wait_s=60.0) as it:
        await limited(it, tokens=15_000)
        runs = await asyncio.gather(*(it.run(PROMPT) for _ in range(4)))
        took = await used(it)
    assert [run["status"] for run in runs] == ["completed"] * 4
    assert took.tokens == 480
    assert it.server.open_max == 1


async def test_a_tenant_that_waits_for_room_is_in_nobodys_way(settings: Settings) -> None:
    """The only place among the calls at once is free for others, as long as its budget is taken."""
    async with serving(settings, [RIGHT], llm_wait_s=60.0, llm_calls_at_once_max=1) as it:
        await limited(it, tokens=15_000)
        tenants, other = it.app.store.tenants, Tenant("other")
        await tenants.reserve(DEFAULT_TENANT, "another", ModelUse(9_000, 0.0, 1), 600.0)
        waiting = asyncio.create_task(it.run(PROMPT))
        await wait_until(lambda: it.app.worker.in_hand, 30.0, "the run to be planned")
        submitted = await it.app.service.submit(other, NewRun(PROMPT))
        run = await it.app.service.settled(other, submitted.run.run_id, 20.0)
        asked, is_waiting = len(it.server.requests), not waiting.done()
        await tenants.settle(DEFAULT_TENANT, "another", ModelUse())
        late = await waiting
    assert (run.status, asked, is_waiting, late["status"]) == ("completed", 1, True, "completed")


async def test_a_call_without_a_place_takes_nothing(settings: Settings) -> None:
    """What was reserved for it is given back, whether it waits too long or is cut off while it waits."""
    stalled = Reply(text=RIGHT.text, hold_at=10)
    async with serving(settings, [stalled], llm_wait_s=0.2, llm_calls_at_once_max=1) as it:
        await limited(it, tokens=100_000)
        first = asyncio.create_task(it.run(PROMPT))
        await wait_until(lambda: it.server.requests, 60.0, "the call")
        second = await it.run(PROMPT)
        held = await it.app.store.tenants.standing(DEFAULT_TENANT)
        stalled.hold.set()
        await first
        took = await used(it)
    assert second["error"]["code"] in ("model_busy", "not_understood"), second["error"]
    assert (held.reserved.llm_calls, took.llm_calls) == (1, 1)


async def test_waiting_for_room_is_part_of_a_plannings_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that waited has the less time for its answer, so that planning ends when its time is over."""
    for planning_s in (3.0, 30.0):  # a slow machine may need longer until the model is called
        said = await _gave_up_after(settings, monkeypatch, planning_s)
        if said is not None:
            break
    assert said is not None
    assert said <= planning_s - 0.35


async def _gave_up_after(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, planning_s: float
) -> float | None:
    """The seconds that a stalled model is said to have had, once others have used some of the planning's time."""
    stalled = Reply(text=RIGHT.text, hold_at=10)
    async with serving(settings, [stalled], llm_planning_s_max=planning_s, llm_wait_s=60.0) as it:
        await limited(it, tokens=15_000)
        tenants, tries = it.app.store.tenants, 0
        await tenants.reserve(DEFAULT_TENANT, "another", ModelUse(9_000, 0.0, 1), 600.0)
        reserve = tenants.reserve

        async def counted(*asked: Any) -> Shortfall | None:
            nonlocal tries
            if (tries := tries + 1) == 4:  # after pauses of 0.35 s
                await tenants.settle(DEFAULT_TENANT, "another", ModelUse())
            return await reserve(*asked)

        monkeypatch.setattr(tenants, "reserve", counted)
        run = await it.run(PROMPT)
        stalled.hold.set()
    said = re.search(r"the model did not answer within ([\d.]+) s", run["error"]["message"])
    return None if said is None else float(said[1])


async def test_a_cost_budget_needs_a_price(settings: Settings) -> None:
    """Unknown is not free: the model is not asked, and what would help is said. Tokens can be limited."""
    async with serving(settings, [RIGHT]) as it:
        run = await it.run(PROMPT, budget=Budget(cost_usd=5.0))
        other = await it.run(PROMPT, budget=Budget(tokens=50_000))
        await limited(it, cost_usd=5.0)
        tenant = await it.run(PROMPT)
        took = await used(it)
    assert run["error"]["code"] == tenant["error"]["code"] == "budget_exhausted"
    assert run["error"]["message"] == (
        "the run's budget of 5 US dollars cannot be kept, because nobody knows the price of m"
    )
    assert "RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK" in run["error"]["hint"]
    assert tenant["error"]["message"].startswith(
        "the budget of tenant default of 5 US dollars cannot be kept"
    )
    assert other["status"] == "completed" and other["usage"]["cost_usd"] is None
    assert (took.llm_calls, took.unpriced_calls) == (1, 1)


async def test_a_judge_is_paid_from_the_same_budget(settings: Settings) -> None:
    """A plan whose judge there is no budget for is not carried out."""
    async with serving(settings, [RIGHT], judge="llm", judge_on_doubt="best") as it:
        run = await it.run(PROMPT, budget=Budget(llm_calls=1))
    assert run["error"]["code"] == "budget_exhausted"
    assert run["execution_log"] == []


async def test_a_model_that_is_away_takes_nothing_and_rules_plan(settings: Settings) -> None:
    """The budget is looked at when a model is about to be called; a call that nobody answers takes no tokens."""
    async with serving(settings, [refused(500, "no")]) as it:
        run = await it.run("calculate 2 + 3", budget=Budget(tokens=50_000))
        took = await used(it)
    assert (run["status"], run["plan"]["source"]) == ("completed", "rules")
    assert took == ModelUse(llm_calls=1)


async def test_what_nobody_counted_counts_by_its_bytes(settings: Settings) -> None:
    """A server that tells no usage cannot be used for ever: each byte is a token then."""
    uncounted = Reply(text=RIGHT.text, counted=None)
    async with serving(settings, [uncounted]) as it:
        run = await it.run(PROMPT)
        took = await used(it)
    said = sum(len(message["content"].encode()) for message in it.server.requests[0]["messages"])
    assert run["usage"]["completion_tokens"] == 0
    assert took.tokens > said + len(RIGHT.text)


async def test_a_cancelled_call_gives_its_reservation_back(settings: Settings) -> None:
    """What it may have taken so far is counted, and nothing stays reserved."""
    stalled = Reply(text=RIGHT.text, hold_at=10)
    async with serving(settings, [stalled]) as it:
        await limited(it, tokens=100_000)
        submitted = await it.app.service.submit(DEFAULT_TENANT, NewRun(PROMPT))
        await wait_until(lambda: it.server.requests, 60.0, "the call")
        before = await it.app.store.tenants.standing(DEFAULT_TENANT)
        await it.app.service.cancel(DEFAULT_TENANT, submitted.run.run_id)
        for _ in range(2_000):
            standing = await it.app.store.tenants.standing(DEFAULT_TENANT)
            if standing.used.llm_calls:
                break
            await asyncio.sleep(0.01)
        stalled.hold.set()
    assert before.reserved.llm_calls == 1
    assert standing.reserved == ModelUse()
    assert 0 < standing.used.tokens < before.reserved.tokens


async def test_a_call_is_paid_for_however_often_its_planning_is_cut_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is cancelled lets go of its planner twice; what the model took is noted all the same."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def priced(_: object, __: str) -> Price:
        def price(_: ModelUsage) -> float:
            asked.release()
            assert go_on.wait(60.0)
            return 0.5

        return price

    monkeypatch.setattr(models, "price_from", priced)
    stalled = Reply(text=RIGHT.text, hold_at=10)
    async with serving(settings, [stalled]) as it:
        await limited(it, cost_usd=2.0)
        request = PlanRequest(RunId("run"), DEFAULT_TENANT, PROMPT, None)
        planning = asyncio.create_task(make_plan(it.app.engine.planner, request, lambda _: None))
        assert await asyncio.to_thread(asked.acquire, timeout=60.0)
        go_on.set()
        await wait_until(lambda: it.server.requests, 60.0, "the call")
        go_on.clear()
        planning.cancel()
        assert await asyncio.to_thread(asked.acquire, timeout=60.0)
        planning.cancel()
        await asyncio.wait([planning])
        go_on.set()
        for _ in range(2_000):
            standing = await it.app.store.tenants.standing(DEFAULT_TENANT)
            if standing.used.llm_calls:
                break
            await asyncio.sleep(0.01)
        stalled.hold.set()
    assert planning.cancelled()
    assert standing.reserved == ModelUse()
    assert (standing.used.cost_usd, standing.used.llm_calls) == (0.5, 1)


async def test_room_that_is_asked_for_in_the_last_moment_is_given_back(settings: Settings) -> None:
    """A planning that is cut off while its reservation is being written has none afterwards."""
    async with serving(settings, [RIGHT]) as it:
        await limited(it, tokens=100_000)
        tenants = it.app.store.tenants
        purse = Purse(tenants, PlanRequest(RunId("run"), DEFAULT_TENANT, PROMPT, None), 10.0)
        reserving = asyncio.create_task(purse.reserve("m", ModelUse(9_000, 0.0, 1), 600.0))
        await asyncio.sleep(0)  # it is with the writer now, who is not to be stopped
        reserving.cancel()
        await asyncio.wait([reserving])
        standing = await tenants.standing(DEFAULT_TENANT)
    assert reserving.cancelled()
    assert (standing.reserved, standing.used) == (ModelUse(), ModelUse())


@pytest.mark.parametrize("counted", [(10**30, 20), (100, 2**63 - 1), (-100, 20), (100, -20)])
async def test_a_count_that_cannot_be_is_none(settings: Settings, counted: tuple[int, int]) -> None:
    """The plan is taken; what it took counts by its bytes, and no budget grows by it."""
    async with serving(settings, [Reply(text=RIGHT.text, counted=counted)]) as it:
        await limited(it, tokens=100_000)
        run = await it.run(PROMPT)
        took = await used(it)
    assert (run["status"], run["result"]) == ("completed", 5), run["error"]
    assert run["usage"]["cost_usd"] is None
    assert 100 < took.tokens < 100_000
    assert took.llm_calls == 1


async def test_planning_alone_is_paid_for_too(settings: Settings) -> None:
    """`POST /plans` says that the budget is exhausted as a problem; `POST /runs` takes a budget."""
    async with serving(settings, [RIGHT]) as it, client_of(it.app) as client:
        await limited(it, llm_calls=2)
        body = {"prompt": PROMPT, "budget": {"tokens": 99_999, "cost_usd": None}}
        created = (await client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=60"})).json()
        planned = [(await client.post("/api/v1/plans", json={"prompt": PROMPT})).json() for _ in range(2)]
        took = await used(it)
    assert created["budget"] == {"tokens": 99_999, "cost_usd": None, "llm_calls": None}
    assert created["status"] == "completed"
    assert planned[0]["plan"] is not None
    assert planned[1]["plan"] is None
    assert [problem["code"] for problem in planned[1]["problems"]] == ["budget_exhausted"]
    assert took.llm_calls == 2


@pytest.mark.parametrize(
    "budget",
    [
        {"tokens": -1},
        {"tokens": 1.5},
        {"tokens": "9"},
        {"cost_usd": -0.1},
        {"euros": 3},
        {"llm_calls": 10**16},
        7,
    ],
)
async def test_what_is_no_budget_is_refused(settings: Settings, budget: object) -> None:
    """With 422, and no run."""
    async with serving(settings, [RIGHT]) as it, client_of(it.app) as client:
        answer = await client.post("/api/v1/runs", json={"prompt": PROMPT, "budget": budget})
        listed = (await client.get("/api/v1/runs")).json()
    assert answer.status_code == 422, answer.text
    assert "budget" in answer.text
    assert listed["items"] == []


async def test_an_estimate_has_the_cost_of_the_plan_and_the_time_of_its_longest_path(
    settings: Settings,
) -> None:
    """Null until every tool has been called, and null where a price is not known; rules cost nothing."""
    chain = Reply(
        text=planned(calculation("1 + 1"), calculation("2 + 2"), calculation("{step_1_output} + 1"))
    )
    async with serving(settings, [chain], **PRICED) as it:
        first = await it.app.service.plan(DEFAULT_TENANT, PROMPT)
        await it.run(PROMPT)
        average_ms = it.app.registry.figures(DEFAULT_TENANT, "calculator")["avg_latency_ms"]
        second = await it.app.service.plan(DEFAULT_TENANT, PROMPT)
    async with serving(settings, [chain]) as it:
        unpriced = await it.app.service.plan(DEFAULT_TENANT, PROMPT)
    async with serving(settings, [refused(500, "no")]) as it:
        by_rules = await it.app.service.plan(DEFAULT_TENANT, "calculate 2 + 3")
    assert first.estimate == {"steps": 3, "critical_path_ms": None, "cost_usd": COST_USD}
    assert average_ms is not None
    assert second.estimate == {
        "steps": 3,
        "critical_path_ms": pytest.approx(2 * average_ms, abs=0.002),
        "cost_usd": COST_USD,
    }
    assert unpriced.estimate["cost_usd"] is None
    assert by_rules.plan is not None and by_rules.plan.source == "rules"
