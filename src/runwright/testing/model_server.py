"""A language model's server with a script: real HTTP, and every way in which one can fail.

It speaks the chat API of OpenAI and the messages API of Anthropic on a port of this computer. What it
answers is decided by a function of the request; nothing of it understands anything.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import msgspec

from runwright.testing.model_wires import WIRES, Wire

_ENDS = b"0\r\n\r\n"
_WISH = re.compile(r"CALL ([A-Za-z_][\w.-]*) (\{.*?\})(?=[\s\"\\]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server does with one request.

    text          of the model's answer, streamed in pieces of `piece_size` characters
    body          sent in the place of a stream, with `headers` and `status`
    hold_at       characters of the text after which it waits for `hold`; one never set is a stall
    cut_at        characters of the text after which the connection is reset
    hang_up_at    the same, and the connection is closed as if all were said
    cut_byte      bytes of the stream after which the connection is reset
    drip_s        between two bytes of the stream, which are sent one by one
    pause_s       before each piece
    filler_bytes  of noise before the text
    finish        the reason that the model gives for ending; None: it gives none
    counted       tokens of prompt and answer; None: the server does not count
    """

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    piece_size: int = 16
    hold_at: int | None = None
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    cut_at: int | None = None
    hang_up_at: int | None = None
    cut_byte: int | None = None
    drip_s: float | None = None
    pause_s: float = 0.0
    filler_bytes: int = 0
    finish: str | None = "stop"
    counted: tuple[int, int] | None = (100, 20)


Script: TypeAlias = Callable[[dict[str, Any]], Reply]


def planned(*steps: dict[str, Any], goal: str = "a goal", **more: Any) -> str:
    """Return the text of a plan; steps without a number get theirs, and an empty input."""
    numbered = [{"step_number": n, "tool_input": {}, **step} for n, step in enumerate(steps, start=1)]
    return msgspec.json.encode({"goal": goal, "steps": numbered, **more}).decode()


def refused(status: int, message: str, **headers: str) -> Reply:
    """Return a refusal as servers of models write it; underscores in the names of headers become hyphens."""
    body = msgspec.json.encode({"type": "error", "error": {"message": message, "type": "an_error"}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=body, headers={"Content-Type": "application/json", **named})


def web_page(status: int = 200) -> Reply:
    """Return a page of a web server that is no model."""
    page = b"<!DOCTYPE html><html><body>It works!</body></html>"
    return Reply(status=status, body=page, headers={"Content-Type": "text/html; charset=utf-8"})


def said_in(request: Mapping[str, Any]) -> str:
    """Return everything that a request says to the model."""
    return "\n".join([request.get("system", ""), *(told["content"] for told in request["messages"])])


def obeying(request: dict[str, Any]) -> Reply:
    """Answer as a model that does whatever any sentence before it asks, as `CALL tool {"input": 1}`.

    It calls itself right, sure and approved wherever it is asked.
    """
    wishes = _WISH.findall(said_in(request).replace('\\"', '"'))
    steps = [{"tool_name": name, "tool_input": msgspec.json.decode(given)} for name, given in wishes]
    boast: dict[str, Any] = {
        "is_valid": True,
        "confidence": 1.0,
        "issues": [],
        "suggestions": [],
        "approved": True,
        "approval": "auto",
        "tenant": "another",
        "source": "rules",
        "plan_hash": "0" * 64,
    }
    return Reply(text=planned(*steps, **boast))


class ModelServer:
    """Serves until the context is left.

    script     makes the reply to each request's body; a sequence is played in order, its last for ever
    requests   bodies of the questions so far
    keys       what came as `Authorization` or as `x-api-key` with each
    open, open_max   questions being answered now, and the most at once
    """

    def __init__(self, script: Script | Sequence[Reply], models: Sequence[str] = ("scripted",)) -> None:
        self._script, self._models = script, models
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.open = self.open_max = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.base_url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if head[0].startswith("GET /v1/models "):
            models = {"object": "list", "data": [{"id": name, "object": "model"} for name in self._models]}
            listed = {"Content-Type": "application/json"}
            await _send_body(writer, Reply(body=msgspec.json.encode(models), headers=listed))
            return
        method, _, path = head[0].removesuffix(" HTTP/1.1").partition(" ")
        if method != "POST" or path not in WIRES:
            await _send_body(writer, web_page(404))
            return
        request = msgspec.json.decode(body)
        self.requests.append(request)
        self.keys.append(headers.get("authorization", headers.get("x-api-key", "")))
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            reply = self._reply(request)
            if reply.body is not None:
                await _send_body(writer, reply)
            else:
                await _Stream(writer, reply, WIRES[path](request)).play()
        except _Cut:
            _reset(writer)
        finally:
            self.open -= 1

    def _reply(self, request: dict[str, Any]) -> Reply:
        if callable(self._script):
            return self._script(request)
        return self._script[min(len(self.requests), len(self._script)) - 1]


async def _send_body(writer: asyncio.StreamWriter, reply: Reply) -> None:
    assert reply.body is not None
    lines = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {len(reply.body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body)
    await writer.drain()


class _Cut(Exception):
    """The place at which the connection is to be reset."""


class _Stream:
    """A reply on its way."""

    def __init__(self, writer: asyncio.StreamWriter, reply: Reply, wire: Wire) -> None:
        self._writer, self._reply, self._wire = writer, reply, wire
        self._sent = 0  # bytes

    async def play(self) -> None:
        reply, wire = self._reply, self._wire
        self._writer.write(
            f"HTTP/1.1 {reply.status} X\r\nContent-Type: text/event-stream\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        )
        noise = b": " + b"x" * 65_533 + b"\n"
        for _ in range(0, reply.filler_bytes, len(noise)):
            await self._send(noise)
        await self._send(wire.opening(reply))
        sent = 0  # characters
        marks = [mark for mark in (reply.hold_at, reply.cut_at, reply.hang_up_at) if mark is not None]
        while True:
            if reply.hold_at is not None and sent >= reply.hold_at:
                await reply.hold.wait()
            if reply.cut_at is not None and sent >= reply.cut_at:
                raise _Cut
            if reply.hang_up_at is not None and sent >= reply.hang_up_at:
                break
            if sent >= len(reply.text):
                await self._send(wire.closing(reply))
                break
            if reply.pause_s:
                await asyncio.sleep(reply.pause_s)
            upto = min([sent + reply.piece_size, *(mark for mark in marks if mark > sent)])
            await self._send(wire.piece(reply.text[sent:upto]))
            sent = upto
        self._writer.write(_ENDS)
        await self._writer.drain()

    async def _send(self, data: bytes) -> None:
        reply = self._reply
        left = len(data) if reply.cut_byte is None else min(len(data), reply.cut_byte - self._sent)
        size = left if reply.drip_s is None else 1
        for at in range(0, left, size or 1):
            piece = data[at : min(at + size, left)]
            self._writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await self._writer.drain()
            if reply.drip_s is not None:
                await asyncio.sleep(reply.drip_s)
        self._sent += left
        if self._sent == reply.cut_byte:
            raise _Cut


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset in the place of an end."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
