"""Wake-ups for followers in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from runwright.core.ids import RunId


class LocalBell:
    """One follower's bell."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def clear(self) -> None:
        self._rung.clear()

    async def wait(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._rung.wait()
        except TimeoutError:
            return False


class LocalFeed:
    """`LiveFeed` inside one event loop.

    tell   is told of every run that is published here, for the followers in other processes
    """

    def __init__(self) -> None:
        self._bells: dict[RunId, set[LocalBell]] = {}
        self.tell: Callable[[RunId], None] = lambda run_id: None

    @property
    def followed(self) -> Collection[RunId]:
        """The runs that somebody here follows."""
        return self._bells.keys()

    def publish(self, run_id: RunId) -> None:
        self.ring(run_id)
        self.tell(run_id)

    def ring(self, run_id: RunId) -> None:
        """Ring for everybody here who follows the run."""
        for bell in self._bells.get(run_id, ()):
            bell.ring()

    def ring_all(self) -> None:
        for run_id in self._bells:
            self.ring(run_id)

    @contextmanager
    def listen(self, run_id: RunId) -> Iterator[LocalBell]:
        bell = LocalBell()
        self._bells.setdefault(run_id, set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[run_id]
            bells.discard(bell)
            if not bells:
                del self._bells[run_id]
