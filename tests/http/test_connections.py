"""What connections do by themselves: slow readers are let go with a word, slow writers are told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import h11
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from hostile.wire import PATIENCE_S, said
from runwright.core.ids import DEFAULT_TENANT
from runwright.http import connections
from runwright.http.connections import HttpConnection
from runwright.http.doorstep import Doorstep, Entrance
from runwright.http.edge import FAREWELL
from runwright.http.lines import Lines
from runwright.http.room import Room, Unread

WORD = b": come back\n\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CREATION = b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
CLOSING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WORK = b"GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n"


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
    app: Callable[..., object],
    *,
    stall_s: float = PATIENCE_S,
    connections_max: int = 100,
    unread_bytes_max: int = 2**40,
    kind: Callable[..., HttpConnection] = HttpConnection,
    **patience_s: float,
) -> AsyncIterator[tuple[int, ServerState]]:
    """A port where this application answers, and what is connected to it; `patience_s` is by part of a request."""
    config = uvicorn.Config(
        app, h11_max_incomplete_event_size=65_536, proxy_headers=False, lifespan="off", log_config=None
    )
    config.load()
    state = ServerState()
    patience = {**dict.fromkeys(("request", "head", "body"), PATIENCE_S), **patience_s}
    made = partial(
        kind,
        stall_s=stall_s,
        room=Room(connections_max),
        unread=Unread(unread_bytes_max),
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
    ("sent", "part", "status"),
    [
        (b"", "request", None),
        (b"GET / HT", "head", 408),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", "head", 408),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab", "body", 408),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "body", 408),
    ],
)
async def test_who_does_not_end_a_request_is_told_so(sent: bytes, part: str, status: int | None) -> None:
    """408 for half a request, and just the end for nothing at all."""

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        await _gone(receive)

    async with listening(patient, **{part: 0.1}) as (port, _):
        talk = await said("127.0.0.1", port, sent)

    assert talk.ended
    assert [answer.status for answer in talk.answers] == ([] if status is None else [status])


async def answered(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that all is well; `/work` takes until the client is gone."""
    if scope["path"] == "/work":
        await _gone(receive)
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def first_line(port: int, sent: bytes) -> bytes:
    """What is said to a request until the end of the connection, as far as its first line and its headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head = (await reader.read()).lower().partition(b"\r\n\r\n")[0]
    writer.close()
    return head


async def test_who_says_nothing_gives_up_his_place() -> None:
    """However many connect and ask for nothing, or for half of something, who asks is answered; work goes on."""
    async with listening(answered, connections_max=5) as (port, state), asyncio.timeout(PATIENCE_S):
        _, working = await asyncio.open_connection("127.0.0.1", port)
        working.write(WORK)
        await _until(lambda: state.tasks)
        silent = []
        for number in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HT" if number % 2 else b"")
            silent.append(writer)
            assert (await first_line(port, CLOSING)).startswith(b"http/1.1 204")
        await _until(lambda: len(state.connections) <= 5)

        assert len(state.tasks) == 1
        for writer in (working, *silent):
            writer.close()


async def test_where_all_are_at_work_a_newcomer_is_told_to_come_again() -> None:
    """503 with Retry-After; who works is not disturbed, and a place that becomes free is given."""
    async with listening(answered, connections_max=2) as (port, state), asyncio.timeout(PATIENCE_S):
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(2)]
        for writer in writers:
            writer.write(WORK)
        await _until(lambda: len(state.tasks) == 2)
        refused = await first_line(port, b"")
        writers[0].close()
        await _until(lambda: len(state.connections) == 1)
        let_in = await first_line(port, CLOSING)
        writers[1].close()

    assert refused.startswith(b"http/1.1 503") and b"retry-after: 1" in refused
    assert let_in.startswith(b"http/1.1 204")


async def test_readers_that_do_not_read_take_no_more_memory_than_there_is() -> None:
    """The one for whom most waits is cut off; a small answer and one alone are not."""

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        size = int(scope["path"][1:]) * 2**20
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size)})

    writers = []

    async def asks_for(mib: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % mib)
        writers.append(writer)

    def sizes_mib() -> list[float]:
        return [one.transport.get_write_buffer_size() / 2**20 for one in state.connections]

    try:
        async with (
            listening(much, unread_bytes_max=30 * 2**20) as (port, state),
            asyncio.timeout(PATIENCE_S),
        ):
            await asks_for(45)
            await _until(lambda: max(sizes_mib(), default=0) > 30)
            (first,) = state.connections
            await asks_for(25)
            await _until(lambda: first not in state.connections)
            await _until(lambda: max(sizes_mib(), default=0) > 10)
            (second,) = state.connections
            await asks_for(1)
            await _until(lambda: len(state.connections) == 2)
            assert second in state.connections
            for writer in writers:
                writer.close()
            await _until(lambda: not state.connections)
    finally:
        for writer in writers:
            writer.close()


@pytest.mark.parametrize(("length", "at_once"), [([("content-length", "2")], False), ([], True)])
def test_a_head_waits_for_its_body_only_where_one_is_sure_to_come(
    length: list[tuple[str, str]], at_once: bool
) -> None:
    """An answer of known length is one packet, and its reader wakes up once; a stream begins at once."""
    connection = connections._StrictConnection(h11.SERVER)
    connection.receive_data(GET)
    assert type(connection.next_event()) is h11.Request

    head = connection.send(h11.Response(status_code=200, headers=length))
    body = connection.send(h11.Data(data=b"ok"))

    assert bool(head) is at_once
    answer = head + body
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.partition(b"\r\n\r\n")[2] == (b"2\r\nok\r\n" if at_once else b"ok")


async def _until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.005)


class _NoKeys:
    in_use = False


def crowded() -> tuple[Lines, Callable[..., HttpConnection]]:
    """A line that is full as soon as somebody is let in, and connections that look at it."""
    lines = Lines(1, 0)
    doorstep = Doorstep(lines, _NoKeys(), lambda: False)  # type: ignore[arg-type]
    return lines, partial(Entrance, doorstep=doorstep)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Greet, whatever was asked."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_a_connection_goes_on_after_a_creation_was_refused_unread() -> None:
    """Refused and answered requests alternate on one connection; what comes in parts is put together as ever."""
    lines, kind = crowded()
    statuses = []
    async with listening(hello, kind=kind) as (port, state), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def heard() -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.index(b"content-length: ") + 16
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            statuses.append(int(head[9:12]))

        for is_full in (True, False, True, True, False):
            async with AsyncExitStack() as stack:
                if is_full:
                    await stack.enter_async_context(lines.place(DEFAULT_TENANT))
                writer.write(CREATION)
                await heard()
        async with lines.place(DEFAULT_TENANT):
            writer.write(CREATION[:40])
            await _until(lambda: any(one.conn.trailing_data[0] for one in state.connections))
            writer.write(CREATION[40:] + CREATION)
            await heard()
            await heard()
        writer.close()

    assert statuses == [503, 200, 503, 503, 200, 200, 200]
    assert lines.refused_unread == 3


async def test_a_connection_that_is_silent_after_a_refusal_is_closed_in_time() -> None:
    """Like any other that is kept, and not before: a refusal is a sign of life."""
    lines, kind = crowded()
    async with listening(hello, kind=kind) as (port, state), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _until(lambda: state.connections)
        next(iter(state.connections)).timeout_keep_alive = 0.05
        async with lines.place(DEFAULT_TENANT):
            writer.write(CREATION)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503")
            await reader.read()
        writer.close()
