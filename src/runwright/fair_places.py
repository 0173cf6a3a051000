"""A number of places, for which tenants wait in turn: nobody waits behind another one's crowd."""

from __future__ import annotations

import asyncio
from collections import deque

from runwright.core.ids import Tenant


class FairPlaces:
    """Like a semaphore, but a place that becomes free goes to the tenant whose turn it is.

    most   places that are taken at once
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._lines: dict[Tenant, deque[asyncio.Future[None]]] = {}  # the first one is served next

    async def acquire(self, tenant: Tenant) -> None:
        """Return once there is a place; it must be given back."""
        if self._free > 0 and not self._lines:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(tenant, turn)
            else:  # the place came in the same moment
                self.release()
            raise

    def release(self) -> None:
        """Give a place back: the longest waiting call of the next tenant has it at once."""
        while self._lines:
            tenant = next(iter(self._lines))
            line = self._lines.pop(tenant)
            turn = line.popleft()
            if line:
                self._lines[tenant] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _leave(self, tenant: Tenant, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(tenant)
        if line is None or turn not in line:
            return
        line.remove(turn)
        if not line:
            del self._lines[tenant]
