"""A TCP proxy in front of a server, with which a test cuts, swallows or holds what passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Passes bytes between clients and one server until it is told otherwise.

    swallow   "requests" or "answers": those bytes are lost, and the connection hangs
    passed    bytes that went to the server
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = 0
        self.swallow: str | None = None
        self.passed = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        self._tasks.add(task := asyncio.current_task())
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            pair = writer, server_writer
            self._pairs.add(pair)
            try:
                await asyncio.gather(
                    self._pump(reader, server_writer, "requests"),
                    self._pump(server_reader, writer, "answers"),
                )
            finally:
                self._pairs.discard(pair)
                for end in pair:
                    end.close()
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str) -> None:
        while data := await reader.read(65_536):
            if self.swallow == what:
                continue
            self.passed += len(data) if what == "requests" else 0
            writer.write(data)
            await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Reset every connection."""
        for pair in tuple(self._pairs):
            for end in pair:
                end.transport.abort()

    async def leave(self) -> None:
        """End every connection."""
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def before(port: int) -> AsyncIterator[Proxy]:
    """Yield a proxy in front of a port."""
    proxy = Proxy(port)
    listener = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.leave()
