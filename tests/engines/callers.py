"""Callers of an application in this process: with keys, and by WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeAlias

from starlette.types import ASGIApp, Message

from runwright.core.keys import ApiKey

# makes a key of a tenant, with scopes that stand between blanks; returns what is kept of it, and its text
Make: TypeAlias = Callable[..., Awaitable[tuple[ApiKey, str]]]


class Socket:
    """A connection; `closed` is the close code once there is one.

    said   the texts that came
    """

    def __init__(self, app: ASGIApp, path: str, query: str = "", key: str = "", **headers: str) -> None:
        self.said: list[str] = []
        self.closed: int | None = None
        self.reason = ""
        given = {"host": "localhost", **({"x-api-key": key} if key else {}), **headers}
        self._scope: dict[str, Any] = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "scheme": "ws",
            "root_path": "",
            "subprotocols": [],
        }
        self._app, self._began = app, False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def code(self, timeout_s: float = 60) -> int:
        """Return the close code once the connection is closed."""
        async with asyncio.timeout(timeout_s):
            await self._task
        assert self.closed is not None
        return self.closed

    async def _receive(self) -> Message:
        if not self._began:
            self._began = True
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            self.said.append(message["text"])
        elif message["type"] == "websocket.close":
            self.closed, self.reason = message["code"], message.get("reason", "")
