"""One call in a process of its own: what happens between the fork and the end.

Nothing here returns to the code of the host: the process ends with `os._exit` whatever the tool does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from runwright.adapters.http_outbound import outbound_client
from runwright.core.declare import DeclaredTool, encode_output
from runwright.core.refusal import Refusal, one_line, refusal_of
from runwright.core.tool import ToolContext
from runwright.isolation import tree
from runwright.isolation.messages import (
    LENGTH_BYTES,
    Message,
    Output,
    Oversized,
    Progressed,
    Said,
    Task,
    framed,
    length_of,
    task,
)

MIB = 1024 * 1024
RESERVE_BYTES = 64 * MIB  # beyond the memory limit, to say that it was reached
PROGRESS_EVERY_S = 0.05
_PAGE_BYTES = resource.getpagesize()
_ended_by: list[int] = []  # signals that asked this process to end


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a call may use; `memory_bytes_max` beyond what the host takes."""

    memory_bytes_max: int
    cpu_s_max: int
    file_bytes_max: int


def serve(tool: DeclaredTool, channel: int, printed: int, limits: Limits, host: int) -> NoReturn:
    """Carry out one call, and leave.

    channel   descriptor of the call's socket
    printed   descriptor for what the tool prints
    host      the process id of the parent
    """
    status = 1
    try:
        os.setsid()
        tree.die_with_parent(host)
        tree.adopt_orphans()
        _settle(channel, printed)
        with socket.socket(fileno=channel) as server:
            asked = _asked(server)
            if asked is not None:
                memory = _limit(limits)
                answer = _answer(tool, asked, server, limits)
                resource.setrlimit(resource.RLIMIT_AS, (memory[1], memory[1]))
                server.sendall(framed(answer))
            status = 0
    except asyncio.CancelledError:  # before the tool began
        pass
    except BaseException:  # the host's code must not go on in this process
        with suppress(BaseException):
            sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _settle(channel: int, printed: int) -> None:
    """Own signals, own output, no input, and no descriptor of anybody else."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _cancel)
    _ended_by.clear()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2 and int(name) != channel:
            with suppress(OSError):
                os.close(int(name))


def _cancel(number: int, _frame: Any) -> NoReturn:
    _ended_by.append(number)
    raise asyncio.CancelledError


def _limit(limits: Limits) -> tuple[int, int]:
    """Set the limits; return those of memory, the one for the tool and the one for its answer."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        standing = int(file.read().split()[0]) * _PAGE_BYTES
    memory = standing + limits.memory_bytes_max
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, limits.file_bytes_max, limits.file_bytes_max),
        (resource.RLIMIT_CPU, limits.cpu_s_max, limits.cpu_s_max + 1),
        (resource.RLIMIT_AS, memory, memory + RESERVE_BYTES),
    ):
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))
    return resource.getrlimit(resource.RLIMIT_AS)


def _asked(server: socket.socket) -> Task | None:
    """Return what is asked; None when the server has changed its mind."""
    head = _exactly(server, LENGTH_BYTES)
    body = _exactly(server, length_of(head)) if head else None
    return task.decode(body) if body else None


def _exactly(server: socket.socket, count: int) -> bytes | None:
    parts, left = [], count
    while left:
        part = server.recv(min(left, MIB))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _answer(tool: DeclaredTool, asked: Task, server: socket.socket, limits: Limits) -> Message:
    """Return what became of the call; a process that the tool forked and let return here ends instead."""
    own, returned = os.getpid(), False
    ctx = ToolContext(
        run_id=asked.run_id,
        step_number=asked.step_number,
        attempt=asked.attempt,
        idempotency_key=asked.idempotency_key,
        tenant=asked.tenant,
        deadline_s=asked.deadline_s,
        report_progress=_reporter(server),
        http=outbound_client(
            asked.outbound,
            asked.idempotency_key,
            asked.deadline_s,
            blocking=not tool.is_async,
            traceparent=asked.traceparent,
        ),
        traceparent=asked.traceparent,
    )
    try:
        try:
            call = tool.bind(msgspec.json.decode(asked.tool_input), ctx)
            value = _run_async(call) if tool.is_async else call()
            returned = True
        finally:
            if os.getpid() != own:
                os._exit(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        output = encode_output(value)
        size = len(msgspec.json.encode(output))
        return Output(output) if size <= asked.output_bytes_max else Oversized(size)
    except BaseException as error:  # a tool's BaseException is a failed step
        if isinstance(error, asyncio.CancelledError) and _ended_by:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(own, signal.SIGTERM)  # what is told is how it ended, whoever asked for it
        refusal = _refusal(error, limits)
        return Said(*refusal, has_acted=returned)


def _run_async(call: Callable[[], Any]) -> Any:
    async def called() -> Any:
        work = asyncio.current_task()
        assert work is not None

        def cancel() -> None:
            _ended_by.append(signal.SIGTERM)
            work.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, cancel)
        return await call()

    return asyncio.Runner().run(called())  # not closed: what the tool left there ends with the process


def _refusal(error: BaseException, limits: Limits) -> Refusal:
    if isinstance(error, MemoryError):
        mebibytes = limits.memory_bytes_max / MIB
        return Refusal(
            f"the tool was stopped: it used more than {mebibytes:g} MiB of memory (memory_bytes_max)"
        )
    if isinstance(error, asyncio.CancelledError):
        return Refusal("the tool cancelled itself")
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        mebibytes = limits.file_bytes_max / MIB
        return Refusal(f"the tool wrote a file of more than {mebibytes:g} MiB (tool_file_bytes_max)")
    return refusal_of(error)


def _reporter(server: socket.socket) -> Callable[[float, str], None]:
    """Return what a tool reports progress with; reports that come too fast are left out."""
    turn, last_s = threading.Lock(), -1.0

    def report(fraction: float, text: str) -> None:
        nonlocal last_s
        within = min(1.0, max(0.0, float(fraction)))  # JSON has neither infinity nor NaN
        with turn:
            now_s = time.monotonic()
            if now_s - last_s < PROGRESS_EVERY_S:
                return
            last_s = now_s
            with suppress(OSError):
                server.sendall(framed(Progressed(within, one_line(str(text)))))

    return report
