"""Four processes, one Redis, one breaker: what one of them finds out, all know."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from models.serving import calculation
from runwright.testing.model_server import ModelServer, Reply, planned, refused
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

PATIENCE_S = 60.0
REST_S = 1.0
PLAN = planned(calculation("2 + 3"))


class Caller:
    """A process; `said` is what came of its prompts so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self.shared: list[bool] = []
        self._heard = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, is_shared = json.loads(line)
            self.said.append(what)
            self.shared.append(is_shared)

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await self._process.wait() == 0
            await self._heard


@asynccontextmanager
async def caller(*words: str) -> AsyncIterator[Caller]:
    pipe = asyncio.subprocess.PIPE
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    clean["PYTHONPATH"] = str(Path(__file__).parents[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "models.caller", *words, stdin=pipe, stdout=pipe, env=clean
    )
    try:
        yield Caller(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.long
async def test_four_processes_make_one_probe_and_no_call_while_it_is_open(
    redis_server: PrivateRedis, tmp_path: Path
) -> None:
    """Outages of all add up to five; then nobody calls for the rest, and one of all tries whether it is back."""
    times: list[float] = []  # of requests, and of the ends of the probes
    ends: list[float] = []
    probing = [asyncio.Event() for _ in range(3)]

    def script(request: dict[str, Any]) -> Reply:
        times.append(time.monotonic())
        if len(times) <= 5:
            return refused(500, "boom")
        return Reply(text=PLAN, hold_at=0, hold=probing[min(len(times) - 6, 2)], finish=finish())

    def finish() -> str | None:
        return None if len(times) == 6 else "stop"  # the first probe breaks off, the second is answered

    async with ModelServer(script) as server, AsyncExitStack() as stack:
        words = (server.base_url, redis_server.url, str(REST_S))
        four = [
            await stack.enter_async_context(caller(*words, str(tmp_path / f"{number}.db")))
            for number in range(4)
        ]
        await wait_until(lambda: all(one.said for one in four), PATIENCE_S, "all four to be up")
        for number in range(5):
            one = four[number % 4]
            before = len(one.said)
            one.tell("once")
            await wait_until(lambda: len(one.said) > before, PATIENCE_S, "an outage")  # noqa: B023
        ends.append(time.monotonic())
        for one in four:
            one.tell("on")
        for number in range(2):
            await wait_until(lambda: len(times) > 5 + number, PATIENCE_S, "a probe")  # noqa: B023
            told = [len(one.said) for one in four]
            # the process that probes says nothing meanwhile; the others are turned away again and again
            await wait_until(
                lambda: sum(len(one.said) >= was + 10 for one, was in zip(four, told, strict=True)) == 3,  # noqa: B023
                PATIENCE_S,
                "three to be turned away",
            )
            assert len(times) == 6 + number, "exactly one probe"
            ends.append(time.monotonic())
            probing[number].set()
        probing[2].set()
        await wait_until(
            lambda: all(one.said[-1] == "llm" for one in four), PATIENCE_S, "all four to plan again"
        )
        for one in four:
            await one.end()

    assert len(times) >= 11, "closed, all call again"
    assert times[5] - times[4] >= REST_S - 0.01 and times[6] - ends[1] >= REST_S - 0.01, "no call while open"
    said = {line for one in four for line in one.said}
    assert any("somebody else is trying" in line for line in said)
    assert any("left alone" in line for line in said)
    assert all(all(one.shared) for one in four)
