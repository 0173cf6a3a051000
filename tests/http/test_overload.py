"""More requests than the server takes at once are refused early, with a word on when to come again."""

from __future__ import annotations

import asyncio

import httpx2
from starlette.types import Receive, Scope, Send

from runwright.asgi import parts_of
from runwright.bootstrap import Application
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
        await wait_until(lambda: inside == 2, 5, "two requests")
        refused = [await client.get("/api/v1/runs") for _ in range(3)]
        health = await client.get("/health/live")
        go_on.set()
        answered = [await task for task in let_in]
        later = await client.get("/api/v1/runs")

    assert {(a.status_code, a.headers["retry-after"], a.json()["code"]) for a in refused} == {
        (503, "1", "overloaded")
    }
    assert [answer.status_code for answer in (*answered, health, later)] == [200] * 4
