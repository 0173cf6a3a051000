"""Dispatch over PostgreSQL: the journal's own rows say which runs nobody drives.

Every process keeps a row with the time until which it is to be taken for alive, by the clock of the database.
It takes runs whose `worker` is empty, in one statement that skips what others are taking just now, and one
process at a time empties that column for the runs of the dead. A notification that a run was created or
changed only shortens the wait: without any of them, runs are looked for every second.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Any, NamedTuple

import asyncpg

from runwright.adapters import dispatch_postgres_sql as sql
from runwright.adapters.duty_postgres import duty
from runwright.adapters.postgres import Connection, Database
from runwright.adapters.postgres_failures import LOST, failure
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId, Tenant
from runwright.dispatch_port import Hands
from runwright.log import Log
from runwright.outage import Outage

log = Log("runwright.dispatch")

# goes on while the computer sleeps, where there is such a clock
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
SURE = 0.9  # of its lease, a process relies on it: clocks do not go exactly alike
LOOK_S = 1.0  # between two looks for runs that nobody drives, when no notification comes
SWEEP_LOCK = 7_283_493
TAKE_LOCK = 7_283_495
AGAIN_S = (0.05, 0.2, 0.5, 1.0)  # waits until the database is tried again; the last one repeats
TAKEN_MAX = 200  # in one statement
FORGET_S = 600.0  # after a run was left to others for as long as may be
LEFT_MAX = 1_000  # runs that are left to others because of their tools
_PREFIX = len("run_")


class Share(NamedTuple):
    """What a process may take, and how long it is believed to live.

    lease_s             without word of it, its runs are taken over
    tenant_runs_max     of one tenant that it has in hand
    tenant_cluster_max  of one tenant that all processes have in hand together; None: no bound of its own
    waiting_max         as many runs that wait are counted
    tools_wait_s        so long a process leaves a run whose tools it lacks to others
    """

    lease_s: float
    tenant_runs_max: int
    tenant_cluster_max: int | None
    waiting_max: int
    tools_wait_s: float


class PostgresDispatcher:
    """`Dispatcher` among all processes on one database.

    alive, workers   processes that live, and those of them that take runs up, as of the last look
    """

    def __init__(self, database: Database, share: Share) -> None:
        self._database, self._share = database, share
        self._lease = timedelta(seconds=share.lease_s)
        self._hands: Hands | None = None
        self._takes_up = self._wants_more = False
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._renewed_s = self._known_s = self._guarded_s = -math.inf
        self._tenure = 1
        self.waiting: Mapping[Tenant, int] = {}
        self.alive = self.workers = 0
        self._left: dict[RunId, float] = {}
        self._outage = Outage(log, "dispatch.interrupted", "dispatch.resumed")

    async def start(self, hands: Hands, *, take_up: bool) -> int:
        self._hands, self._takes_up = hands, take_up
        async with self._database.connection() as con:
            await self._renew(con, hands)
            await self._database.end_silent(con)
            await con.fetchrow(sql.SWEEP, SWEEP_LOCK)
            self.alive, self.workers = await con.fetchrow(sql.ALIVE)
            await self._count(con)
            taken = await self._taken(con, hands)
        self._task = asyncio.get_running_loop().create_task(self._kept(hands))
        return taken

    def offer(self, hands: Hands, run_id: RunId) -> None:
        if self._takes_up:
            self._bell.set()  # not to these hands at once: others may have room, or other tenants be next
        elif self._task is not None:
            hands.take(run_id)

    def has_room(self) -> None:
        # where others may have left a run because of its tenant, it may be this one's now
        if self._wants_more or self._share.tenant_cluster_max is not None:
            self._bell.set()

    @property
    def tenure(self) -> int:
        return self._tenure if self._is_sure_since(self._renewed_s) else 0

    async def hold(self, run_id: RunId, epoch: int) -> int | None:
        if self._hands is None:
            return None
        async with self._database.connection() as con:
            held, asked_s = True, -math.inf
            # an answer that comes when the lease may be over says nothing any more
            while held and not self._is_sure_since(asked_s):
                asked_s = _now_s()
                # a sweep that has begun may not know of the lease yet, and has the lock
                lease = self._lease_of(self._hands)
                held = await con.fetchval(sql.HOLD, *lease, SWEEP_LOCK, run_id[_PREFIX:], epoch)
                self._renewed(asked_s)
        return self._tenure if held else None

    def _is_sure_since(self, renewed_s: float) -> bool:
        return _now_s() - renewed_s < SURE * self._share.lease_s

    def _lease_of(self, hands: Hands) -> tuple[str, timedelta, bool]:
        return hands.name, self._lease, self._takes_up and hands.drives

    async def _renew(self, con: Connection, hands: Hands) -> None:
        """Be known as alive for another lease."""
        now_s = _now_s()
        await con.execute(sql.RENEW, *self._lease_of(hands))
        self._renewed(now_s)

    def _renewed(self, now_s: float) -> None:
        """Rely on a lease, which counts from before the database was asked."""
        if now_s - self._renewed_s >= SURE * self._share.lease_s:
            self._tenure += 1
        self._renewed_s = max(now_s, self._renewed_s)

    async def leave(self, run_id: RunId) -> bool:
        since_s = self._left.get(run_id, _now_s())
        if (
            self._hands is None
            or len(self._left) >= LEFT_MAX
            or _now_s() - since_s >= self._share.tools_wait_s
        ):
            self._left.pop(run_id, None)
            return False
        self._left[run_id] = since_s
        async with self._database.connection() as con:
            await con.fetchrow(sql.LEAVE_RUN, run_id[_PREFIX:], self._hands.name)
        return True

    def _left_to_others(self) -> list[str]:
        """The runs that these hands are not to take now; those that were left long ago are forgotten."""
        now_s, wait_s = _now_s(), self._share.tools_wait_s
        kept = {
            run_id: since_s for run_id, since_s in self._left.items() if now_s - since_s < wait_s + FORGET_S
        }
        self._left = kept
        return [run_id[_PREFIX:] for run_id, since_s in kept.items() if now_s - since_s < wait_s]

    async def give_back(self, kept: Collection[RunId]) -> None:
        if self._hands is None:
            return
        self._takes_up = False
        with suppress(JournalUnavailable):  # then they are found once the lease is over
            async with self._database.connection() as con:
                await con.fetchrow(sql.GIVE_BACK, self._hands.name, [run_id[_PREFIX:] for run_id in kept])

    def duty(self, name: str) -> AbstractAsyncContextManager[bool]:
        return duty(self._database, name)

    def figures(self) -> dict[str, int]:
        return {"processes": self.alive, "workers": self.workers}

    async def first_waiting(self) -> RunId | None:
        """Return the oldest run that nobody drives. Raises JournalUnavailable."""
        rows = await self._database.rows(sql.FIRST_WAITING)
        return RunId(f"run_{rows[0][0].hex}") if rows else None

    async def stop(self) -> None:
        if self._task is None or self._hands is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self.give_back(())
        with suppress(JournalUnavailable):
            async with self._database.connection() as con:
                await con.execute(sql.LEAVE, self._hands.name)

    async def _kept(self, hands: Hands) -> None:
        """Stay known as alive and take runs, over every restart of the database."""
        failed = 0
        while True:
            try:
                con = await self._database.connect()
            except JournalUnavailable as error:
                problem = error.message
            else:
                begun_s = time.monotonic()
                try:
                    problem = await self._served(con, hands)
                finally:
                    con.terminate()
                if time.monotonic() - begun_s > self._share.lease_s:
                    failed = 0
            delay_s = AGAIN_S[min(failed, len(AGAIN_S) - 1)]
            failed += 1
            self._outage.lasts(problem)
            await asyncio.sleep(delay_s)

    async def _served(self, con: Connection, hands: Hands) -> str:
        """Work on one connection until it fails; return how."""
        heard = _hearing(hands, self._bell)
        try:
            await con.add_listener(sql.CHANNEL, heard)
            for row in await con.fetch(sql.TOLD, hands.name):  # what was said while nobody listened
                hands.notice(RunId(f"run_{row[0].hex}"))
            # after a gap the leases of all may be over, although all live: let them come back first
            self._known_s = _now_s()
            if self._known_s - self._renewed_s < self._share.lease_s:
                self._known_s -= self._share.lease_s
            while True:
                self._bell.clear()
                async with asyncio.timeout(max(1.0, self._share.lease_s / 2)):
                    await self._turn(con, hands)
                self._outage.ended()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(LOOK_S, self._share.lease_s / 3)):
                        await self._bell.wait()
        except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return failure(error).message

    async def _turn(self, con: Connection, hands: Hands) -> None:
        now_s = _now_s()
        if now_s - self._renewed_s >= min(LOOK_S, self._share.lease_s / 3):
            await self._renew(con, hands)
            if now_s - self._guarded_s >= self._database.bounds.idle_s / 2:
                self._guarded_s = now_s
                if silent := await self._database.end_silent(con):
                    log.warning("dispatch.silence_ended", connections=silent)
            if now_s - self._known_s >= self._share.lease_s:
                freed = (await con.fetchrow(sql.SWEEP, SWEEP_LOCK))[0]
                if freed:
                    log.warning("dispatch.taken_over", runs=freed)
            self.alive, self.workers = await con.fetchrow(sql.ALIVE)
            await self._count(con)
        await self._taken(con, hands)

    async def _count(self, con: Connection) -> None:
        rows = await con.fetch(sql.WAITING, self._share.waiting_max + 1)
        self.waiting = {Tenant(tenant): count for tenant, count in rows}

    async def _taken(self, con: Connection, hands: Hands) -> int:
        """Take runs as far as there is room; return how many."""
        room = min(hands.room, TAKEN_MAX) if self._takes_up else 0
        if not room:
            self._wants_more = self._takes_up
            return 0
        held = hands.tenants
        tenants, counts = list(held), list(held.values())
        left = self._left_to_others()
        wanted = (hands.name, room, tenants, counts, self._share.tenant_runs_max, left)
        rows: Sequence[Any] = ()  # known before they are taken: if word of that is lost, claims find out
        try:
            async with con.transaction():
                if self._share.tenant_cluster_max is None:
                    rows = await con.fetch(sql.TAKE, *wanted)
                else:  # one process at a time counts and takes
                    await con.execute("SELECT pg_advisory_xact_lock($1)", TAKE_LOCK)
                    rows = await con.fetch(sql.TAKE_WITHIN, *wanted, self._share.tenant_cluster_max)
        finally:
            for row in rows:
                hands.take(RunId(f"run_{row[0].hex}"))
        self._wants_more = bool(rows)
        if len(rows) == room:  # there may be more of them than were asked for
            self._bell.set()
        return len(rows)


def _now_s() -> float:
    return time.clock_gettime(CLOCK)


def _hearing(hands: Hands, bell: asyncio.Event) -> Callable[[object, int, str, str], None]:
    """Return what hears of runs that were created, given back or changed by somebody."""

    def heard(_: object, pid: int, channel: str, said: str) -> None:
        if said:
            hands.notice(RunId(f"run_{said}"))
        bell.set()

    return heard
