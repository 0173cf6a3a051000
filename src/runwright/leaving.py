"""Running a coroutine to its end in a process that is about to leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(
    work: Coroutine[Any, Any, T], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> T:
    """Return the result of the coroutine, in an event loop of its own.

    `asyncio.run` would wait for every task that is left, and a tool that swallows its cancellation is
    left for ever; here what is left is abandoned with the process.
    """
    runner = asyncio.Runner(loop_factory=loop_factory)
    try:
        return runner.run(work)
    finally:
        if not asyncio.all_tasks(runner.get_loop()):
            runner.close()
