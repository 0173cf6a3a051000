"""Connections, where uvicorn leaves open what a stranger may do with one.

What is no HTTP, or comes too slowly, is refused as everything else is: with a problem, an id and the headers
of every answer. A reader that has stopped to read is told to come back, and let go.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h11
import uuid_utils
from starlette.requests import HTTPConnection
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from runwright.http.edge import FAREWELL, HEADERS
from runwright.http.problems import Refusal, answer
from runwright.http.room import Room, Unread
from runwright.log import Log

log = Log("runwright.http")

FIRST_BYTE_S = 30.0  # of a request, on a connection that says nothing
FAREWELL_S = 5.0  # for a reader that reads again, to get what it has missed until then
_TOO_SLOW = 1013
_VERSIONS = (b"1.0", b"1.1")


class _StrictConnection(h11.Connection):
    """Refuses what two servers could read differently, too; `fault` is why a request was refused.

    The head of an answer whose length is known goes out with its body: one write, and one packet for its
    reader to wake up for.
    """

    fault: h11.RemoteProtocolError | None = None
    _head: Sequence[bytes] = ()

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        pieces = super().send_with_data_passthrough(event)
        if pieces is None:
            return None
        if isinstance(event, h11.Response) and _has_length(event):
            self._head = pieces
            return []
        pieces, self._head = [*self._head, *pieces], ()
        return pieces

    def next_event(self) -> Any:
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                _check(event)
        except h11.RemoteProtocolError as error:
            self.fault = error
            raise
        return event


def _has_length(response: h11.Response) -> bool:
    return any(name == b"content-length" for name, _ in response.headers)


def _check(request: h11.Request) -> None:
    names = {name for name, _ in request.headers}
    if b"content-length" in names and b"transfer-encoding" in names:
        raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
    if request.http_version not in _VERSIONS:
        raise h11.RemoteProtocolError("another version of HTTP")


class _Paced:
    """Lets go of readers that leave unread, for `stall_s`, what was sent to them.

    The bytes that wait for one reader are bounded by its transport: beyond that nothing is sent.

    unread   shared by all connections of the server
    told     is called for each of them
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def __init__(
        self, *, stall_s: float, unread: Unread, told: Callable[[], None] | None = None, **more: Any
    ) -> None:
        super().__init__(**more)
        self._stall_s, self._unread, self._told = stall_s, unread, told
        self._stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[misc]
        self._stalled = self.loop.call_later(self._stall_s, self._let_go)
        # when what is being written now is written: it may be cut off for it
        self.loop.call_soon(self._count_unread)

    def _count_unread(self) -> None:
        if self._stalled is not None and not self.transport.is_closing():
            self._unread.waits(self, self.transport.get_write_buffer_size())

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.gone(self)
        super().connection_lost(exc)  # type: ignore[misc]

    def cut_off(self) -> None:
        """End the connection at once, with whatever waits for it."""
        if unread_bytes := self.transport.get_write_buffer_size():
            if self._told is not None:
                self._told()
            log.warning("reader.cut_off", unread_bytes=unread_bytes)
        self.transport.abort()

    def resume_writing(self) -> None:
        self._unread.gone(self)
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()  # type: ignore[misc]

    def _let_go(self) -> None:
        self._stalled = None
        if self._told is not None:
            self._told()
        log.info("reader.let_go", unread_bytes=self.transport.get_write_buffer_size())
        self.say_farewell()
        self.transport.close()
        # what nobody reads is never flushed, and the connection would stay
        self.loop.call_later(FAREWELL_S, self.transport.abort)

    def say_farewell(self) -> None:
        raise NotImplementedError


