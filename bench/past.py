"""A database with a past, made by a process of its own: `python -m bench.past`.

Runs of the calculator, carried out one crowd after the other; at the end some are accepted and under way
when the process dies, as in a crash. The only line on standard output holds the ids of those.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from runwright import Runwright, Settings

CROWD = 500


class Order(msgspec.Struct):
    """What is to be made.

    left   runs that are not over
    """

    database: str
    runs: int
    steps: int
    left: int


def plan(steps: int) -> dict[str, Any]:
    """Return a chain of calculations, each of which goes on with the result of the one before."""
    expressions = ["1 + 1", *(f"{{step_{n}_output}} + 1" for n in range(1, steps))]
    return {
        "goal": "count",
        "steps": [
            {"step_number": n, "tool_name": "calculator", "tool_input": {"expression": expression}}
            for n, expression in enumerate(expressions, start=1)
        ],
    }


async def _main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    settings = Settings(database_url=SecretStr(f"sqlite:///{Path(order.database)}"))
    given = plan(order.steps)
    async with Runwright(settings=settings) as runtime:
        for made in range(0, order.runs, CROWD):
            some = range(min(CROWD, order.runs - made))
            ended = await asyncio.gather(*(runtime.run(plan=given) for _ in some))
            assert {run.result for run in ended} == {order.steps + 1}
        left = await asyncio.gather(*(runtime.submit(plan=given) for _ in range(order.left)))
        print(msgspec.json.encode([run.run_id for run in left]).decode(), flush=True)
        os._exit(0)  # no drain, no checkpoint: a crash


if __name__ == "__main__":
    asyncio.run(_main())
