"""What a world outside sees of steps over crashes of the server: one key for each, and nothing blindly repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acceptance.serving import ServerProcess, serving
from engines.outside import Request, Server, saying
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


async def _killed_at_work(tmp_path: Path, tool_name: str, carrier: Server) -> str:
    """Kill a server whose tool has asked the carrier; return the path of the run."""
    with _serving(tmp_path) as server:
        path = await _created(server, tool_name, carrier.url)
        await wait_until(lambda: len(carrier.requests) == 1, 60, "the request")
        await asyncio.to_thread(server.kill)
    return path


def _serving(tmp_path: Path) -> Any:
    tools = tmp_path / "effects.py"
    tools.write_text(TOOLS)
    return serving(
        tmp_path / "runs.db", "--tools", str(tools), RUNWRIGHT_OUTBOUND_ALLOW="127.0.0.0/8,localhost"
    )


@pytest.mark.parametrize("tool_name", ["book", "book_in_a_thread"])
async def test_a_keyed_step_asks_again_with_the_key_that_it_had(tmp_path: Path, tool_name: str) -> None:
    """The process dies while the world is asked; the next one asks with the same key, and it is on record."""
    carrier = Carrier()
    async with outside(carrier.say) as world:
        path = await _killed_at_work(tmp_path, tool_name, world)
        carrier.answering = True
        with _serving(tmp_path) as server:
            run = await _ended(server, path)

    (entry,) = run["execution_log"]
    keys = [request.headers["idempotency-key"] for request in world.requests]
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


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_an_unsafe_step_waits_for_a_verdict(tmp_path: Path, verdict: str) -> None:
    """After the crash nobody asks again: the run fails with `outcome_unknown` until a person has looked."""
    carrier = Carrier()
    async with outside(carrier.say) as world:
        path = await _killed_at_work(tmp_path, "pay", world)
        carrier.answering = True
        with _serving(tmp_path) as server:
            unknown = await _ended(server, path)
            asked_before = len(world.requests)
            blind = await asyncio.to_thread(server.client.post, f"{path}/restart", json={})
            told = {"resolve": {"1": verdict}}
            heard = await asyncio.to_thread(server.client.post, f"{path}/restart", json=told)
            run = await _ended(server, path)
            again = await asyncio.to_thread(server.client.post, f"{path}/restart", json=told)

    assert (unknown["status"], unknown["error"]["code"]) == ("failed", "outcome_unknown")
    assert unknown["execution_log"][0]["status"] == "unknown" and asked_before == 1
    assert (blind.status_code, heard.status_code) == (409, 202)
    assert VERDICTS[verdict](run, len(world.requests)), run
    assert again.status_code == (409 if verdict == "failed" else 400)
    assert len({request.headers["idempotency-key"] for request in world.requests}) == 1
