"""What a server notes for the audit trail: written behind the requests, bounded, and repeats as one entry.

A refusal must not cost more than it saves: nobody waits for the note of it, the same refusal of the same
caller is one entry a minute with a count, and of more callers than `CALLERS_MAX` only their number is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from runwright.audit_port import Audit
from runwright.core.audit import DONE, AuditEntry
from runwright.core.errors import RunwrightError, Unavailable
from runwright.log import Log

log = Log("runwright.audit")

DAY_S = 86_400.0
GATHER_S = 0.2
AGAIN_S = 1.0
REPEATS_S = 60.0
TOGETHER_MAX = 500
CALLERS_MAX = 1_000  # refused ones that are told apart within a minute
WAITING_MAX = 10_000
FORGET_EVERY_S = 6 * 3_600.0
FORGET_MAX = 1_000
CLOSE_S_MAX = 2.0


class AuditTrail:
    """Takes notes for the audit trail of a store.

    keep_s   how long entries are kept
    """

    def __init__(self, audit: Audit, now_s: Callable[[], float], keep_s: float) -> None:
        self._audit, self._now_s, self._keep_s = audit, now_s, keep_s
        self._waiting: list[AuditEntry] = []
        self._repeats: dict[AuditEntry, int] = {}
        self._since_s = float("-inf")
        self._forgot_s = float("-inf")
        self._any = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self.dropped = 0

    def note(self, entry: AuditEntry) -> None:
        """Have an entry stored; returns at once. What was refused is counted when it comes again."""
        if entry.result == DONE:
            self._add(entry)
            return
        now_s = _clock_s()
        if now_s - self._since_s >= REPEATS_S:
            self._tell_repeats()
            self._since_s = now_s
        caller = entry._replace(at_s=0.0, request_id=None, subject=None)
        if caller not in self._repeats and len(self._repeats) >= CALLERS_MAX:
            caller = AuditEntry(0.0, "audit.overflowed", "too_many_callers")
        if caller in self._repeats:
            self._repeats[caller] += 1
        else:
            self._repeats[caller] = 0
            self._add(entry if caller.what == entry.what else caller._replace(at_s=entry.at_s))

    async def close(self) -> None:
        """Store what waits, within CLOSE_S_MAX."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        self._tell_repeats()
        with suppress(RunwrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                while self._waiting:
                    await self._store()

    def _add(self, entry: AuditEntry) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            if self.dropped == 1:
                log.error("audit.dropped", waiting=WAITING_MAX, note="the store takes no entries")
            return
        self._waiting.append(entry)
        self._any.set()
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._working(), context=Context())

    def _tell_repeats(self) -> None:
        """Turn what came more than once in the last minute into one entry each."""
        now_s = self._now_s()
        for caller, again in self._repeats.items():
            if again:
                self._add(caller._replace(at_s=now_s, times=again))
        self._repeats.clear()

    async def _working(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REPEATS_S):
                    await self._any.wait()
            self._any.clear()
            await asyncio.sleep(GATHER_S)
            if _clock_s() - self._since_s >= REPEATS_S:
                self._tell_repeats()
            try:
                while self._waiting:
                    await self._store()
                await self._forget()
            except Unavailable as error:
                log.warning("audit.waiting", entries=len(self._waiting), reason=error.message)
                await asyncio.sleep(AGAIN_S)
                self._any.set()

    async def _store(self) -> None:
        entries = self._waiting[:TOGETHER_MAX]
        await self._audit.append(entries)
        del self._waiting[: len(entries)]

    async def _forget(self) -> None:
        if _clock_s() - self._forgot_s < FORGET_EVERY_S:
            return
        forgotten = FORGET_MAX
        while forgotten == FORGET_MAX:
            forgotten = await self._audit.forget(self._now_s() - self._keep_s, FORGET_MAX)
        self._forgot_s = _clock_s()


def _clock_s() -> float:
    return asyncio.get_running_loop().time()
