"""Running a coroutine to its end in a process that is about to leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from runwright.log import Log

log = Log("runwright.runtime")
T = TypeVar("T")


def run(
    work: Coroutine[Any, Any, T], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> T:
    """Return the result of the coroutine, in an event loop of its own.

    `asyncio.run` would wait for every task that is left, and a tool that swallows its cancellation is
    left for ever; here what is left is abandoned with the process. And `asyncio` ends with the first
    SystemExit of any task or callback, such as one that a tool has left behind; here only `work` may leave.
    """
    tasks: list[asyncio.Task[T]] = []

    async def told() -> T:
        tasks.extend(filter(None, (asyncio.current_task(),)))
        return await work

    runner = asyncio.Runner(loop_factory=loop_factory)
    try:
        try:
            return runner.run(told())
        except SystemExit as error:
            _refuse(error, tasks)
        while True:
            try:
                return runner.get_loop().run_until_complete(tasks[0])
            except SystemExit as error:
                _refuse(error, tasks)
    finally:
        if not asyncio.all_tasks(runner.get_loop()):
            runner.close()


def _refuse(error: SystemExit, tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Go on after somebody else's exit.

    Raises   the exit when it is that of the work itself
    """
    if not tasks or tasks[0].done():
        raise error
    log.error("loop.exit_refused", exc_info=error)
