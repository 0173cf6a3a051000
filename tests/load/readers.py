"""Readers of a run's events over sockets: they note what came and when, break off, and come back elsewhere."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

PATIENCE_S = 120.0  # for the next thing to happen on a stream; a heartbeat is one
BACK_S = 0.05
_AT, _SEQ = re.compile(rb'"at":"([^"]+)"'), re.compile(rb'"seq":(\d+)')

Kind = Literal["sse", "ws"]


class Heard(NamedTuple):
    """An event that came, and how long after it had happened."""

    seq: int
    lag_s: float


class Ended(NamedTuple):
    """The stream's own last word: the run is over, or come back somewhere."""

    is_over: bool


class Reader:
    """Follows one run to its end.

    heard    seqs of what came, in the order in which it came, over all connections
    lags_s   how late events came: after they had happened, or, of what had happened while it was cut off,
             after it asked again
    history_s   of what was there before it came: how long after it asked
    cuts     how often it broke off by itself, in the middle of whatever came
    sent_back   how often a server ended the connection before the run was over
    refused     how often a server said 503 and when to come again
    """

    def __init__(
        self, kind: Kind, addresses: Sequence[str], run_id: str, dice: random.Random, cuts: int
    ) -> None:
        self.kind, self._addresses, self._run_id, self._dice = kind, addresses, run_id, dice
        self._at = dice.randrange(len(addresses))
        self.heard: list[int] = []
        self.lags_s: list[float] = []
        self.history_s: list[float] = []
        self._cuts_left, self.cuts, self.sent_back, self.refused = cuts, 0, 0, 0
        self.opened = asyncio.Event()

    @property
    def after(self) -> int:
        """The seq behind which it goes on."""
        return self.heard[-1] if self.heard else 0

    async def follow(self) -> None:
        """Return once the run's end was told."""
        while not await self._once():
            self._at = (self._at + 1) % len(self._addresses)  # the next replica
            await asyncio.sleep(BACK_S)

    async def _once(self) -> bool:
        until = self._dice.randint(1, 8) if self._cuts_left else None
        asked_s, is_first = time.time(), not self.heard
        stream = (said_by_sse if self.kind == "sse" else said_by_ws)(
            self._addresses[self._at], self._run_id, self.after
        )
        async with aclosing(stream) as items:
            async for item in items:
                if item is None:
                    self.refused += 1
                    return False
                self.opened.set()
                if isinstance(item, Ended):
                    self.sent_back += not item.is_over
                    return item.is_over
                self.heard.append(item.seq)
                since_asked_s = time.time() - asked_s
                late = self.history_s if is_first and item.lag_s > since_asked_s else self.lags_s
                late.append(min(item.lag_s, since_asked_s))
                if until is not None and (until := until - 1) == 0:
                    self._cuts_left -= 1
                    self.cuts += 1
                    return False
        self.sent_back += 1  # it broke off without a word
        return False


async def _connected(
    address: str, receive_bytes: int | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(address)
    plug = socket.socket()
    plug.setblocking(False)
    if receive_bytes is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(plug, (place.hostname, place.port))
    return await asyncio.open_connection(sock=plug, limit=2**24)


def _head(address: str, path: str, *lines: str, version: str = "1.1") -> bytes:
    return "\r\n".join(
        (f"GET {path} HTTP/{version}", f"Host: {urlsplit(address).netloc}", *lines, "", "")
    ).encode()


async def said_by_sse(
    address: str,
    run_id: str,
    after: int,
    receive_bytes: int | None = None,
    silent: asyncio.Event | None = None,
) -> AsyncGenerator[Heard | Ended | None]:
    """Yield what a stream of events says, None when it is to be asked again; with `silent`, nothing is read until that is set."""
    reader, writer = await _connected(address, receive_bytes)
    try:
        # 1.0: no chunks, so that frames are all there is
        writer.write(
            _head(address, f"/api/v1/runs/{run_id}/events", f"Last-Event-ID: {after}", version="1.0")
        )
        if silent is not None:
            await _keep_silent(writer, silent)
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 503"):
            yield None
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head[:200])
        while True:
            async with asyncio.timeout(PATIENCE_S):
                frame = await reader.readuntil(b"\n\n")
            if frame.startswith(b"id: "):
                yield Heard(int(frame[4 : frame.index(b"\n")]), _lag_s(frame))
            elif b"come back behind the last event" in frame:
                yield Ended(is_over=False)
                return
            elif frame.startswith(b"event: end"):
                yield Ended(is_over=b"corrupt" not in frame)
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.transport.abort()


async def said_by_ws(
    address: str,
    run_id: str,
    after: int,
    receive_bytes: int | None = None,
    silent: asyncio.Event | None = None,
) -> AsyncGenerator[Heard | Ended | None]:
    """Yield what a WebSocket says."""
    reader, writer = await _connected(address, receive_bytes)
    key = b64encode(random.randbytes(16)).decode()
    try:
        upgrade = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
        writer.write(_head(address, f"/ws/runs/{run_id}?after={after}", *upgrade))
        if silent is not None:
            await _keep_silent(writer, silent)
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(head[:200])
        while True:
            async with asyncio.timeout(PATIENCE_S):
                opcode, payload = await _frame(reader)
            if opcode == 9:
                writer.write(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
            elif opcode == 8 and payload[2:].startswith(b"try again later"):
                yield None
                return
            elif opcode == 8:
                yield Ended(is_over=payload[:2] == b"\x03\xe8")
                return
            elif found := _SEQ.match(payload, 1):
                yield Heard(int(found[1]), _lag_s(payload))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.transport.abort()


async def _keep_silent(writer: asyncio.StreamWriter, until: asyncio.Event) -> None:
    """Leave everything in the system's buffers, until they are full, and then at the server."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until.wait()
    writer.transport.resume_reading()  # type: ignore[attr-defined]


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    return first & 15, await reader.readexactly(size)


def _lag_s(text: bytes) -> float:
    found = _AT.search(text)
    assert found is not None
    return time.time() - datetime.fromisoformat(found[1].decode()).timestamp()


async def journal_of(address: str, run_id: str) -> list[int]:
    """Return the seqs of a run's events, page by page."""
    seqs: list[int] = []
    while True:
        reader, writer = await _connected(address)
        path = f"/api/v1/runs/{run_id}/events?limit=1000&after={seqs[-1] if seqs else 0}"
        writer.write(_head(address, path, "Accept: application/json", "Connection: close", version="1.0"))
        answer = await reader.read(-1)
        writer.close()
        page = json.loads(answer.partition(b"\r\n\r\n")[2])
        seqs += [event["seq"] for event in page["items"]]
        if page["next_after"] is None:
            return seqs
