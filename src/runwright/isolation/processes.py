"""Process tools as the server sees them: a bounded number of calls at once, and one answer for each."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from runwright.core.declare import DeclaredTool
from runwright.core.ids import Tenant
from runwright.core.tool import ToolContext, ToolSpec
from runwright.fair_places import FairPlaces
from runwright.isolation.call import NOT_BEGUN, Asked, Call, ProcessLimits
from runwright.isolation.link import HostLost, Link
from runwright.isolation.messages import Start
from runwright.log import Log
from runwright.runtime.processes import Answer, Gone

log = Log("runwright.isolation")

HOST_WAITS_S = (0.0, 0.2, 1.0, 5.0)  # before a host is started again; the last one repeats


class HostedProcesses:
    """`ToolProcesses` by a tool host, which is started with the first call and again when it died."""

    def __init__(self, limits: ProcessLimits, *, grace_s: float) -> None:
        self._limits, self._grace_s = limits, grace_s
        self._free = FairPlaces(limits.processes_max)
        self._numbers = count(1)
        self._link: Link | None = None
        self._starting = asyncio.Lock()
        self._deaths, self._died_s = 0, 0.0
        self._works: set[asyncio.Task[Answer]] = set()
        self._closed = False

    @property
    def busy(self) -> int:
        """Return how many calls have a process or are getting one."""
        return len(self._works)

    @property
    def processes_max(self) -> int:
        return self._limits.processes_max

    @property
    def host_pid(self) -> int | None:
        """Return the process id of the host, where there is one now."""
        return None if self._link is None or self._link.lost.done() else self._link.pid

    async def call(
        self,
        tool: DeclaredTool,
        spec: ToolSpec,
        tool_input: dict[str, Any],
        ctx: Callable[[], ToolContext],
        *,
        tenant: Tenant,
        output_bytes_max: int,
        begin: Callable[[], None],
    ) -> Answer:
        """Return the tool's answer once no process of the call is left."""
        asked = Asked(tool, spec, tool_input, ctx, output_bytes_max, begin)
        await self._free.acquire(tenant)
        one = Call(self._limits, next(self._numbers), asked)
        work = asyncio.get_running_loop().create_task(self._carried_out(one))
        self._works.add(work)
        work.add_done_callback(self._done)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            one.cut(self._grace_s)
            return await asyncio.shield(work)

    async def aclose(self) -> None:
        """End every process."""
        self._closed = True
        async with self._starting:
            if self._link is not None:
                await self._link.end()
        if self._works:
            await asyncio.wait(self._works, timeout=1.0)

    def _done(self, work: asyncio.Task[Answer]) -> None:
        self._works.discard(work)
        self._free.release()
        if not work.cancelled():
            work.exception()  # nobody has to ask

    async def _carried_out(self, one: Call) -> Answer:
        try:
            link = await self._host()
        except OSError as error:
            return Gone(f"the tool host cannot be started: {error.strerror or error}", retryable=True)
        if one.is_cut:
            return Gone(NOT_BEGUN)
        try:
            answer = await one.answer(link)
            self._deaths = 0
            return answer
        except HostLost:
            await link.gone()  # what it leaves behind could still act
            return Gone("the tool host, from which processes of tools are made, has ended", retryable=True)

    async def _host(self) -> Link:
        """Return the host, a new one where there is none; one that died in a row is waited for longer."""
        async with self._starting:
            if self._link is not None and self._link.lost.done():
                await self._link.gone()
                self._link = None
                self._deaths, self._died_s = self._deaths + 1, time.monotonic()
                log.warning("tool_host.ended", deaths=self._deaths)
            if self._link is None:
                wait_s = HOST_WAITS_S[min(self._deaths, len(HOST_WAITS_S) - 1)]
                await asyncio.sleep(max(0.0, self._died_s + wait_s - time.monotonic()))
                if self._closed:
                    raise OSError("the server is shutting down")
                limits = self._limits
                start = Start(
                    tuple(sys.path), limits.processes_max, limits.children_max, limits.file_bytes_max
                )
                self._link = Link(start)
                log.info("tool_host.started", pid=self._link.pid)
            return self._link
