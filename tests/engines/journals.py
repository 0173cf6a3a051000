"""Journals that do something to a test's taste before or after a call reaches the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from runwright.core.errors import JournalUnavailable
from runwright.ports import Journal

Hook = Callable[[str, int], Awaitable[None]]


class Crash(BaseException):
    """The process dies here."""


async def _nothing(method: str, times: int) -> None:
    """The hook of who has nothing to do."""


class Watched:
    """A journal whose calls are counted by method, with a hook before and one behind each.

    An error of the hook before keeps the call from the store; one behind loses the store's answer.
    """

    def __init__(self, journal: Journal, *, before: Hook = _nothing, after: Hook = _nothing) -> None:
        self._journal, self._before, self._after = journal, before, after
        self.asked: Counter[str] = Counter()

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        async def watched(*args: Any, **options: Any) -> Any:
            self.asked[method] += 1
            times = self.asked[method]
            await self._before(method, times)
            answer = await getattr(self._journal, method)(*args, **options)
            await self._after(method, times)
            return answer

        return watched


def at(method: str, times: int, act: Callable[[], Awaitable[object]]) -> Hook:
    """Return a hook that acts at one call and at no other."""

    async def hook(asked: str, count: int) -> None:
        if (asked, count) == (method, times):
            await act()

    return hook


def dying(method: str, times: int) -> Hook:
    """Return a hook that is the end of the process at one call."""

    async def die() -> None:
        raise Crash

    return at(method, times, die)


def unreachable(*methods: str, times: int) -> Hook:
    """Return a hook for a store that does not answer the first calls of some methods."""

    async def hook(asked: str, count: int) -> None:
        if asked in methods and count <= times:
            raise JournalUnavailable("the store is away")

    return hook
