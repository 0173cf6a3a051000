"""Creations in a crowd: so many are at work at one time, others wait in lines, and most are refused.

Each tenant has a line of its own, and the lines take turns: a tenant that floods waits for itself. A line is
as long as it may be; who comes then is refused. That must cost next to nothing, or those who are refused keep
the server from its work.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runwright.core.errors import Overloaded
from runwright.core.ids import Tenant


class Lines:
    """Lets creations in, so many at one time, and those of a tenant in the order in which they came.

    at_work_max   creations that are let in and have no answer yet, unless that only waits for the run's end
    waiting_max   creations of one tenant that may wait
    refused_unread   how many were refused before anybody read them
    """

    def __init__(self, at_work_max: int, waiting_max: int) -> None:
        self._left, self._waiting_max = at_work_max, waiting_max
        self._lines: dict[Tenant, deque[asyncio.Future[None]]] = {}
        self.refused_unread = 0

    def one_refused_unread(self) -> None:
        """Count one."""
        self.refused_unread += 1

    @property
    def waiting(self) -> int:
        """How many creations wait for their turn."""
        return sum(map(len, self._lines.values()))

    @property
    def is_crowded(self) -> bool:
        """Whether whoever comes now has to wait."""
        return self._left <= 0

    def room(self, tenant: Tenant) -> int:
        """How many creations of the tenant may come now, to be let in or to wait."""
        return self._left + self._waiting_max - len(self._lines.get(tenant, ()))

    @asynccontextmanager
    async def place(self, tenant: Tenant) -> AsyncIterator[None]:
        """Wait for the tenant's turn; the place is taken within the context.

        Raises   Overloaded when as many of the tenant's wait as may
        """
        if self.room(tenant) <= 0:
            raise Overloaded(
                f"{self._waiting_max} creations wait for their turn already (RUNWRIGHT_CREATIONS_WAITING_MAX)"
            )
        if self._left > 0:
            self._left -= 1
        else:
            await self._turn(tenant)
        try:
            yield
        finally:
            self._leave()

    async def _turn(self, tenant: Tenant) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was let in at the moment in which its client went
                self._leave()
            raise

    def _leave(self) -> None:
        """Give the place to the next one: of the tenant whose turn is the longest ago."""
        while self._lines:
            tenant = next(iter(self._lines))
            line = self._lines.pop(tenant)
            turn = line.popleft()
            if line:  # behind those of all others
                self._lines[tenant] = line
            if not turn.done():  # its client is still there
                turn.set_result(None)
                return
        self._left += 1
