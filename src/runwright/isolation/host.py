"""The tool host: one thread that loads the modules of process tools, forks a child for every call, and
sees to it that nothing of a call outlives it.

It ends when the server closes its socket or dies, and takes everything below it along.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runwright.core.declare import DeclaredTool
from runwright.core.errors import RunwrightError
from runwright.core.refusal import one_line
from runwright.isolation import child, tree
from runwright.isolation.messages import (
    PACKET_BYTES_MAX,
    Cut,
    Ended,
    Fork,
    Forked,
    FromHost,
    Kill,
    Refused,
    Start,
    packed,
    to_host,
)
from runwright.isolation.places import Places

LOOK_EVERY_MS, SWEEP_EVERY_MS = 50, 2
SWEEP_S_MAX = 5.0  # what cannot be killed in this time waits for a device that does not answer
PROCESSES_SPARE = 1_024  # of the same user besides those of tools: the system counts them together


@dataclass(slots=True)
class Call:
    """A child at work; behind its end, what is still to be told of it."""

    number: int
    pid: int
    ready: int
    crowded: bool = False
    status: int = 0
    cpu_s: float = 0.0
    ended_s: float = field(default=0.0)


class Host:
    """The host's loop and what it holds."""

    def __init__(self, server: socket.socket, start: Start) -> None:
        self._server, self._start = server, start
        self._places = Places()
        self._calls: dict[int, Call] = {}
        self._by_ready: dict[int, Call] = {}
        self._ending: list[Call] = []
        self._poll = select.poll()
        self._poll.register(server, select.POLLIN)
        self._looked_s = 0.0

    def run(self) -> None:
        """Serve until the server is gone."""
        while True:
            for ready, _ in self._poll.poll(self._patience_ms()):
                if ready == self._server.fileno():
                    if not self._hear():
                        return
                elif call := self._by_ready.pop(ready, None):
                    self._reap(call)
            if self._calls:
                self._look()
            if self._ending:
                self._sweep()

    def end(self) -> None:
        """Kill everything below this process."""
        until_s = time.monotonic() + SWEEP_S_MAX
        for call in self._calls.values():
            tree.send_group(call.pid, signal.SIGKILL)
        while (left := list(tree.children(os.getpid()))) and time.monotonic() < until_s:
            tree.kill(left)
            _reap_all(left)
            time.sleep(SWEEP_EVERY_MS / 1_000)

    def _patience_ms(self) -> int | None:
        return SWEEP_EVERY_MS if self._ending else LOOK_EVERY_MS if self._calls else None

    def _hear(self) -> bool:
        """Do what the server says; False when it is gone."""
        packet, descriptors, _, _ = socket.recv_fds(self._server, PACKET_BYTES_MAX, 2)
        if not packet:
            return False
        message = to_host.decode(packet)
        if isinstance(message, Fork):
            try:
                self._fork(message, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        elif isinstance(message, Cut) and (call := self._calls.get(message.call)):
            tree.send(call.pid, signal.SIGTERM)
        elif isinstance(message, Kill) and (call := self._calls.get(message.call)):
            _kill(call)
        return True

    def _fork(self, message: Fork, descriptors: list[int]) -> None:
        try:
            tool = self._places.find(message.place, message.tool_name, message.tool_version, message.digest)
            if threading.active_count() > 1:  # a lock that another thread holds would stay locked
                self._refuse(message, f"{message.place.where} starts threads when it is imported")
                return
            pid = self._forked(message, tool, descriptors)
        except (Exception, SystemExit) as error:
            said = error.message if isinstance(error, RunwrightError) else f"{type(error).__name__}: {error}"
            self._refuse(message, said)
            return
        call = Call(message.call, pid, os.pidfd_open(pid))
        self._calls[call.number] = self._by_ready[call.ready] = call
        self._poll.register(call.ready, select.POLLIN)
        self._tell(Forked(message.call))

    def _forked(self, message: Fork, tool: DeclaredTool, descriptors: list[int]) -> int:
        channel, printed = descriptors
        limits = child.Limits(
            memory_bytes_max=message.memory_bytes_max,
            cpu_s_max=message.cpu_s_max,
            file_bytes_max=self._start.file_bytes_max,
        )
        own = os.getpid()
        gc.freeze()  # children share these pages for longer
        pid = os.fork()
        if pid == 0:
            child.serve(tool, channel, printed, limits, own)
        return pid

    def _refuse(self, message: Fork, why: str) -> None:
        self._tell(Refused(message.call, one_line(f"the tool's process cannot be made: {why}")))

    def _reap(self, call: Call) -> None:
        self._poll.unregister(call.ready)
        os.close(call.ready)
        tree.send_group(call.pid, signal.SIGKILL)  # before its number is free for others
        _, call.status, used = os.wait4(call.pid, 0)
        call.cpu_s = used.ru_utime + used.ru_stime
        call.ended_s = time.monotonic()
        del self._calls[call.number]
        self._ending.append(call)

    def _look(self) -> None:
        """Kill the calls that have too many processes."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_MS / 1_000:
            return
        self._looked_s = now_s
        for call in self._calls.values():
            most = self._start.children_max
            if not call.crowded and len(tree.below((call.pid,), most + 1)) > most:
                call.crowded = True
                _kill(call)

    def _sweep(self) -> None:
        """Kill what calls have left behind, and tell their end once nothing of them is left."""
        known = {call.pid for call in self._calls.values()}
        strays = [pid for pid in tree.children(os.getpid()) if pid not in known]
        if strays:
            tree.kill(strays)
            _reap_all(strays)
        late_s = time.monotonic() - SWEEP_S_MAX
        told = [call for call in self._ending if not strays or call.ended_s < late_s]
        self._ending = [call for call in self._ending if call not in told]
        for call in told:
            self._tell(Ended(call.number, call.status, call.cpu_s, call.crowded))

    def _tell(self, message: FromHost) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the next packet to hear is the end
            self._server.sendall(packed(message))


def main(descriptor: int) -> None:
    """Be the host of the server at the other end of this descriptor."""
    own = os.getpid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server says when it is over
    with socket.socket(fileno=descriptor) as server:
        start = to_host.decode(server.recv(PACKET_BYTES_MAX))
        assert isinstance(start, Start)
        sys.path[:] = start.path
        tree.adopt_orphans()
        _limit_processes(start)
        host = Host(server, start)
        try:
            host.run()
        finally:
            if os.getpid() == own:
                host.end()


def _kill(call: Call) -> None:
    tree.send_group(call.pid, signal.SIGSTOP)
    tree.kill((call.pid,))
    tree.send_group(call.pid, signal.SIGKILL)


def _reap_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _limit_processes(start: Start) -> None:
    """Bound the processes of the user who runs this, as the system counts them; root is not bound."""
    threads = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if status.stat().st_uid == os.getuid():
                threads += len(list((status.parent / "task").iterdir()))
    most = threads + start.calls_max * (start.children_max + 1) + PROCESSES_SPARE
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, hard))
