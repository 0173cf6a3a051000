"""A process with an engine, to be killed: `python -m engines.process FOLDER RUNS PLACE`.

It accepts runs until FOLDER/accepted names as many as asked for, carries on with whatever is unfinished and
exits when nothing is left. Its tools write what they do to FOLDER/effects, synced, before they answer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from engines.composition import Composition, step
from engines.places import Place
from runwright.core.declare import DeclaredTool, tool
from runwright.core.plan import Step
from runwright.core.policy import Retry
from runwright.core.tool import ToolContext

SAFE = (
    step(1, "keyed", n=1),
    step(2, "keyed", n=2),
    step(3, "keyed", n="{step_1_output}"),
    step(4, "threaded", 2, n="{step_3_output}"),
    step(5, "keyed", 4, n=5),
)
RISKY = (step(1, "keyed", n=1), step(2, "unsafe", 1, n=2), step(3, "keyed", 2, n=3))


def written(path: Path, *words: object) -> None:
    """Add a line to a file; it is on the disk when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (" ".join(map(str, words)) + "\n").encode())
    os.fsync(file)
    os.close(file)


def tools(folder: Path) -> tuple[DeclaredTool, ...]:
    """Return tools whose effects outlive the process."""

    def act(ctx: ToolContext) -> None:
        key = ctx.idempotency_key
        written(folder / "effects", ctx.run_id, ctx.step_number, ctx.attempt, key)

    @tool(effects="keyed", retry=Retry(attempts_max=3, base_s=0.001, jitter_s=0.0))
    async def keyed(n: int, ctx: ToolContext) -> int:
        act(ctx)
        await asyncio.sleep(0.001)
        if ctx.attempt == 1 and ctx.step_number == 2:
            raise ConnectionError
        return n

    @tool(effects="keyed")
    def threaded(n: int, ctx: ToolContext) -> int:
        act(ctx)
        return n

    @tool(effects="unsafe")
    async def unsafe(n: int, ctx: ToolContext) -> int:
        act(ctx)
        await asyncio.sleep(0.001)
        return n

    return keyed, threaded, unsafe


def steps_of(number: int) -> tuple[Step, ...]:
    """Return the plan of the n-th run; every third has an unsafe step."""
    return RISKY if number % 3 == 0 else SAFE


async def main(folder: Path, runs: int, place: Place) -> None:
    """Accept what is missing and carry on until nothing is left."""
    parts = Composition(place, tools(folder), runs_at_once_max=3)
    await parts.store.open()
    await parts.worker.start()
    accepted = folder / "accepted"
    known = len(accepted.read_text().splitlines()) if accepted.exists() else 0
    for number in range(known, runs):
        run_id = await parts.submit(*steps_of(number), adopt=number % 2 == 0)
        written(accepted, run_id)
    while parts.worker.in_hand or parts.worker.waiting:
        await asyncio.sleep(0.005)
    await parts.close()


if __name__ == "__main__":
    address = sys.argv[3]
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), address if "://" in address else Path(address)))
