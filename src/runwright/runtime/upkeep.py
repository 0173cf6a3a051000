"""What one process of all does now and then: ended runs are archived, and deleted in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from runwright.core.errors import JournalUnavailable
from runwright.dispatch_port import Dispatcher
from runwright.log import Log
from runwright.runtime.archive import Archiver, batches
from runwright.runtime.retention import Retention

log = Log("runwright.upkeep")

LOOK_S_MIN, LOOK_S_MAX = 0.1, 30.0  # between two looks for what is due
AWAY_S = 5.0  # until the store, or a duty that another process has, is tried again
COLLECT_EVERY_S = 600.0  # between two looks for what is not kept any longer


class Upkeep(NamedTuple):
    """How the archive is kept.

    archive_after_s     how long a run has to be over; 0: nothing is moved
    archive_runs_per_s  no faster than this, so that runs that are under way have the store for themselves
    """

    archive_after_s: float
    archive_runs_per_s: float


class Caretaker:
    """Does the duties of upkeep for as long as it lives, beside whoever drives runs."""

    def __init__(
        self,
        archiver: Archiver,
        retention: Retention,
        dispatcher: Dispatcher,
        upkeep: Upkeep,
        now_s: Callable[[], float],
    ) -> None:
        self._archiver, self._retention, self._upkeep = archiver, retention, upkeep
        self._dispatcher, self._now_s = dispatcher, now_s
        self._tasks: list[asyncio.Task[None]] = []
        self._done_s: dict[str, float] = {}

    @property
    def archived(self) -> int:
        """How many runs this process has moved to the archive."""
        return self._archiver.moved

    @property
    def lags_s(self) -> dict[str, float]:
        """How long ago the latest look began that came to its end, by duty, of the duties of this process."""
        now_s = time.monotonic()
        return {name: now_s - done_s for name, done_s in self._done_s.items()}

    def start(self) -> None:
        loop, after_s = asyncio.get_running_loop(), self._upkeep.archive_after_s
        duties = [self._kept("retention", self._retention.collect, COLLECT_EVERY_S)]
        if after_s:
            every_s = min(LOOK_S_MAX, max(LOOK_S_MIN, after_s / 10))
            duties.append(self._kept("archive", self.archive_once, every_s))
        self._tasks = [loop.create_task(duty) for duty in duties]

    async def stop(self) -> None:
        """End what is being done; it is taken up where it was by whoever does it next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _kept(self, name: str, once: Callable[[], Awaitable[object]], every_s: float) -> None:
        while True:
            wait_s = every_s
            try:
                async with self._dispatcher.duty(name) as mine:
                    if mine:
                        began_s = time.monotonic()
                        self._done_s.setdefault(name, began_s)
                        await once()
                        self._done_s[name] = began_s
                    else:  # somebody is at it, or has gone in the middle of it
                        self._done_s.pop(name, None)
                        wait_s = min(every_s, AWAY_S)
            except JournalUnavailable as error:
                log.warning("upkeep.interrupted", duty=name, error=error.message, retry_in_s=AWAY_S)
                wait_s = AWAY_S
            except Exception:
                # a fault of ours must not end the duty for good
                log.exception("upkeep.broken", duty=name, retry_in_s=every_s)
            await asyncio.sleep(wait_s)

    async def archive_once(self) -> int:
        """Move every run that is due; return how many were moved.

        Raises   JournalUnavailable
        """
        moved, is_end = 0, False
        while not is_end:
            due, is_end = await self._archiver.look(self._now_s() - self._upkeep.archive_after_s)
            for batch in batches(due):
                began_s = time.monotonic()
                moved += (await self._archiver.move(batch)).moved
                took_s = time.monotonic() - began_s
                await asyncio.sleep(max(0.0, len(batch) / self._upkeep.archive_runs_per_s - took_s))
        if moved:
            log.info("archive.moved", runs=moved)
        return moved
