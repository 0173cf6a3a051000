"""Threads for tools that block: as many as may be at work, those that will never end included.

A thread cannot be stopped. One whose call was given up keeps its place until it really ends, so that
tools that hang cannot pile up threads; when every place is taken, new calls wait for one.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeAlias

from runwright.core.ids import DEFAULT_TENANT, Tenant
from runwright.fair_places import FairPlaces

Ended: TypeAlias = "asyncio.Future[tuple[Any, BaseException | None]]"


class NeverBegan(asyncio.CancelledError):
    """A call was given up before a thread had taken it: it is not made."""


class _Job(NamedTuple):
    """A call for a thread; whoever gets hold of `taken` first makes it, or has it never made."""

    call: Callable[[], Any]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    ended: Ended
    taken: threading.Lock


class Threads:
    """A pool of daemon threads, made when they are needed and kept.

    threads_max   calls at work at once, with those that were given up and have not ended
    """

    def __init__(self, threads_max: int) -> None:
        self.threads_max = threads_max
        self._places = FairPlaces(threads_max)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._made = self._idle = 0
        self._given_up: set[Ended] = set()
        self.busy = 0

    @property
    def hung(self) -> int:
        """Return how many calls were given up and have not ended."""
        return len(self._given_up)

    async def run(
        self, call: Callable[[], Any], begin: Callable[[], None], tenant: Tenant = DEFAULT_TENANT
    ) -> Any:
        """Return what the call returns, from a thread; what it raises is raised.

        tenant   waits in turn with the others where no thread is free
        begin    called on the loop when a thread is free, right before the call; may raise to have none
        Cancelling gives the call up: it is at work in its thread by then, or NeverBegan is raised.
        """
        await self._places.acquire(tenant)
        try:
            self._make_ready()
        except BaseException:
            self._places.release()
            raise
        try:
            begin()
        except BaseException:
            self._idle += 1
            self._places.release()
            raise
        self.busy += 1
        loop = asyncio.get_running_loop()
        ended: Ended = loop.create_future()
        ended.add_done_callback(self._over)
        taken = threading.Lock()
        self._jobs.put(_Job(call, contextvars.copy_context(), loop, ended, taken))
        try:
            value, error = await asyncio.shield(ended)
        except asyncio.CancelledError:
            if taken.acquire(blocking=False):
                raise NeverBegan from None
            if not ended.done():
                self._given_up.add(ended)
            raise
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Let every thread end once it has no call."""
        for _ in range(self._made):
            self._jobs.put(None)

    def _make_ready(self) -> None:
        """Take an idle thread or make one, before there is a job that nobody would take."""
        if self._idle:
            self._idle -= 1
            return
        threading.Thread(target=self._work, name="runwright tool", daemon=True).start()
        self._made += 1

    def _over(self, ended: Ended) -> None:
        self._given_up.discard(ended)
        self.busy -= 1
        self._idle += 1
        self._places.release()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            value, error = None, None
            if job.taken.acquire(blocking=False):
                try:
                    value = job.context.run(job.call)
                except BaseException as raised:  # a tool's, to be told to whoever waits
                    error = raised
            try:
                job.loop.call_soon_threadsafe(job.ended.set_result, (value, error))
            except RuntimeError:
                return  # the loop is gone, and everybody who waited with it
            del job, value, error