class HttpConnection(_Paced, H11Protocol):
    """A connection that speaks HTTP/1, and nothing that could be taken for two things.

    patience_s   seconds for the `head` of a request, from its first byte, and for its `body`
    room         shared by all connections of the server
    """

    def __init__(self, *, patience_s: Mapping[str, float], room: Room, **more: Any) -> None:
        super().__init__(**more)
        self._room = room
        self._patience_s = {"request": FIRST_BYTE_S, **patience_s}
        size_max = self.config.h11_max_incomplete_event_size
        assert size_max is not None
        self.conn: _StrictConnection = _StrictConnection(h11.SERVER, size_max)
        self._hurry: asyncio.TimerHandle | None = None
        self._awaited: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._room.is_made(len(self.connections)):
            self.refuse(
                Refusal("overloaded", "every connection that there may be is at work; try again later")
            )
            return
        self._room.heard(self)
        self._expect("request")

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        self._room.left(self)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been asked, or everything answered and taken."""
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
        return (cycle is None or cycle.response_complete) and not self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # it was refused, or had to give way
            return
        self._room.heard(self)
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # it is a WebSocket by now
            return
        if self.conn.their_state is h11.SEND_BODY:
            self._expect("body")
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._expect("head")
        else:
            self._expect(None)

    def _expect(self, part: str | None) -> None:
        """Have the rest of a part of a request come in time; the clock starts with the part."""
        if part == self._awaited:
            return
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
        self._awaited = part
        if part is not None:
            self._hurry = self.loop.call_later(self._patience_s[part], self._give_up)

    def _give_up(self) -> None:
        self._hurry = None
        if self._awaited == "request":
            self.transport.close()  # nothing was asked
        else:
            late = f"the {self._awaited} of the request was not complete in time"
            self.refuse(Refusal("request_timed_out", late))

    def send_400_response(self, msg: str) -> None:
        fault = self.conn.fault
        if fault is not None and fault.error_status_hint == 431:
            self.refuse(Refusal("headers_too_large", "the head of the request is larger than it may be"))
        else:
            self.refuse(Refusal("bad_request", "this is no request that HTTP/1.1 allows"))

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a problem, unless another answer has begun, and end the connection."""
        self._abandon()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            request_id = uuid_utils.uuid7().hex
            scope = {"type": "http", "scheme": "http", "path": "", "headers": [], "request_id": request_id}
            response = answer(HTTPConnection(scope), refusal)
            headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            headers += [
                *response.raw_headers,
                (b"x-request-id", request_id.encode()),
                (b"connection", b"close"),
            ]
            reason = STATUS_PHRASES[response.status_code]
            for event in (
                h11.Response(status_code=response.status_code, headers=headers, reason=reason),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _abandon(self) -> None:
        """Have whatever works at an answer know that nobody takes it any more."""
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            self.flow.resume_writing()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._expect(None)
        self._room.left(self)
        if (why := _no_handshake(event)) is not None:
            self.refuse(Refusal("bad_request", f"this is no handshake of a WebSocket: {why}"))
        else:
            super().handle_websocket_upgrade(event)

    def say_farewell(self) -> None:
        scope = getattr(self, "scope", None) or {}
        farewell = scope.get("state", {}).get(FAREWELL)
        self._abandon()
        if farewell and self.conn.our_state is h11.SEND_BODY:
            self.transport.write(self.conn.send(h11.Data(data=farewell)) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")


def _no_handshake(request: h11.Request) -> str | None:
    headers = dict(request.headers)
    if request.method != b"GET" or request.http_version != b"1.1":
        return "it is a GET of HTTP/1.1"
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        return "it has no body"
    if headers.get(b"sec-websocket-version") != b"13":
        return "Sec-WebSocket-Version is 13"
    try:
        sound = len(b64decode(headers.get(b"sec-websocket-key", b""), validate=True)) == 16
    except binascii.Error:
        sound = False
    return None if sound else "Sec-WebSocket-Key is 16 bytes in base64"


class SocketConnection(_Paced, WebSocketsSansIOProtocol):
    """A WebSocket that only tells: what the client says is read, and dropped unseen."""

    def send_receive_event_to_app(self) -> None:
        self.frames = []

    def say_farewell(self) -> None:
        self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": _TOO_SLOW})
        if self.handshake_complete and not self.close_sent:
            self.close_sent = True
            self.conn.send_close(_TOO_SLOW, "too slow: come back behind the last event")
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.writable.set()

    def send_500_response(self) -> None:
        """Uvicorn's word for a handshake that comes while the server ends, or breaks on the way."""
        if self.initial_response is None and not self.handshake_complete:
            response = self.conn.reject(503, "Try again later\n")
            response.headers.update({**HEADERS, "Retry-After": "1", "X-Request-ID": uuid_utils.uuid7().hex})
            self.conn.send_response(response)
            self.transport.write(b"".join(self.conn.data_to_send()))
