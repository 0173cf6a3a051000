"""One call of a process tool as the server sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from runwright.core.declare import DeclaredTool
from runwright.core.outbound import OutboundRules
from runwright.core.refusal import Refusal
from runwright.core.tool import ToolContext, ToolSpec
from runwright.isolation.link import HostLost, Link
from runwright.isolation.messages import (
    LENGTH_BYTES,
    Ended,
    Fork,
    Output,
    Oversized,
    Progressed,
    Refused,
    Said,
    Task,
    framed,
    from_tool,
    length_of,
)
from runwright.isolation.places import digest_of, place_of
from runwright.isolation.printed import Printed
from runwright.log import Log
from runwright.runtime.processes import Answer, Gone, Raised, Returned, TooLarge

log = Log("runwright.isolation")

READ_BYTES = 256 * 1024
FRAME_BYTES_SPARE = 4 * 1024  # what a frame has besides the output
HOST_ANSWER_S = 60.0  # for loading a tool's module
END_S = 10.0  # for what is left in the socket of a process that has ended
NOT_BEGUN = "it was cut off before it began"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """What process tools may use in all, and each where its own description says nothing.

    processes_max   calls at once
    children_max    processes that one call may start
    outbound        where their `ctx.http` may go
    """

    processes_max: int
    children_max: int
    file_bytes_max: int
    memory_bytes_max: int
    cpu_s_max: int
    outbound: OutboundRules


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it was asked for."""

    tool: DeclaredTool
    spec: ToolSpec
    tool_input: dict[str, Any]
    ctx: Callable[[], ToolContext]
    output_bytes_max: int
    begin: Callable[[], None]


class Call:
    """One call, from the request for a process to the end of all that it has started."""

    def __init__(self, limits: ProcessLimits, number: int, asked: Asked) -> None:
        self._limits, self._number, self._asked = limits, number, asked
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self.is_cut = self._began = False
        self._ctx: ToolContext | None = None
        self._timer: asyncio.TimerHandle | None = None

    def cut(self, grace_s: float) -> None:
        """Cancel the tool; kill it when it does not end within `grace_s`."""
        self.is_cut = True
        if self._link is not None and self._began:
            self._link.cut(self._number)
            self._timer = self._loop.call_later(grace_s, self._link.kill, self._number)

    async def answer(self, link: Link) -> Answer:
        """Return what became of the call.

        Raises   HostLost
        """
        ours, theirs = socket.socketpair()
        printed = Printed(self._loop)
        self._link = link
        try:
            ours.setblocking(False)
            with theirs:
                forked = link.fork(self._fork(), [theirs.fileno(), printed.writer])
            printed.close_writer()
            said = await self._forked(link, forked)
            if isinstance(said, Refused):
                return Gone(said.reason)
            return await self._spoken(link, ours)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            link.forget(self._number)
            ours.close()
            self._log(printed.close())

    def _fork(self) -> Fork:
        tool, spec, limits = self._asked.tool, self._asked.spec, self._limits
        return Fork(
            call=self._number,
            place=place_of(tool),
            tool_name=spec.name,
            tool_version=spec.version,
            digest=digest_of(tool.spec),
            memory_bytes_max=spec.memory_bytes_max or limits.memory_bytes_max,
            cpu_s_max=spec.cpu_s_max or limits.cpu_s_max,
        )

    async def _forked(self, link: Link, forked: asyncio.Future[Any]) -> Any:
        try:
            return await asyncio.wait_for(forked, HOST_ANSWER_S)
        except TimeoutError:
            link.give_up()
            raise HostLost from None

    async def _spoken(self, link: Link, ours: socket.socket) -> Answer:
        """Send the task, hear the answer, and wait for the end; an answer counts whatever the end is like."""
        if self.is_cut:
            ours.close()  # the process leaves: it has not been told what to do
            await link.ended(self._number)
            return Gone(NOT_BEGUN)
        try:
            self._asked.begin()
        except BaseException:
            ours.close()
            await link.ended(self._number)
            raise
        self._began = True
        self._ctx = ctx = self._asked.ctx()
        hearing = self._loop.create_task(self._heard(link, ours, ctx))
        try:
            ended = await link.ended(self._number)
            await asyncio.wait((hearing,), timeout=END_S)
            answer = hearing.result() if hearing.done() else None
        finally:
            hearing.cancel()
        return answer or Gone(self._why(ended))

    async def _heard(self, link: Link, ours: socket.socket, ctx: ToolContext) -> Answer | None:
        """Return the answer of the tool; None when it gives none."""
        most, kept = self._asked.output_bytes_max + FRAME_BYTES_SPARE, bytearray()
        with suppress(ConnectionError, BrokenPipeError):
            await self._loop.sock_sendall(ours, framed(self._task(ctx)))
            while part := await self._loop.sock_recv(ours, READ_BYTES):
                kept += part
                while len(kept) >= LENGTH_BYTES:
                    length = length_of(kept)
                    if length > most:
                        link.kill(self._number)
                        return TooLarge(length)
                    end = LENGTH_BYTES + length
                    if len(kept) < end:
                        break
                    answer = self._understood(bytes(kept[LENGTH_BYTES:end]), ctx)
                    if answer is not None:
                        return answer
                    del kept[:end]
        return None

    def _task(self, ctx: ToolContext) -> Task:
        return Task(
            tool_input=msgspec.Raw(msgspec.json.encode(self._asked.tool_input)),
            run_id=ctx.run_id,
            step_number=ctx.step_number,
            attempt=ctx.attempt,
            idempotency_key=ctx.idempotency_key,
            tenant=ctx.tenant,
            deadline_s=ctx.deadline_s,
            outbound=self._limits.outbound,
            output_bytes_max=self._asked.output_bytes_max,
            traceparent=ctx.traceparent,
        )

    def _understood(self, frame: bytes, ctx: ToolContext) -> Answer | None:
        """Return the answer that a frame is; None of a report of progress."""
        try:
            message = from_tool.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            return Raised(Refusal("the tool's process said what nobody understands"), has_acted=True)
        match message:
            case Progressed():
                ctx.report_progress(message.fraction, message.text)
                return None
            case Output():
                return Returned(message.output)
            case Oversized():
                return TooLarge(message.size_bytes)
            case Said():
                refusal = Refusal(message.message, message.retryable, message.retry_after_s, message.hint)
                return Raised(refusal, message.has_acted)
            case _:
                assert_never(message)

    def _why(self, ended: Ended) -> str:
        """Return how a process ended that gave no answer, and which limit it was."""
        spec, status = self._asked.spec, ended.status
        cpu_s_max = spec.cpu_s_max or self._limits.cpu_s_max
        if ended.crowded:
            most = self._limits.children_max
            return f"the tool was killed: it had more than {most} processes (tool_children_max)"
        if not os.WIFSIGNALED(status):
            return f"the tool ended its process without an answer, with exit status {os.WEXITSTATUS(status)}"
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU or (number == signal.SIGKILL and ended.cpu_s >= cpu_s_max):
            return f"the tool was killed: it used more than {cpu_s_max} s of processor time (cpu_s_max)"
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        if number == signal.SIGKILL:
            return f"the tool was killed from outside ({name}); perhaps the machine has no memory left"
        if number == signal.SIGTERM:
            return f"the tool was ended from outside ({name})"
        return f"the tool crashed: {name}"

    def _log(self, text: str) -> None:
        if text and (ctx := self._ctx) is not None:
            log.info(
                "tool.printed",
                tool=self._asked.spec.name,
                run_id=ctx.run_id,
                step_number=ctx.step_number,
                text=text,
            )
