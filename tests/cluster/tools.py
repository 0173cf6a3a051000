"""Tools whose calls are written down outside, synced, before they do anything else."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from runwright import ToolContext, tool
from runwright.core.policy import Retry


def _noted(ctx: ToolContext) -> None:
    line = {
        "run": ctx.run_id,
        "step": ctx.step_number,
        "attempt": ctx.attempt,
        "key": ctx.idempotency_key,
        "pid": os.getpid(),
        "at": time.time(),
    }
    file = os.open(os.environ["CLUSTER_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (json.dumps(line) + "\n").encode())
    os.fsync(file)
    os.close(file)


@tool(effects="keyed")
async def note(n: int, pause_s: float, ctx: ToolContext) -> int:
    _noted(ctx)
    await asyncio.sleep(pause_s)
    return n


@tool(effects="keyed")
async def note_and_wait(n: int, ctx: ToolContext) -> int:
    """Wait until the test has seen what it wants to see."""
    _noted(ctx)
    while not Path(os.environ["CLUSTER_EFFECTS"]).with_name("go-on").exists():
        await asyncio.sleep(0.01)
    return n


@tool(effects="keyed", retry=Retry(attempts_max=2, base_s=3.0, jitter_s=0.0))
async def fails_once(ctx: ToolContext) -> int:
    _noted(ctx)
    if ctx.attempt == 1:
        raise ConnectionError("the first attempt fails")
    return ctx.attempt


@tool(effects="pure")
async def pulse(pause_s: float, size: int) -> str:
    """Take some time, and return so many characters; nothing is written down."""
    await asyncio.sleep(pause_s)
    return "x" * size


@tool(effects="keyed")
async def held(until: str, ctx: ToolContext) -> int:
    """End when a file is there."""
    _noted(ctx)
    while not Path(until).exists():
        await asyncio.sleep(0.02)
    return ctx.attempt
