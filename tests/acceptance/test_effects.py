"""What a world outside sees of steps over crashes of the server: one key for each, and nothing blindly repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from acceptance.serving import ServerProcess, serving
from engines.outside import Request, saying
from engines.outside import serving as outside
from runwright.testing.waiting import wait_until

TOOLS = '''
import os
from runwright import ToolContext, tool


@tool(effects="keyed")
async def book(url: str, ctx: ToolContext) -> str:
    """Book something."""
    return (await ctx.http.post(url)).raise_for_status().text


@tool(effects="keyed")
def book_in_a_thread(url: str, ctx: ToolContext) -> str:
    """Book something."""
    return ctx.http.post(url).raise_for_status().text


@tool
async def pay(url: str, ctx: ToolContext) -> str:
    """Pay, which cannot be taken back."""
    return (await ctx.http.post(url)).raise_for_status().text
'''


class Carrier:
    """A service outside that keeps quiet until it is told to answer."""

    def __init__(self) -> None:
        self.answering = False

    async def say(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.answering:
            await saying("200 OK", b"done")(request, writer)
        else:
            await asyncio.Event().wait()


async def _created(server: ServerProcess, tool_name: str, url: str) -> str:
    step = {"step_number": 1, "tool_name": tool_name, "tool_input": {"url": url}}
    body = {"plan": {"goal": "an effect", "steps": [step]}}
    answer = await asyncio.to_thread(server.client.post, "/api/v1/runs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def _ended(server: ServerProcess, path: str) -> dict[str, Any]:
    await asyncio.to_thread(server.client.get, f"{path}/events")
    run: dict[str, Any] = (await asyncio.to_thread(server.client.get, path)).json()
    return run


def _serving(tmp_path: Path) -> Any:
    tools = tmp_path / "effects.py"
    tools.write_text(TOOLS)
    return serving(
        tmp_path / "runs.db", "--tools", str(tools), RUNWRIGHT_OUTBOUND_ALLOW="127.0.0.0/8,localhost"
    )


class Case:
    """A run whose only step had asked a service outside when the server died.

    verdict   what a person says of it afterwards; None: nobody is asked
    """

    def __init__(self, tool_name: str, verdict: str | None = None) -> None:
        self.tool_name, self.verdict = tool_name, verdict
        self.carrier = Carrier()
        self.path = ""

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        async with outside(self.carrier.say) as self.world:
            yield


async def _asked_again(server: ServerProcess, case: Case) -> None:
    """The process died while the world was asked; the next one asks with the same key, and it is on record."""
    run = await _ended(server, case.path)
    (entry,) = run["execution_log"]
    keys = [request.headers["idempotency-key"] for request in case.world.requests]
    assert (run["status"], run["result"], entry["attempts"]) == ("completed", "done", 2)
    assert keys == [entry["idempotency_key"]] * 2


Check = Callable[[dict[str, Any], int], bool]
VERDICTS: dict[str, Check] = {
    "retry": lambda run, asked: run["status"] == "completed" and run["result"] == "done" and asked == 2,
    "succeeded": lambda run, asked: run["status"] == "completed" and asked == 1,
    "failed": lambda run, asked: (
        run["status"] == "failed" and run["error"]["code"] == "tool_failed" and asked == 1
    ),
}


async def _judged(server: ServerProcess, case: Case, verdict: str) -> None:
    """After the crash nobody asks again: the run fails with `outcome_unknown` until a person has looked."""
    unknown = await _ended(server, case.path)
    asked_before = len(case.world.requests)
    blind = await asyncio.to_thread(server.client.post, f"{case.path}/restart", json={})
    told = {"resolve": {"1": verdict}}
    heard = await asyncio.to_thread(server.client.post, f"{case.path}/restart", json=told)
    run = await _ended(server, case.path)
    again = await asyncio.to_thread(server.client.post, f"{case.path}/restart", json=told)

    assert (unknown["status"], unknown["error"]["code"]) == ("failed", "outcome_unknown")
    assert unknown["execution_log"][0]["status"] == "unknown" and asked_before == 1
    assert (blind.status_code, heard.status_code) == (409, 202)
    assert VERDICTS[verdict](run, len(case.world.requests)), run
    assert again.status_code == (409 if verdict == "failed" else 400)
    assert len({request.headers["idempotency-key"] for request in case.world.requests}) == 1


async def test_what_had_asked_the_world_when_the_server_died(tmp_path: Path) -> None:
    """A keyed step asks again with the key that it had; an unsafe one waits for a person's verdict."""
    cases = [Case("book"), Case("book_in_a_thread"), *(Case("pay", verdict) for verdict in VERDICTS)]
    async with AsyncExitStack() as stack:
        for case in cases:
            await stack.enter_async_context(case.outside())
        with _serving(tmp_path) as server:
            for case in cases:
                case.path = await _created(server, case.tool_name, case.world.url)
            await wait_until(lambda: all(len(case.world.requests) == 1 for case in cases), 60, "the requests")
            await asyncio.to_thread(server.kill)
        for case in cases:
            case.carrier.answering = True
        with _serving(tmp_path) as server:
            for case in cases:
                if case.verdict is None:
                    await _asked_again(server, case)
                else:
                    await _judged(server, case, case.verdict)
