"""Real plans execute: recorded plans of five public data sets, given as plans."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from features.recorded_plans import plan_of, records, stub_tools
from runwright.bootstrap import Application
from runwright.core.drafts import draft_of
from runwright.core.errors import RunwrightError
from runwright.core.ids import DEFAULT_TENANT
from runwright.core.state import Run
from runwright.ports import Bell
from runwright.runtime.requests import NewRun

AT_ONCE = 100


async def carried_out(app: Application, plans: list[dict[str, Any]]) -> list[Run]:
    """Return the runs of plans once they are over, a hundred at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(plan: dict[str, Any]) -> Run:
        async with room:
            new = NewRun(plan["goal"], draft_of(plan))
            run = (await app.service.submit(DEFAULT_TENANT, new)).run
            with app.engine.feed.listen(run.run_id) as bell:
                return await over(app, run, bell)

    return await asyncio.gather(*map(one, plans))


async def over(app: Application, run: Run, bell: Bell) -> Run:
    while True:
        bell.clear()
        run = await app.service.run(DEFAULT_TENANT, run.run_id)
        if run.is_over:
            return run
        assert await bell.wait(30), f"{run.run_id} stands still"


@pytest.mark.long
@pytest.mark.parametrize("name", ["gsm8k_calculator", "svamp_calculator"])
async def test_calculator_plans_give_the_known_answer(app: Application, eval_data: Path, name: str) -> None:
    """Every recorded chain of calculations ends with the official answer of its problem."""
    given = list(records(eval_data, name))

    runs = await carried_out(app, [plan_of(record) for record in given])

    wrong = [
        (record["id"], run.status, run.error, run.steps[-1].output, record["answer"])
        for record, run in zip(given, runs, strict=True)
        if run.status != "completed" or run.steps[-1].output != pytest.approx(record["answer"], rel=1e-9)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("name", "unusable"),
    [("nestful_v1", 0), ("seal_tools", 0), ("bfcl", 0)],
)
async def test_plans_that_fit_their_tools_run(
    app: Application, eval_data: Path, name: str, unusable: int
) -> None:
    """Every recorded plan whose arguments fit its tools' schemas runs to its end on stub tools."""
    fitting = [record for record in records(eval_data, name) if record["schema_ok"]]
    plans, refused = [], []
    for number, record in enumerate(fitting):
        version = f"0.0.{number}"
        try:
            for declared in stub_tools(record, version):
                app.registry.add(declared)
        except RunwrightError as error:
            refused.append((record["id"], error.message))
            continue
        plans.append((record, plan_of(record, version)))

    runs = await carried_out(app, [plan for _, plan in plans])

    failed = [
        (record["id"], run.error, run.problems[:2])
        for (record, _), run in zip(plans, runs, strict=True)
        if run.status != "completed"
    ]
    assert not failed
    assert len(refused) == unusable, refused


@pytest.mark.parametrize("name", ["nestful_v1", "seal_tools", "bfcl"])
def test_plans_that_do_not_fit_are_refused(app: Application, eval_data: Path, name: str) -> None:
    """Recorded plans with arguments that their tools do not take are refused by the check."""
    missed = []
    for number, record in enumerate(r for r in records(eval_data, name) if not r["schema_ok"]):
        version = f"0.1.{number}"
        for declared in stub_tools(record, version):
            app.registry.add(declared)
        if not app.service.problems(draft_of(plan_of(record, version)).steps):
            missed.append(json.dumps(record["steps"])[:300])

    assert not missed
