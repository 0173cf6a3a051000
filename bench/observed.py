"""W3 with more and more people looking on, in one process: `python -m bench.observed`.

The first line of standard input says what to do; the only line on standard output says what came out.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from contextlib import AsyncExitStack, redirect_stderr
from pathlib import Path

import msgspec
import structlog
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from runwright import Settings, logs, tool
from runwright.bench.shapes import chain, given_plan, work
from runwright.bootstrap import Application, application
from runwright.core.drafts import draft_of
from runwright.core.ids import DEFAULT_TENANT
from runwright.core.trace import Trace
from runwright.observers import NONE, observers
from runwright.runtime.requests import NewRun
from runwright.staying import tune_collector

NOTHING, COUNTED, TRACED = "nothing", "counted", "traced"
SAMPLED_OF = 10  # one run in so many
_OF_RUNS = ('"event":"run.accepted"', '"event":"run.ended"')


class Order(msgspec.Struct):
    """What is to be measured.

    collector   the address that spans are sent to
    """

    folder: str
    collector: str
    rounds: int
    runs: int
    steps: int


class Found(msgspec.Struct):
    """What came out, by who looked on.

    cpu_s   processor seconds for 1,000 steps, one value for each round
    told    how many runs and steps the metrics say were completed, the warming-up included
    lines   of the log, of runs, all together
    """

    cpu_s: dict[str, list[float]]
    told: dict[str, dict[str, int]]
    lines: int = 0


async def _main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    file = Path(order.folder) / "log.jsonl"
    with file.open("w") as log, redirect_stderr(log):
        found = await _measured(order)
    with file.open() as lines:
        found.lines = sum(any(event in line for event in _OF_RUNS) for line in lines)
    print(msgspec.json.encode(found).decode(), flush=True)


async def _measured(order: Order) -> Found:
    tools = [tool(name="work", effects="pure")(work)]
    found: dict[str, list[float]] = {name: [] for name in (NOTHING, COUNTED, TRACED)}
    told: dict[str, dict[str, int]] = {}
    async with AsyncExitStack() as stack:
        apps: dict[str, Application] = {}
        for name in found:
            endpoint = {"otlp_endpoint": order.collector} if name == TRACED else {}
            url = SecretStr(f"sqlite:///{order.folder}/{name}.db")
            settings = Settings(database_url=url, **endpoint)
            looking_on = NONE
            if name != NOTHING:
                looking_on = stack.enter_context(observers(settings, counting=True))
            apps[name] = await stack.enter_async_context(application(settings, tools, observers=looking_on))
        tune_collector()  # those who look on look at servers
        for turn in range(order.rounds + 1):
            # in the other order every other time: what a neighbour is before or behind shall not matter
            for name, app in sorted(apps.items(), reverse=bool(turn % 2)):
                cpu_s = await _block(app, name, order)
                if turn:  # the first round warms up
                    found[name].append(cpu_s)
        for name, app in apps.items():
            if app.observers.metrics is not None:
                told[name] = _told(app.observers.metrics.text().decode())
    return Found(found, told)


def _told(text: str) -> dict[str, int]:
    """What the metrics say."""
    samples = {
        (sample.name, sample.labels["status"]): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in ("runwright_run_status_total", "runwright_step_executions_total")
    }
    return {
        "runs": samples["runwright_run_status_total", "completed"],
        "steps": samples["runwright_step_executions_total", "succeeded"],
    }


async def _block(app: Application, name: str, order: Order) -> float:
    """The processor seconds that 1,000 steps take, until the last span is sent."""
    if name == NOTHING:
        structlog.reset_defaults()
        logging.getLogger().setLevel(logging.WARNING)
    else:
        logs.configure("info", "json")
    gc.collect()
    cpu_s = time.process_time()
    await asyncio.gather(*(_run(app, number, order.steps, name) for number in range(order.runs)))
    if app.observers.traces is not None:
        await asyncio.to_thread(app.observers.traces.flush)
    return (time.process_time() - cpu_s) / (order.runs * order.steps) * 1_000


async def _run(app: Application, number: int, steps: int, name: str) -> None:
    draft = draft_of(given_plan(chain(steps)))
    trace = Trace(os.urandom(16).hex(), os.urandom(8).hex(), name == TRACED and number % SAMPLED_OF == 0)
    traceparent = None if name == NOTHING else trace.traceparent
    asked = NewRun(draft.goal, draft, traceparent=traceparent)
    submitted = await app.service.submit(DEFAULT_TENANT, asked)
    run = await app.worker.ended(submitted.run.run_id)
    if run is None or run.status != "completed":
        raise RuntimeError(f"the run ended {run and run.status}")


if __name__ == "__main__":
    asyncio.run(_main())
