"""A client that sends any bytes, and reads what a server answers until it ends the connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

from hostile.frames import CLOSE, PING, PONG, TEXT, frame
from hostile.http_requests import CANARY

PATIENCE_S = 60.0  # a server that has not ended the connection by then never will


class Answer(NamedTuple):
    """One response; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def is_busy(self) -> bool:
        """Whether it only says to come again."""
        return self.status == 503 and "retry-after" in self.headers


class Talk(NamedTuple):
    """All that came back; `ended` is whether the server ended the connection itself."""

    answers: list[Answer]
    ended: bool


async def said(host: str, port: int, sent: bytes, *, half_closes: bool = False) -> Talk:
    """Return what a server says to some bytes until it ends the connection; one that is busy is asked again."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            talk = await _said(host, port, sent, half_closes=half_closes)
            if not any(answer.is_busy for answer in talk.answers):
                return talk


async def _said(host: str, port: int, sent: bytes, *, half_closes: bool) -> Talk:
    reader, writer = await asyncio.open_connection(host, port)
    received = bytearray()

    async def write() -> None:
        with suppress(ConnectionError):  # a server need not listen to the end
            writer.write(sent)
            await writer.drain()
            if half_closes:
                writer.write_eof()

    writing = asyncio.create_task(write())
    try:
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while part := await reader.read(65_536):
                    received += part
        ended = True
    except TimeoutError:
        ended = False
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        writer.close()
    return Talk(_answers(bytes(received)), ended)


def _answers(received: bytes) -> list[Answer]:
    found = []
    while received:
        head, blank, rest = received.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert blank, f"half an answer: {received[:200]!r}"
        assert lines[0].startswith(b"HTTP/1.1 "), f"no answer: {received[:200]!r}"
        status = int(lines[0].split(b" ")[1])
        headers = {
            name.decode().lower(): value.strip().decode()
            for name, _, value in (line.partition(b":") for line in lines[1:])
        }
        if status < 200:
            received = rest
            continue
        body, received = _body(headers, rest)
        found.append(Answer(status, headers, body, head + body))
    return found


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, rest
    if "content-length" in headers:
        length = int(headers["content-length"])
        assert len(rest) >= length, "half a body"
        return rest[:length], rest[length:]
    return rest, b""


async def ended(host: str, port: int, run_id: str, key: str, sent: bytes) -> int:
    """Return the code with which a WebSocket is closed after a burst of frames; 0 when it goes on.

    Whether it goes on is asked with a ping, and where frames cannot be told apart any more by leaving.
    """
    async with asyncio.timeout(2 * PATIENCE_S):
        while (code := await _ended(host, port, run_id, key, sent)) == _BUSY:
            pass
    return code


async def _ended(host: str, port: int, run_id: str, key: str, sent: bytes) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        f"GET /ws/runs/{run_id}?note={CANARY.decode()} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 101 " in head, head
            opcode, payload = await _frame(reader)  # the snapshot
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")
            with suppress(ConnectionError):
                writer.write(sent + frame(PING, _ASKED))
                await writer.drain()
                if sent.endswith(frame(TEXT, b"hello")[:5]):
                    return 0  # whatever follows would be a part of it
                while True:
                    opcode, payload = await _frame(reader)
                    if opcode == CLOSE:
                        return int.from_bytes(payload[:2], "big") if payload else 1005
                    if (opcode, payload) == (PONG, _ASKED):
                        return 0
            return 1006
    except asyncio.IncompleteReadError:
        return 1006
    finally:
        writer.close()


_ASKED, _BUSY = b"still there?", 1013


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    return first & 15, await reader.readexactly(size)
