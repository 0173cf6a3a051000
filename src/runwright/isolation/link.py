"""The server's end of one tool host: starting it, talking to it, and its end."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

from runwright.isolation import tree
from runwright.isolation.messages import (
    PACKET_BYTES_MAX,
    Cut,
    Ended,
    Fork,
    FromHost,
    Kill,
    Message,
    Start,
    from_host,
    packed,
)
from runwright.isolation.printed import Printed
from runwright.log import Log

log = Log("runwright.isolation")

MARK = "RUNWRIGHT_TOOL_HOST"
END_S = 10.0


class HostLost(Exception):
    """The tool host has ended."""


class Link:
    """One host process, and the calls that wait for its words.

    lost   done once the host is gone or given up
    """

    def __init__(self, start: Start) -> None:
        """Start the host.

        Raises   OSError when that cannot be done
        """
        self._loop = asyncio.get_running_loop()
        self._mark = f"{MARK}={secrets.token_hex(16)}"
        self._server, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._forked: dict[int, asyncio.Future[FromHost]] = {}
        self._ended: dict[int, asyncio.Future[Ended]] = {}
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._over: asyncio.Future[None] | None = None
        try:
            with theirs:
                self._printed = Printed(self._loop)
                try:
                    self._process = self._started(theirs)
                finally:
                    self._printed.close_writer()
            self._server.setblocking(False)
            self._server.send(packed(start))
        except BaseException:
            self._server.close()
            raise
        self._loop.add_reader(self._server.fileno(), self._hear)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fork(self, message: Fork, descriptors: list[int]) -> asyncio.Future[FromHost]:
        """Ask for a process; what comes is Forked or Refused.

        Raises   HostLost, now or in what comes
        """
        forked = self._forked[message.call] = self._loop.create_future()
        self._ended[message.call] = self._loop.create_future()
        self._send(message, descriptors)
        return forked

    def ended(self, call: int) -> asyncio.Future[Ended]:
        """Return what comes when nothing of a forked call is left; HostLost when the host is gone first."""
        return self._ended[call]

    def forget(self, call: int) -> None:
        """Wait for nothing of this call any more."""
        for waiting in (self._forked.pop(call, None), self._ended.pop(call, None)):
            if waiting is not None and not waiting.done():
                waiting.cancel()

    def cut(self, call: int) -> None:
        """Cancel the tool of a call."""
        with suppress(HostLost):
            self._send(Cut(call), [])

    def kill(self, call: int) -> None:
        """Kill all processes of a call."""
        with suppress(HostLost):
            self._send(Kill(call), [])

    def give_up(self) -> None:
        """Kill a host that does not answer."""
        self._process.kill()
        self._lose()

    async def end(self) -> None:
        """End the host with everything below it; one that does not go is killed."""
        self._lose()
        await self.gone()

    async def gone(self) -> None:
        """Return once a lost host and all that it had started are gone."""
        if self._over is None:
            self._over = asyncio.ensure_future(asyncio.to_thread(self._bury))
        await asyncio.shield(self._over)
        if text := self._printed.close():
            log.warning("tool_host.printed", text=text)

    def _started(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = theirs.fileno()
        name, _, value = self._mark.partition("=")
        secretless = {key: text for key, text in os.environ.items() if not key.startswith("RUNWRIGHT_")}
        return subprocess.Popen(  # noqa: S603  # this Python, this package
            [sys.executable, "-P", "-m", __package__, str(descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=self._printed.writer,
            stderr=self._printed.writer,
            pass_fds=(descriptor,),
            start_new_session=True,
            env={"MALLOC_ARENA_MAX": "2", **secretless, name: value},
        )

    def _send(self, message: Message, descriptors: list[int]) -> None:
        try:
            if self.lost.done():
                raise HostLost
            socket.send_fds(self._server, [packed(message)], descriptors)
        except OSError as error:  # also when it reads nothing any more: then it hangs
            self.give_up()
            raise HostLost from error

    def _hear(self) -> None:
        while not self.lost.done():
            try:
                packet = self._server.recv(PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._lose()
                return
            message = from_host.decode(packet)
            waiting: dict[int, asyncio.Future[Any]] = (
                self._ended if isinstance(message, Ended) else self._forked
            )
            if (future := waiting.get(message.call)) is not None and not future.done():
                future.set_result(message)

    def _lose(self) -> None:
        if self.lost.done():
            return
        self.lost.set_result(None)
        self._loop.remove_reader(self._server.fileno())
        self._server.close()
        left: list[asyncio.Future[Any]] = [*self._forked.values(), *self._ended.values()]
        for waiting in left:
            if not waiting.done():
                waiting.set_exception(HostLost())
                waiting.exception()  # nobody has to ask

    def _bury(self) -> None:
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        tree.kill_marked(self._mark)
