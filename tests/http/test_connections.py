"""What connections do by themselves: slow readers are let go with a word, slow writers are told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from hostile.wire import PATIENCE_S, said
from runwright.http import connections
from runwright.http.connections import HttpConnection
from runwright.http.edge import FAREWELL

WORD = b": come back\n\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell more than any buffer takes, until nobody is there."""
    scope["state"][FAREWELL] = WORD
    gone = asyncio.create_task(_gone(receive))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def listening(
    app: Callable[..., object], *, stall_s: float = PATIENCE_S, patience_s: float = PATIENCE_S
) -> AsyncIterator[tuple[int, ServerState]]:
    """A port where this application answers, and what is connected to it."""
    config = uvicorn.Config(
        app, h11_max_incomplete_event_size=65_536, proxy_headers=False, lifespan="off", log_config=None
    )
    config.load()
    state = ServerState()
    patience = dict.fromkeys(("request", "head", "body"), patience_s)
    made = partial(
        HttpConnection,
        stall_s=stall_s,
        patience_s=patience,
        config=config,
        server_state=state,
        app_state={},
    )
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], state
        for connection in [*state.connections]:
            connection.transport.abort()


async def test_a_reader_that_reads_again_finds_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets all that it had left unread, and then the word; the answer to it has ended, and its place is free."""
    monkeypatch.setattr(connections, "FAREWELL_S", PATIENCE_S)
    async with listening(endless, stall_s=0.2) as (port, state), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(GET)
        await _until(lambda: state.tasks)
        await _until(lambda: not state.tasks)
        heard = await reader.read(-1)
        writer.close()
        await _until(lambda: not state.connections)

    assert heard.count(WORD) == 1
    assert heard.endswith(b"\r\n0\r\n\r\n")


async def test_a_reader_that_never_reads_is_gone_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for its buffers to be read."""
    monkeypatch.setattr(connections, "FAREWELL_S", 0.1)
    async with listening(endless, stall_s=0.2) as (port, state), asyncio.timeout(PATIENCE_S):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(GET)
        await _until(lambda: state.connections)
        await _until(lambda: not state.connections)
        await _until(lambda: not state.tasks)
        writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", 408),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab", 408),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 408),
    ],
)
async def test_who_does_not_end_a_request_is_told_so(sent: bytes, status: int | None) -> None:
    """408 for half a request, and just the end for nothing at all."""

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        await _gone(receive)

    async with listening(patient, patience_s=0.1) as (port, _):
        talk = await said("127.0.0.1", port, sent)

    assert talk.ended
    assert [answer.status for answer in talk.answers] == ([] if status is None else [status])


async def _until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.005)
