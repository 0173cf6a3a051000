"""One tenant's crowd takes neither all room of the workers nor all places of those that wait."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from runwright.bootstrap import application
from runwright.core.declare import tool
from runwright.core.drafts import draft_of
from runwright.core.errors import Overloaded
from runwright.core.ids import Tenant
from runwright.core.tool import ToolContext
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.waiting import wait_until

ANNA, BERT = Tenant("anna"), Tenant("bert")
PATIENCE_S = 60.0


@pytest.fixture
def shared(settings: Settings, postgres_url: str) -> Settings:
    """Settings of a process on PostgreSQL, where few runs may wait."""
    return Settings(database_url=postgres_url, waiting_runs_max=10, tenant_runs_cluster_max=3)


NEW = NewRun(
    "", draft_of({"goal": "g", "steps": [{"step_number": 1, "tool_name": "hold", "tool_input": {}}]})
)


async def test_a_server_without_a_worker_refuses_what_would_wait_too_long(shared: Settings) -> None:
    """It counts the runs of all processes; one tenant has four fifths of the places, the next the rest."""
    accepted: Counter[Tenant] = Counter()
    async with application(shared, drives=False) as app:

        def seen() -> bool:
            return sum(app.store.dispatcher.waiting.values()) >= accepted.total()

        async def fill(tenant: Tenant) -> Overloaded:
            try:
                while True:
                    await app.service.submit(tenant, NEW)
                    accepted[tenant] += 1
                    # the bound holds as of the last look, which each server takes by itself
                    await wait_until(seen, PATIENCE_S, "a look")
            except Overloaded as error:
                return error

        refusals = [await fill(tenant) for tenant in (ANNA, BERT)]

    assert accepted == {ANNA: 9, BERT: 1}
    assert all("are waiting already" in error.message for error in refusals)


async def test_a_crowd_leaves_room_for_another_tenant(shared: Settings) -> None:
    """Two workers have three runs of the one tenant at work together, and carry the other's out meanwhile."""
    held, at_work, most = asyncio.Event(), Counter[str](), Counter[str]()

    @tool(effects="pure")
    async def hold(ctx: ToolContext) -> None:
        at_work[ctx.tenant] += 1
        most[ctx.tenant] = max(most[ctx.tenant], at_work[ctx.tenant])
        if ctx.tenant == ANNA:
            await held.wait()
        at_work[ctx.tenant] -= 1

    async with (
        application(shared, [hold], drives=False) as api,
        application(shared, [hold]) as first,
        application(shared, [hold]) as second,
    ):
        crowd = [(await api.service.submit(ANNA, NEW)).run.run_id for _ in range(8)]
        await wait_until(lambda: at_work[ANNA] == 3, PATIENCE_S, "three runs at work")
        single = (await api.service.submit(BERT, NEW)).run.run_id
        ended = await api.service.settled(BERT, single, PATIENCE_S)
        in_hand = first.worker.in_hand + second.worker.in_hand
        held.set()
        ends = [await api.service.settled(ANNA, run_id, PATIENCE_S) for run_id in crowd]

    assert ended.status == "completed"
    assert in_hand <= 4
    assert most == {ANNA: 3, BERT: 1}
    assert {run.status for run in ends} == {"completed"}


async def test_a_worker_without_the_tool_of_a_run_leaves_it_to_others(
    settings: Settings, postgres_url: str
) -> None:
    """It neither refuses the plan nor fails a step: whoever has the tool carries the run out."""
    shared, calls = Settings(database_url=postgres_url), list[str]()

    @tool(effects="pure")
    async def hold() -> None:
        calls.append("hold")

    async with application(shared) as lacking:
        async with application(shared, drives=False) as api:
            run_id = (await api.service.submit(ANNA, NEW)).run.run_id
        left = lacking.store.dispatcher._left
        await wait_until(lambda: run_id in left, PATIENCE_S, "the run to be left")
        between = await lacking.service.run(ANNA, run_id)
        async with application(shared, [hold]) as having:
            ended = await having.service.settled(ANNA, run_id, PATIENCE_S)

    assert between.status == "pending"
    assert (ended.status, calls) == ("completed", ["hold"])


async def test_a_run_does_not_wait_for_a_tool_for_ever(settings: Settings, postgres_url: str) -> None:
    """When nobody has it in time, the run fails and says what is missing."""
    async with application(Settings(database_url=postgres_url, worker_tools_wait_s=0.5)) as lacking:
        async with application(Settings(database_url=postgres_url), drives=False) as api:
            run_id = (await api.service.submit(ANNA, NEW)).run.run_id
        ended = await lacking.service.settled(ANNA, run_id, PATIENCE_S)

    assert ended.status == "failed"
    assert ended.error is not None
    assert "hold" in str(ended.refusal or ended.error)
