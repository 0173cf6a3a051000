"""An outage in the log: told when it begins, now and then while it lasts, and when it has ended."""

from __future__ import annotations

import time

from runwright.log import Log

SAY_EVERY_S = 30.0


class Outage:
    """Of one thing that a process needs, and tries to reach again and again.

    away, back   the events that tell of it
    """

    def __init__(self, log: Log, away: str, back: str) -> None:
        self._log, self._away, self._back = log, away, back
        self._since_s: float | None = None
        self._said_s = 0.0

    def lasts(self, error: str) -> None:
        """Take note that it is away; said at once, and every `SAY_EVERY_S`."""
        now_s = time.monotonic()
        is_news = self._since_s is None
        self._since_s = now_s if self._since_s is None else self._since_s
        if is_news or now_s - self._said_s >= SAY_EVERY_S:
            self._said_s = now_s
            self._log.warning(self._away, error=error, since_s=round(now_s - self._since_s, 1))

    def ended(self) -> None:
        """Take note that it answers."""
        if self._since_s is not None:
            self._log.info(self._back, after_s=round(time.monotonic() - self._since_s, 1))
            self._since_s = None
