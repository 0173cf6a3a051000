"""The runs that this process drives: how many at once, which wait, and how they are let go."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runwright.core.codec import EMPTY, Tip, verified
from runwright.core.errors import (
    ClaimLost,
    IllegalTransition,
    JournalUnavailable,
    Overloaded,
    RunCorrupt,
)
from runwright.core.ids import RunId, Tenant
from runwright.core.recover import give_up, recover, tools_lacking
from runwright.core.run import fold
from runwright.core.state import Run
from runwright.core.turn import CallTool, Command, Turn
from runwright.crash_points import crash_here
from runwright.log import Log
from runwright.runtime.driver import Drive
from runwright.runtime.engine import Engine

log = Log("runwright.runtime")

CLAIM_RETRY_S = 1.0
TENANT_SHARE = 0.8  # of the runs that may wait, for one tenant
GIVE_BACK_S = 0.5  # how long a run that was let go in a drain waits, at most, until others may take it
BROKEN_RETRY_S = (1.0, 5.0, 25.0)  # waits before a run whose drive broke is taken up again; then it is over


class Worker:
    """Drives runs: claims them, bounds how many are in hand, and lets them go in time.

    name              names this process in the journal
    runs_at_once_max  more wait, in the order in which they came; 0: this process drives none
    tenant_runs_max   of one tenant; more are not driven from their creation on, but shared out like others
    queue             runs that wait here for room, the first one first
    claims_lost       runs that another worker had taken over when this one was about to record something
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        runs_at_once_max: int,
        tenant_runs_max: float = float("inf"),
    ) -> None:
        self._engine, self._dispatcher, self.name = engine, engine.dispatcher, name
        self._runs_at_once_max, self._tenant_runs_max = runs_at_once_max, tenant_runs_max
        self._tenants: Counter[Tenant] = Counter()
        self.claims_lost, self.drives = 0, runs_at_once_max > 0
        self._drives: dict[RunId, Drive] = {}
        self._tasks: dict[RunId, asyncio.Task[Run | None]] = {}
        self.queue: dict[RunId, None] = {}
        self._missed: set[RunId] = set()
        self._broken: dict[RunId, int] = {}
        self._coming = self._queueing = 0  # runs that are being created, and have a place or will wait
        self.draining, self._let_go_at_s = False, 0.0

    @property
    def has_room(self) -> bool:
        """Whether a new run can be driven at once."""
        return not self.draining and not self.waiting and self._is_free

    @property
    def room(self) -> int:
        """How many more runs could be driven at once."""
        if self.draining:
            return 0
        return max(0, self._runs_at_once_max - len(self._tasks) - self._coming - self.waiting)

    @property
    def tenants(self) -> Mapping[Tenant, int]:
        """How many runs of each tenant are in hand."""
        return self._tenants

    @property
    def in_hand(self) -> int:
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        return len(self.queue) + self._queueing

    @property
    def _is_free(self) -> bool:
        return len(self._tasks) + self._coming < self._runs_at_once_max

    @contextmanager
    def admission(self, tenant: Tenant, waiting_max: int) -> Iterator[bool]:
        """Yield whether a run that is being created will be driven at once; else it will wait.

        Until the context is left its place is kept, so that the bounds hold for a burst too.
        Raises   Overloaded when as many wait as may, in all or of this tenant
        """
        at_once = self.has_room and self._tenants[tenant] < self._tenant_runs_max
        if not at_once:
            others = self._dispatcher.waiting
            waiting, own = self.waiting + sum(others.values()), others.get(tenant, 0)
            if waiting >= waiting_max or own > TENANT_SHARE * waiting_max:
                raise Overloaded(f"{waiting} runs are waiting already; try again later")
        self._coming += at_once
        self._queueing += not at_once
        try:
            yield at_once
        finally:
            self._coming -= at_once
            self._queueing -= not at_once
            self._fill()

    def drive_of(self, run_id: RunId) -> Drive | None:
        """Return the drive of a run that is in hand here."""
        return self._drives.get(run_id)

    def awaits(self, run_id: RunId) -> bool:
        """Whether a run waits for room here."""
        return run_id in self.queue

    async def ended(self, run_id: RunId) -> Run | None:
        """Return a run in hand once it is let go, as it is then; None when it is not in hand or was lost."""
        task = self._tasks.get(run_id)
        if task is None:
            return None
        await asyncio.wait((task,))
        return None if task.cancelled() or task.exception() else task.result()

    def adopt(self, run: Run, tip: Tip, run_bytes: int, commands: Sequence[Command], tenure: int) -> None:
        """Drive a run that was created claimed by this worker; its first turn is on record.

        tenure   of the dispatcher, before the run was created
        A worker that is draining ends the steps that are on record as started, and leaves the rest to the
        next one: an unsafe step that was never called must not become unknown.
        """
        if self.draining and not any(isinstance(command, CallTool) for command in commands):
            return
        drive = self._drives[run.run_id] = Drive(self._engine, run, 1, tip, run_bytes, tenure)
        if self.draining:
            drive.release(cut=False)
        self._spawn(run.run_id, self._run(drive, commands=commands))

    def wake(self, run_id: RunId) -> None:
        """Have a run looked after: at once when it is in hand here, else by whoever takes it."""
        if not self._is_here(run_id):
            self._dispatcher.offer(self, run_id)

    def notice(self, run_id: RunId) -> None:
        """Look at a run's journal again, if the run is in hand here."""
        self._is_here(run_id)

    def take(self, run_id: RunId) -> None:
        """Claim a run and drive it, as soon as there is room."""
        if not self._is_here(run_id) and not self.draining:
            self.queue[run_id] = None
            self._fill()

    def _is_here(self, run_id: RunId) -> bool:
        """Whether a run is in hand; it is looked at again then."""
        if drive := self._drives.get(run_id):
            drive.notice()
        elif run_id in self._tasks:  # being claimed, or just let go
            self._missed.add(run_id)
        else:
            return False
        return True

    async def start(self, *, take_up: bool = True) -> int:
        """Return how many runs that nobody drives are taken up at once; none are without `take_up`."""
        return await self._dispatcher.start(self, take_up=take_up)

    def let_go(self) -> None:
        """Take up no run and start no step any more; the grace of `drain` counts from here."""
        if self.draining:
            return
        self.draining, self._let_go_at_s = True, time.monotonic()
        self.queue.clear()
        for drive in self._drives.values():
            drive.release(cut=False)

    async def drain(self, grace_s: float) -> None:
        """Let every run go: tools may end within `grace_s`, then they are cut off."""
        self.let_go()
        crash_here("drain.after_release")
        await self._dispatcher.give_back(self._tasks.keys())
        await self._idle(grace_s - (time.monotonic() - self._let_go_at_s))
        for drive in self._drives.values():
            drive.release(cut=True)
        crash_here("drain.after_cut")
        await self._idle(self._engine.grace_s + 1.0)
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._dispatcher.stop()

    async def _idle(self, within_s: float) -> None:
        """Wait for all runs in hand, those too that come meanwhile; not longer than it may take."""
        until_s = time.monotonic() + within_s
        while self._tasks and (left_s := until_s - time.monotonic()) > 0:
            await asyncio.wait(tuple(self._tasks.values()), timeout=min(left_s, GIVE_BACK_S))
            await self._dispatcher.give_back(self._tasks.keys())

    def _fill(self) -> None:
        while self.queue and not self.draining and self._is_free:
            run_id = next(iter(self.queue))
            del self.queue[run_id]
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
            self.queue[run_id] = None
        if not task.cancelled() and (error := task.exception()):
            self._take_up_later(run_id, error)
        else:
            self._broken.pop(run_id, None)
        self._fill()
        self._dispatcher.has_room()

    def _take_up_later(self, run_id: RunId, error: BaseException) -> None:
        """A drive that broke may break again: the run is taken up a few times, and then it ends."""
        times = self._broken.get(run_id, 0)
        self._broken[run_id] = times + 1
        if times > len(BROKEN_RETRY_S):  # not even its end can be recorded; the next process may know better
            del self._broken[run_id]
            log.error("run.broken", run_id=run_id, times=times + 1, exc_info=error)
            return
        delay_s = BROKEN_RETRY_S[times] if times < len(BROKEN_RETRY_S) else 0.0
        log.error("run.broken", run_id=run_id, times=times + 1, retry_in_s=delay_s, exc_info=error)
        asyncio.get_running_loop().call_later(delay_s, self.take, run_id)

    async def _claim_and_run(self, run_id: RunId) -> Run | None:
        engine, tenure = self._engine, self._dispatcher.tenure
        try:
            claim = await engine.journal.claim(run_id, self.name)
            crash_here("claim.after_commit")
            if claim is None or self.draining:
                return None
            _, tip, records = claim.history
            run = fold(run_id, verified(records, EMPTY, tip, run_id))
            if (lacking := tools_lacking(run, engine.registry)) and await self._dispatcher.leave(run_id):
                log.warning("run.left", run_id=run_id, tools_lacking=lacking)
                return None
        except JournalUnavailable as error:
            log.warning("journal.unavailable", run_id=run_id, error=error.message, retry_in_s=CLAIM_RETRY_S)
            asyncio.get_running_loop().call_later(CLAIM_RETRY_S, self.take, run_id)
            return None
        except (RunCorrupt, IllegalTransition) as error:
            log.error("run.corrupt", run_id=run_id, error=error.message)
            return None
        run_bytes = sum(len(record.body) for record in records)
        drive = Drive(engine, run, claim.epoch, tip, run_bytes, tenure)
        now_s = round(engine.now_s(), 3)  # what the journal keeps, so that its fold is the run in hand
        given = run, now_s, engine.registry, engine.limits
        broken = self._broken.get(run_id, 0) > len(BROKEN_RETRY_S)
        turn = give_up(*given) if broken else recover(*given, run_bytes)
        return await self._run(drive, first=turn if turn.events else None)

    async def _run(
        self, drive: Drive, *, first: Turn | None = None, commands: Sequence[Command] = ()
    ) -> Run | None:
        run_id = drive.run.run_id
        self._drives[run_id] = drive
        tenant = drive.run.tenant
        self._tenants[tenant] += 1
        if run_id in self._missed:
            self._missed.discard(run_id)
            drive.notice()
        try:
            run = await drive.drive(first, commands)
        except ClaimLost as error:
            self.claims_lost += 1
            log.warning("run.claim_lost", run_id=run_id, error=error.message)
        except RunCorrupt as error:
            log.error("run.corrupt", run_id=run_id, error=error.message)
        else:
            if drive.has_moved:
                self._missed.add(run_id)
            return run
        finally:
            del self._drives[run_id]
            self._tenants[tenant] -= 1
            if not self._tenants[tenant]:
                del self._tenants[tenant]
        return None
