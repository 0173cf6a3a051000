"""Group commit over PostgreSQL: what piled up during one statement goes into the next.

One statement is in flight at a time, on a connection of its own. A batch is one statement and so one
transaction; when it is refused its halves are tried, so that one bad piece cannot fail the others. When the
connection is lost meanwhile nobody knows whether the server has committed: the old backend is ended first,
then the database is read, and only what is not there is done again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from copy import copy
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import asyncpg

from runwright.adapters.postgres import Connection, Database, let_go
from runwright.adapters.postgres_failures import LOST, failure
from runwright.core.errors import JournalUnavailable
from runwright.crash_points import crash_here

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Perform: TypeAlias = Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]
Committed: TypeAlias = Callable[[float, int], None]
ReadBack: TypeAlias = Callable[[Connection, Sequence[Item]], Awaitable[Mapping[int, Answer]]]

# of one statement
ITEMS_MAX = 2_000
BYTES_MAX = 8 * 1024 * 1024
# Every statement of a group commit finds its rows by a key: whatever the planner believes of a table that
# has just begun to grow, it is not to read it from end to end, nor to plan anew each time.
PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_mergejoin": "off"}
# trouble of the server that all pieces of a batch share: to try its halves would only add to it
SHARED = (
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
)


class Room(NamedTuple):
    """How much may wait for a group commit; more is refused.

    committed  is told how long a statement took until it was durable, in seconds, and how many pieces it did
    """

    items_max: int
    bytes_max: int
    committed: Committed = lambda duration_s, writes: None


class _Waiting(NamedTuple, Generic[Item, Answer]):
    item: Item
    size: int
    done: asyncio.Future[Answer]


class GroupCommit(Generic[Item, Answer]):
    """Work of many callers in one statement at a time.

    perform    does pieces of work, no two with one key, in one statement, or in several that do no harm when
               they are repeated; a refused piece has its error in its place and has written nothing
    read_back  finds which pieces were done already, with their answers, by their place in the batch
    key        of a piece: pieces with the same key are done one after the other
    unclaimed  is told what was done after all when nobody waits for it any more
    """

    def __init__(
        self,
        database: Database,
        room: Room,
        *,
        perform: Perform[Item, Answer],
        read_back: ReadBack[Item, Answer],
        key: Callable[[Item], Hashable],
        unclaimed: Callable[[Answer], None] = lambda answer: None,
    ) -> None:
        self._database, self._room = database, room
        self._perform, self._read_back, self._key, self._unclaimed = perform, read_back, key, unclaimed
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._bytes = 0
        self._con: Connection | None = None
        self._backend = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.commits = 0

    def submit(self, item: Item, size: int) -> asyncio.Future[Answer]:
        """Return a future that holds the answer once it is committed.

        Raises   JournalUnavailable, at once when too much waits or the server is known to be away
        """
        if self._closed:
            raise JournalUnavailable("the database is closed")
        if self._database.away is not None:
            raise JournalUnavailable(self._database.away)
        if len(self._waiting) >= self._room.items_max or self._bytes > self._room.bytes_max:
            raise JournalUnavailable(
                f"{len(self._waiting):,} writes of {self._bytes:,} bytes wait for the database; try again"
            )
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Item, Answer] = _Waiting(item, size, loop.create_future())
        self._waiting.append(waiting)
        self._bytes += size
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return waiting.done

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the next statement."""
        return len(self._waiting)

    async def close(self) -> None:
        """Let what waits be committed, where the server can be reached; whatever comes later is refused."""
        self._closed = True
        if self._task is not None and self._database.away is None:
            await asyncio.wait((self._task,), timeout=self._database.bounds.wait_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._fail(self._waiting, JournalUnavailable("the database is closed"))
        if self._con is not None:
            await let_go(self._con)

    async def _work(self) -> None:
        while self._waiting:
            batch = self._batch()
            try:
                await self._commit(batch)
            except BaseException:
                self._fail(batch, JournalUnavailable("the database is closed"))
                raise

    def _batch(self) -> list[_Waiting[Item, Answer]]:
        """Take what waits and fits in one statement; a second piece with one key stays for the next."""
        keys: set[Hashable] = set()
        batch: list[_Waiting[Item, Answer]] = []
        later: list[_Waiting[Item, Answer]] = []
        size = 0
        while self._waiting and len(batch) < ITEMS_MAX:
            waiting = self._waiting[0]
            if batch and size + waiting.size > BYTES_MAX:
                break
            self._waiting.popleft()
            key = self._key(waiting.item)
            if key in keys:
                later.append(waiting)
                continue
            keys.add(key)
            batch.append(waiting)
            size += waiting.size
        self._bytes -= size
        self._waiting.extendleft(reversed(later))
        return batch

    async def _commit(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        try:
            con = await self._connected()
        except JournalUnavailable as error:
            self._database.lost(error)
            self._fail(batch, error)
            return
        try:
            crash_here("commit.before")
            begun_s = time.monotonic()
            answers = await self._perform(con, [waiting.item for waiting in batch])
            self.commits += 1
            self._room.committed(time.monotonic() - begun_s, len(batch))
            crash_here("commit.after")
        except LOST as error:
            self._database.lost(error)
            await self._find_out(batch)
        except asyncpg.InterfaceError as error:
            if not con.is_closed():
                await self._halved(batch, error)
                return
            self._database.lost(ConnectionError())
            await self._find_out(batch)
        except asyncpg.PostgresError as error:
            await self._halved(batch, error)
        except Exception as error:  # a defect of ours must not stop what comes later
            self._fail(batch, error)
        else:
            self._settle(batch, answers)

    async def _halved(self, batch: Sequence[_Waiting[Item, Answer]], error: Exception) -> None:
        if len(batch) == 1 or isinstance(error, SHARED):
            self._fail(batch, failure(error))
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    async def _find_out(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        """Learn what became of a batch once the server can be reached; what was not done waits again.

        Its callers are told that nobody knows when that takes too long.
        """
        unknown = JournalUnavailable(
            "the connection to the database was lost during a commit; it is not known yet what became of it"
        )
        loop, wait_s = asyncio.get_running_loop(), self._database.bounds.wait_s
        patience = loop.call_later(wait_s, self._fail, batch, unknown)
        try:
            found = await self._found(batch)
        finally:
            patience.cancel()
        for place, waiting in reversed(tuple(enumerate(batch))):
            if place in found and waiting.done.done():
                self._unclaimed(found[place])
            elif place in found:
                waiting.done.set_result(found[place])
            elif not waiting.done.done():
                self._waiting.appendleft(waiting)
                self._bytes += waiting.size

    async def _found(self, batch: Sequence[_Waiting[Item, Answer]]) -> Mapping[int, Answer]:
        lost = self._backend
        if self._con is not None:
            self._con.terminate()
        while True:
            await self._database.back()
            try:
                con = await self._connected()
                if await self._database.ended(con, lost):
                    return await self._read_back(con, [waiting.item for waiting in batch])
            except (*LOST, JournalUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._database.lost(error)

    async def _connected(self) -> Connection:
        if self._con is None or self._con.is_closed():
            self._con = await self._database.connect(**PLANNING)
            self._backend = self._con.get_server_pid()
        return self._con

    def _settle(self, batch: Sequence[_Waiting[Item, Answer]], answers: Sequence[Answer | Exception]) -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.done.done():  # its caller was cancelled
                if not isinstance(answer, Exception):
                    self._unclaimed(answer)
            elif isinstance(answer, Exception):
                waiting.done.set_exception(answer)
            else:
                waiting.done.set_result(answer)

    def _fail(self, batch: Sequence[_Waiting[Item, Answer]], error: Exception) -> None:
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_exception(copy(error))  # each caller has a traceback of its own
