"""What a stream says last when it cannot go on: whether to come back, and when."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from engines.callers import Socket
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.errors import JournalUnavailable
from runwright.http.app import http_app
from runwright.http.edge import Edge
from runwright.runtime.service import Service
from runwright.testing.waiting import wait_until

WAITING = {"prompt": "add todo x", "approval": "required"}


async def test_streams_of_a_server_that_is_drained_say_where_to_go_on(
    app: Application, client: httpx2.AsyncClient
) -> None:
    """SSE: a shorter `retry:` and why, and no `end`; WebSocket: 1001 `draining`. Both have told all there was."""
    run_id = (await client.post("/api/v1/runs", json=WAITING)).json()["run_id"]
    path, parts = f"/api/v1/runs/{run_id}/events", parts_of(app, None)
    server = http_app(parts)
    transport = httpx2.ASGITransport(server)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as here,
        Socket(server, f"/ws/runs/{run_id}") as socket,
    ):
        reading = asyncio.create_task(here.get(path))
        await wait_until(lambda: parts.streams.open == 2 and len(socket.said) > 3, 30, "both to follow")
        events = (await here.get(path, headers={"Accept": "application/json"})).json()["items"]
        app.worker.let_go()
        app.engine.feed.ring_all()
        async with asyncio.timeout(30):
            code, told = await socket.code(), (await reading).text

    assert told.startswith("retry: 2000\n\n")
    assert told.endswith("retry: 1000\n: the server is shutting down\n\n")
    assert "event: end" not in told
    assert told.count("\nid: ") == len(events) == len(socket.said) - 1
    assert (code, socket.reason) == (1001, "draining")


async def test_a_socket_that_finds_no_room_is_told_when_to_come_again(app: Application) -> None:
    """1013, which browsers know nothing of, has the time in its reason, as `Retry-After` has it."""
    parts = parts_of(app, None)
    edge = Edge(http_app(parts), parts.gate, parts.audit, parts.around, lambda: False, open_max=0)
    async with Socket(edge, f"/ws/runs/run_{'0' * 32}") as socket:
        code = await socket.code()

    assert (code, socket.reason, socket.said) == (1013, "try again later: in 1 s", [])


async def test_a_socket_whose_run_cannot_be_read_now_is_told_when_to_come_again(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is away is no reason to give up the run."""

    async def away(*_: object) -> None:
        raise JournalUnavailable("the store does not answer")

    monkeypatch.setattr(Service, "run", away)
    server = http_app(parts_of(app, None))
    async with Socket(server, f"/ws/runs/run_{'0' * 32}") as socket:
        code = await socket.code()

    assert (code, socket.reason) == (1013, "journal_unavailable: try again in 1 s")
