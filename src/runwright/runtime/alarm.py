"""What a drive waits on: something has happened, or it is time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Timers of the loop may go off a little early; nothing that is decided then would be due yet.
_LATE_S = 0.001


class Alarm:
    """Wakes one waiter, by a ring or at a given time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at_s: float | None = None

    def rung(self, wake_at_s: float | None, clock: Callable[[], float]) -> asyncio.Future[None]:
        """Return what is done at the next ring, or at `wake_at_s` on the clock.

        A timer that is set for the same time already is kept.
        """
        if wake_at_s != self._wake_at_s:
            self.stop()
            if wake_at_s is not None:
                self._wake_at_s = wake_at_s
                delay_s = max(0.0, wake_at_s - clock()) + _LATE_S
                self._timer = self._loop.call_later(delay_s, self._go_off)
        self._waiter = self._loop.create_future()
        return self._waiter

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


class Hearers:
    """Those who wait until a loop has looked at everything that was there when they came."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def add(self) -> asyncio.Future[None]:
        """Return what is done at the next `tell`."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(heard)
        return heard

    def tell(self) -> None:
        """Let everybody go on."""
        waiting, self._waiting = self._waiting, []
        for heard in waiting:
            heard.set_result(None)
