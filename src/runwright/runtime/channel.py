"""What is new in a run, read and checked once for all that follow it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Self, TypeVar, cast

from runwright.core.codec import Record
from runwright.core.ids import RunId
from runwright.core.state import OVER, RunStatus
from runwright.ports import LiveFeed

# The feed may lose a ring (another process, a restart): look at least this often.
LOOK_AGAIN_S = 5.0

Told = TypeVar("Told")


class Batch:
    """Records behind `after_seq`, read together and checked; the journal ended at `tip_seq` then."""

    __slots__ = ("_told", "after_seq", "records", "status", "tip_seq")

    def __init__(self, records: Sequence[Record], after_seq: int, tip_seq: int, status: RunStatus) -> None:
        self.records, self.after_seq, self.tip_seq, self.status = records, after_seq, tip_seq, status
        self._told: dict[object, object] = {}

    @property
    def last_seq(self) -> int:
        """The seq behind which to go on."""
        return self.records[-1].seq if self.records else self.after_seq

    def told(self, way: Callable[[Sequence[Record]], Told]) -> Told:
        """Return the records in a way of telling them, which is done once for all that tell this batch."""
        if way not in self._told:
            self._told[way] = way(self.records)
        return cast("Told", self._told[way])

    def behind(self, seq: int) -> Self | None:
        """Return what of it stands behind a seq; None when something before that is missing."""
        if seq == self.after_seq:
            return self
        rest = [record for record in self.records if record.seq > seq]
        return None if seq < self.after_seq else type(self)(rest, seq, self.tip_seq, self.status)


class Channel:
    """Reads what is new in a run, for readers that have come to the end of what is there.

    Nothing is kept for readers that are busy: who missed something reads it by himself.

    read     returns what stands behind a seq
    idle_s   quiet seconds after which readers are told so
    """

    def __init__(
        self, feed: LiveFeed, run_id: RunId, read: Callable[[int], Awaitable[Batch]], idle_s: float
    ) -> None:
        self._feed, self._run_id, self._read, self._idle_s = feed, run_id, read, idle_s
        self._seq = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[Batch | None]] = set()
        self.readers = 0

    async def heard(self, after_seq: int, tip_seq: int) -> Batch | None:
        """Return what is behind `after_seq`, once there may be something; None when all has been quiet.

        tip_seq  the end of the journal as the reader knows it; somebody may ask for what is behind that
        Raises   RunMissing, RunCorrupt, JournalUnavailable
        """
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():  # the run may be over, or could not be read just then
            self._seq = min(after_seq, tip_seq)
            # what is read is nobody's request, and is not logged as one
            self._task = loop.create_task(self._work(), context=Context())
            self._task.add_done_callback(self._ended)
        if self._seq > after_seq:
            return await self._read(after_seq)
        waiting: asyncio.Future[Batch | None] = loop.create_future()
        self._waiting.add(waiting)
        try:
            batch = await waiting
        finally:
            self._waiting.discard(waiting)
        if batch is None:
            return None
        return batch.behind(after_seq) or await self._read(after_seq)

    def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        with self._feed.listen(self._run_id) as bell:
            quiet_s, rung = 0.0, False
            while True:
                bell.clear()
                batch = await self._read(self._seq)
                self._seq = batch.last_seq
                # a drain rings too, and a key that has ended
                if batch.records or rung or batch.status in OVER:
                    self._tell(batch)
                if self._seq < batch.tip_seq:
                    continue
                if batch.status in OVER:
                    return
                wait_s = min(LOOK_AGAIN_S, self._idle_s)
                rung = await bell.wait(wait_s)
                quiet_s = 0.0 if rung else quiet_s + wait_s
                if quiet_s >= self._idle_s:
                    quiet_s = 0.0
                    self._tell(None)

    def _tell(self, batch: Batch | None) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(batch)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The run is over, and all have heard it; or it cannot be read, which is what they hear now."""
        if not task.cancelled() and (error := task.exception()) is not None:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(error)
