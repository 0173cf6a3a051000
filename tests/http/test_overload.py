"""More requests than the server takes at once are refused early, with a word on when to come again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.plan import Problem, Step
from runwright.http.app import http_app
from runwright.http.edge import Edge
from runwright.testing.waiting import wait_until


async def test_too_many_open_requests_are_refused_in_words(app: Application) -> None:
    """Of five requests that take their time two are let in; health is told in any case, and room comes back."""
    go_on, inside = asyncio.Event(), 0

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal inside
        inside += 1
        if not scope["path"].startswith("/health"):
            await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    parts = parts_of(app, None)
    edge = Edge(slow, parts.gate, parts.audit, parts.around, lambda: False, open_max=2)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(edge), base_url="http://localhost"
    ) as client:
        let_in = [asyncio.create_task(client.get("/api/v1/runs")) for _ in range(2)]
        await wait_until(lambda: inside == 2, 60, "two requests")
        refused = [await client.get("/api/v1/runs") for _ in range(3)]
        health = await client.get("/health/live")
        go_on.set()
        answered = [await task for task in let_in]
        later = await client.get("/api/v1/runs")

    assert {(a.status_code, a.headers["retry-after"], a.json()["code"]) for a in refused} == {
        (503, "1", "overloaded")
    }
    assert [answer.status_code for answer in (*answered, health, later)] == [200] * 4


async def test_bodies_that_come_slowly_take_no_more_memory_than_there_is(app: Application) -> None:
    """What comes beside too much that is under way is refused at once; one alone is taken, however large."""
    most = 1_000_000
    settings = app.settings.model_copy(update={"bodies_bytes_max": most})
    transport = httpx2.ASGITransport(http_app(parts_of(replace(app, settings=settings), None)))
    go_on, sent = asyncio.Event(), asyncio.Event()
    headers = {"Content-Type": "application/json"}
    prompt = b'{"prompt":"calculate 1"}'

    async def slowly() -> AsyncIterator[bytes]:
        yield b" " * 900_000
        sent.set()
        await go_on.wait()
        yield b" " * (1_048_576 - 900_000 - len(prompt)) + prompt

    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        slow = asyncio.create_task(client.post("/api/v1/runs", content=slowly(), headers=headers))
        async with asyncio.timeout(10):
            await sent.wait()
        small = await client.post("/api/v1/runs", content=prompt, headers=headers)
        large = await client.post("/api/v1/runs", content=b" " * 200_000 + prompt, headers=headers)
        go_on.set()
        done = await slow
        later = await client.post("/api/v1/runs", content=b" " * 200_000 + prompt, headers=headers)

    assert [answer.status_code for answer in (small, large, done, later)] == [201, 503, 201, 201]
    assert large.headers["retry-after"] == "1"
    assert "RUNWRIGHT_BODIES_BYTES_MAX" in large.json()["detail"]


@pytest.mark.parametrize(("references", "aside"), [(10, False), (10_000, True)])
async def test_a_large_plan_is_checked_beside_everything_else(
    app: Application, client: httpx2.AsyncClient, references: int, aside: bool
) -> None:
    """The loop serves others meanwhile; the answer is the same."""
    checked, threads = app.service._check, list[int]()

    def noted(steps: Sequence[Step]) -> tuple[Problem, ...]:
        threads.append(threading.get_ident())
        return checked(steps)

    app.service._check = noted
    expressions = {1: "1", 2: ["{step_1_output}"] * references}
    steps = [
        {"step_number": number, "tool_name": "calculator", "tool_input": {"expression": expression}}
        for number, expression in expressions.items()
    ]
    answer = await client.post("/api/v1/plans:check", json={"plan": {"goal": "g", "steps": steps}})

    assert (answer.status_code, answer.json()["problems"][0]["code"]) == (200, "wrong_type")
    assert (threads != [threading.get_ident()]) == aside
