"""What a drive waits on: something has happened, or it is time."""

from __future__ import annotations

import asyncio

# Timers of the loop may go off a little early; nothing that is decided then would be due yet.
_LATE_S = 0.001


class Alarm:
    """Wakes one waiter, by a ring or at a given time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at_s: float | None = None

    async def wait(self, wake_at_s: float | None, now_s: float) -> None:
        """Wait for the next ring, or for `wake_at_s` on the clock that now shows `now_s`.

        A timer that is set for the same time already is kept.
        """
        if wake_at_s != self._wake_at_s:
            self.stop()
            if wake_at_s is not None:
                self._wake_at_s = wake_at_s
                delay_s = max(0.0, wake_at_s - now_s) + _LATE_S
                self._timer = self._loop.call_later(delay_s, self._go_off)
        self._waiter = self._loop.create_future()
        await self._waiter
        self._waiter = None

    def ring(self) -> None:
        """Wake the waiter, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def stop(self) -> None:
        """Forget the time that was set."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._wake_at_s = None

    def _go_off(self) -> None:
        self._timer = self._wake_at_s = None
        self.ring()
