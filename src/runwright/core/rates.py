"""How often something may be done: a sliding log of what was admitted, exact over every window.

A log and not a bucket that refills: a full bucket lets in twice the limit around the border of two windows.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

GRAINS: Final = 128  # a window of a large limit is kept in so many pieces, so that a log stays small
US = 1_000_000


class Rate(NamedTuple):
    """At most `limit` admissions of one caller in any window.

    name       what the limit is for, as clients are told
    window_s   as clients are told
    slack_s    how much longer an admission counts: answers take their time, and a client that counts by
               the times of its answers must not find more than the limit either
    """

    name: str
    limit: int
    window_s: int = 60
    slack_s: float = 0.5

    @property
    def window_us(self) -> int:
        """How long an admission counts, in microseconds."""
        return int((self.window_s + self.slack_s) * US)

    @property
    def grain_us(self) -> int:
        """Up to how far apart, in microseconds, admissions may share an entry of the log."""
        return self.window_us // GRAINS if self.limit > GRAINS else -1


class Verdict(NamedTuple):
    """Whether a caller was let in.

    remaining   how many more may come just now
    wait_s      seconds until that grows
    """

    admitted: bool
    remaining: int
    wait_s: float

    @classmethod
    def of(cls, rate: Rate, *, admitted: bool, used: int, wait_us: float) -> Verdict:
        """Return what `used` admissions, of which the oldest ends in `wait_us` microseconds, mean."""
        return cls(admitted, max(0, rate.limit - used) if admitted else 0, max(0.0, wait_us / US))


class SlidingLog:
    """What was admitted in the last window, oldest first, as [first, last, count] in microseconds.

    An entry ends a window after its last admission, so that sharing one never lets in too many.
    """

    __slots__ = ("_entries", "_used")

    def __init__(self) -> None:
        self._entries: deque[list[int]] = deque()
        self._used = 0

    def admit(self, now_us: int, rate: Rate) -> Verdict:
        """Return whether one more may come now, and count it if so."""
        entries = self._entries
        self._forget(now_us, rate.window_us)
        if admitted := self._used < rate.limit:
            if entries and now_us - entries[-1][0] <= rate.grain_us:
                entries[-1][1] = now_us
                entries[-1][2] += 1
            else:
                entries.append([now_us, now_us, 1])
            self._used += 1
        wait_us = entries[0][1] + rate.window_us - now_us
        return Verdict.of(rate, admitted=admitted, used=self._used, wait_us=wait_us)

    def is_over(self, now_us: int, window_us: int) -> bool:
        """Whether nothing in it counts any more."""
        return not self._entries or self._entries[-1][1] + window_us <= now_us

    def _forget(self, now_us: int, window_us: int) -> None:
        entries = self._entries
        while entries and entries[0][1] + window_us <= now_us:
            self._used -= entries.popleft()[2]

    def __len__(self) -> int:
        return len(self._entries)
