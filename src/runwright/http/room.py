"""Room for strangers: how many connections there may be, and how much may wait for those who do not read."""

from __future__ import annotations

from itertools import islice
from typing import Protocol

LOOKS_MAX = 100  # connections that are looked at for one that can give way


class Reader(Protocol):
    """A connection for which something may wait to be read."""

    def cut_off(self) -> None:
        """End the connection at once, with whatever waits for it."""


class Guest(Reader, Protocol):
    """A connection that may have to give up its place."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been asked, or everything answered and taken."""


class Room:
    """Places for connections: when all are taken, who asks for nothing gives up his.

    Whoever has been silent for the longest goes first. A connection is an open file, and runs need files too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._heard: dict[Guest, None] = {}  # those heard last at the end

    def heard(self, one: Guest) -> None:
        """Take note that a connection has come, or has said something."""
        self._heard.pop(one, None)
        self._heard[one] = None

    def left(self, one: Guest) -> None:
        """Take note that a connection has gone."""
        self._heard.pop(one, None)

    def is_made(self, taken: int) -> bool:
        """Whether there is room for the newest of so many connections, if need be in place of another one."""
        if taken <= self._most:
            return True
        for one in list(islice(self._heard, LOOKS_MAX)):
            if one.is_idle:
                self.left(one)
                one.cut_off()
                return True
            self.heard(one)
        return False


class Unread:
    """What waits to be read, of all connections together; when it is too much, who has the most is let go."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0
        self._of: dict[Reader, int] = {}

    def waits(self, one: Reader, size: int) -> None:
        """Take note of bytes that wait for a reader; one reader alone is never let go for them."""
        self.gone(one)
        self._of[one] = size
        self._bytes += size
        while self._bytes > self._bytes_max and len(self._of) > 1:
            slowest = max(self._of, key=self._of.__getitem__)
            self.gone(slowest)
            slowest.cut_off()

    def gone(self, one: Reader) -> None:
        """Take note that they were read, or never will be."""
        self._bytes -= self._of.pop(one, 0)
