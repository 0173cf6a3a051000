"""Tools whose effects outlive the server: each call is a line in a file outside, synced before it goes on."""

from __future__ import annotations

import asyncio
import json
import os
import time

from runwright import Retry, ToolContext, tool
from runwright.core.errors import ToolRetryable
from runwright.crash_points import crash_here

TIMEOUT_S = 30.0
ON_THE_WAY_S = 0.05  # from the call of a tool in a thread to what it does
AT_ONCE = Retry(attempts_max=3, base_s=0.02, jitter_s=0.0)


def act(ctx: ToolContext, effects: str, called_at_s: float | None = None, pause_s: float = 0.0) -> None:
    called_at_s = time.time() if called_at_s is None else called_at_s
    time.sleep(pause_s)
    crash_here("tool.before_effect")
    line = {
        "run_id": ctx.run_id,
        "step_number": ctx.step_number,
        "attempt": ctx.attempt,
        "key": ctx.idempotency_key,
        "effects": effects,
        "pid": os.getpid(),
        "called_at_s": called_at_s,
        "at_s": time.time(),
    }
    file = os.open(os.environ["CRASH_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, json.dumps(line).encode() + b"\n")
    os.fsync(file)
    os.close(file)
    crash_here("tool.after_effect")


@tool(effects="keyed")
async def keyed(n: int, ctx: ToolContext, pause_s: float = 0.0) -> int:
    act(ctx, "keyed")
    await asyncio.sleep(pause_s)
    return n


@tool(effects="idempotent", retry=AT_ONCE)
async def flaky(n: int, ctx: ToolContext) -> int:
    act(ctx, "idempotent")
    if ctx.attempt == 1:
        raise ToolRetryable("not yet")
    return n


@tool(effects="unsafe")
async def unsafe(n: int, ctx: ToolContext, pause_s: float = 0.0) -> int:
    act(ctx, "unsafe")
    await asyncio.sleep(pause_s)
    return n


@tool(effects="pure")
async def pure(n: int, ctx: ToolContext) -> int:
    act(ctx, "pure")
    return n


@tool(effects="keyed", timeout_s=TIMEOUT_S)
def threaded(n: int, ctx: ToolContext) -> int:
    """Act a little behind the call.

    The whole process may be stopped between the last look at the lease and the first line here, so it is not
    for this line to say when the call began: the deadline counts from it.
    """
    act(ctx, "keyed", ctx.deadline_s - TIMEOUT_S, ON_THE_WAY_S)
    return n


@tool(effects="keyed")
async def stubborn(n: int, ctx: ToolContext) -> int:
    """Fail for good until it is called for the third time."""
    act(ctx, "keyed")
    if ctx.attempt < 3:
        raise ValueError("not like this")
    return n
