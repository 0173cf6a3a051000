"""When the first answer of a plan is there that a model takes seconds to write."""

from __future__ import annotations

import asyncio
import tempfile
import time
from statistics import median
from typing import Any, NamedTuple

from bench.sizes import Sizes
from runwright import Runwright, Settings
from runwright.bench.tables import Goal, Table, figure, judged
from runwright.testing.model_server import ModelServer, Reply, planned

COMMAND = "python -m bench early"
STEPS, PIECE = 12, 16
PLAN = planned(
    *({"tool_name": "calculator", "tool_input": {"expression": f"{n} + 1"}} for n in range(STEPS - 1)),
    {"tool_name": "calculator", "tool_input": {"expression": "{step_1_output} + {step_2_output}"}},
)


class _Seen(NamedTuple):
    """One run: when the first result was there, when the plan was, and what came out of it."""

    first_ms: float
    accepted_ms: float
    ended_ms: float
    outputs: list[Any]


def tables(sizes: Sizes) -> list[Table]:
    """Return how long the first result takes, with steps that start early and without."""
    seen = {
        early: [asyncio.run(_run(early=early, pause_s=sizes.pause_s)) for _ in range(sizes.works.samples)]
        for early in (False, True)
    }
    late_ms, early_ms = (median(one.first_ms for one in seen[early]) for early in (False, True))
    same = all(one.outputs == seen[False][0].outputs for runs in seen.values() for one in runs)
    earlier = 100 - 100 * early_ms / late_ms
    written_ms = median(one.accepted_ms for runs in seen.values() for one in runs)
    whole = [figure(median(one.ended_ms for one in seen[early])) for early in (False, True)]
    title = f"A model that writes {STEPS} steps"
    table = Table(title, COMMAND, ("", "first result, ms", "whole run, ms", "goal", "met"))
    table.rows.append(("the plan, then its steps", figure(late_ms), whole[0], "", ""))
    table.rows.append(("steps while it is written", figure(early_ms), whole[1], "", ""))
    table.rows.append(("earlier by, %", figure(earlier), "", *judged(earlier, Goal(40, "at least"))))
    answers = "the same" if same else "NOT the same"
    table.notes.append(f"The plan is accepted after {figure(written_ms)} ms; the answers are {answers}.")
    table.samples = {str(early): [one._asdict() for one in runs] for early, runs in seen.items()}
    return [table]


async def _run(*, early: bool, pause_s: float) -> _Seen:
    reply = Reply(text=PLAN, piece_size=PIECE, pause_s=pause_s)
    with tempfile.TemporaryDirectory() as folder:
        async with ModelServer([reply]) as server:
            settings = Settings(
                database_url=f"sqlite:///{folder}/runs.db",
                llm_base_url=server.base_url,
                llm_model="scripted",
                llm_early_steps=early,
            )
            async with Runwright(settings=settings) as runtime:
                await runtime.run("calculate 1 + 1", plan=_warm())
                return await _seen(runtime)


async def _seen(runtime: Runwright) -> _Seen:
    began_s, first_ms, accepted_ms = time.perf_counter(), 0.0, 0.0
    run = await runtime.submit("twelve sums, please")
    async for event in runtime.events(run.run_id):
        after_ms = (time.perf_counter() - began_s) * 1_000
        if event.type == "step.succeeded" and not first_ms:
            first_ms = after_ms
        elif event.type == "plan.accepted":
            accepted_ms = after_ms
    ended_ms = (time.perf_counter() - began_s) * 1_000
    ended = await runtime.get(run.run_id)
    if ended.status != "completed":
        raise AssertionError(f"the run ended {ended.status}: {ended.error}")
    return _Seen(first_ms, accepted_ms, ended_ms, [entry["output"] for entry in ended.execution_log])


def _warm() -> dict[str, Any]:
    """A plan that loads what a first run loads."""
    step = {"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "1 + 1"}}
    return {"goal": "warm up", "steps": [step]}
