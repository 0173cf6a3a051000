"""The runs that this process drives: how many at once, which wait, and how they are let go."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from runwright.core.codec import EMPTY, Tip, verified
from runwright.core.decide import Command, Turn
from runwright.core.errors import (
    ClaimLost,
    IllegalTransition,
    JournalUnavailable,
    RunCorrupt,
    RunwrightError,
)
from runwright.core.ids import RunId
from runwright.core.recover import recover
from runwright.core.run import fold
from runwright.core.state import Run
from runwright.runtime.driver import Drive
from runwright.runtime.engine import Engine

log = structlog.get_logger("runwright.runtime")

CLAIM_RETRY_S = 1.0


class Worker:
    """Drives runs: claims them, bounds how many are in hand, and lets them go in time.

    name              names this process in the journal
    runs_at_once_max  more wait, in the order in which they came
    """

    def __init__(self, engine: Engine, *, name: str, runs_at_once_max: int) -> None:
        self._engine, self.name, self._runs_at_once_max = engine, name, runs_at_once_max
        self._drives: dict[RunId, Drive] = {}
        self._tasks: dict[RunId, asyncio.Task[Run | None]] = {}
        self._waiting: dict[RunId, None] = {}
        self._missed: set[RunId] = set()
        self.draining = False

    @property
    def has_room(self) -> bool:
        """Whether a new run can be driven at once."""
        return not self.draining and not self._waiting and len(self._tasks) < self._runs_at_once_max

    @property
    def in_hand(self) -> int:
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def drive_of(self, run_id: RunId) -> Drive | None:
        """Return the drive of a run that is in hand here."""
        return self._drives.get(run_id)

    async def ended(self, run_id: RunId) -> Run | None:
        """Return a run in hand once it is let go, as it is then; None when it is not in hand or was lost."""
        task = self._tasks.get(run_id)
        if task is None:
            return None
        await asyncio.wait((task,))
        return None if task.cancelled() else task.result()

    def adopt(self, run: Run, tip: Tip, run_bytes: int, commands: Sequence[Command]) -> None:
        """Drive a run that was created claimed by this worker; its first turn is on record.

        A worker that is draining leaves it to the next one.
        """
        if self.draining:
            return
        drive = self._drives[run.run_id] = Drive(self._engine, run, 1, tip, run_bytes)
        self._spawn(run.run_id, self._run(drive, commands=commands))

    def wake(self, run_id: RunId) -> None:
        """Look after a run: at once when it is in hand, else as soon as there is room."""
        if drive := self._drives.get(run_id):
            drive.notice()
        elif run_id in self._tasks:  # being claimed, or just let go
            self._missed.add(run_id)
        else:
            self._waiting[run_id] = None
            self._fill()

    async def start(self) -> int:
        """Take up every run that is not over, and return how many those are."""
        unfinished = await self._engine.journal.unfinished()
        self._waiting.update(dict.fromkeys(unfinished))
        self._fill()
        return len(unfinished)

    async def drain(self, grace_s: float) -> None:
        """Let every run go: tools may end within `grace_s`, then they are cut off."""
        self.draining = True
        self._waiting.clear()
        tasks = tuple(self._tasks.values())
        for drive in self._drives.values():
            drive.release(cut=False)
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for drive in self._drives.values():
            drive.release(cut=True)
        if pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending, timeout=self._engine.grace_s + 1.0)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fill(self) -> None:
        while self._waiting and not self.draining and len(self._tasks) < self._runs_at_once_max:
            run_id = next(iter(self._waiting))
            del self._waiting[run_id]
            if run_id not in self._tasks:
                self._spawn(run_id, self._claim_and_run(run_id))

    def _spawn(self, run_id: RunId, work: Coroutine[Any, Any, Run | None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=run_id)
        self._tasks[run_id] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Run | None]) -> None:
        run_id = RunId(task.get_name())
        del self._tasks[run_id]
        if run_id in self._missed:
            self._missed.discard(run_id)
            self._waiting[run_id] = None
        if not task.cancelled() and (error := task.exception()):
            log.error("run.broken", run_id=run_id, exc_info=error)
        self._fill()

    async def _claim_and_run(self, run_id: RunId) -> Run | None:
        engine = self._engine
        try:
            claim = await engine.journal.claim(run_id, self.name)
            if claim is None or self.draining:
                return None
            history = claim.history
            run = fold(run_id, verified(history.records, EMPTY, history.tip))
        except JournalUnavailable as error:
            log.warning("journal.unavailable", run_id=run_id, error=error.message, retry_in_s=CLAIM_RETRY_S)
            asyncio.get_running_loop().call_later(CLAIM_RETRY_S, self.wake, run_id)
            return None
        except (RunCorrupt, IllegalTransition) as error:
            log.error("run.corrupt", run_id=run_id, error=error.message)
            return None
        run_bytes = sum(len(record.body) for record in history.records)
        drive = Drive(engine, run, claim.epoch, history.tip, run_bytes)
        now_s = round(engine.now_s(), 3)  # what the journal keeps, so that its fold is the run in hand
        turn = recover(run, now_s, engine.registry, engine.limits, run_bytes)
        return await self._run(drive, first=turn if turn.events else None)

    async def _run(
        self, drive: Drive, *, first: Turn | None = None, commands: Sequence[Command] = ()
    ) -> Run | None:
        run_id = drive.run.run_id
        self._drives[run_id] = drive
        if run_id in self._missed:
            self._missed.discard(run_id)
            drive.notice()
        try:
            run = await drive.drive(first, commands)
        except ClaimLost as error:
            log.warning("run.claim_lost", run_id=run_id, error=error.message)
        except RunwrightError as error:
            log.error("run.abandoned", run_id=run_id, code=error.code, error=error.message)
        else:
            if run.is_over:
                log.info("run.ended", run_id=run_id, status=run.status, tenant=run.tenant)
            if drive.has_moved:
                self._missed.add(run_id)
            return run
        finally:
            del self._drives[run_id]
        return None
