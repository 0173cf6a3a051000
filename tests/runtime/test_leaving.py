"""The loop of a process that is about to leave."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest
import uvloop

from runwright import leaving

LOOPS: tuple[Callable[[], asyncio.AbstractEventLoop], ...] = (asyncio.new_event_loop, uvloop.new_event_loop)


async def _exits() -> None:
    sys.exit(3)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_exit_of_somebody_else_ends_nothing(
    loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither that of a task nor that of a callback; it is logged, and what was due beside it goes on."""

    async def work() -> str:
        running, done = asyncio.get_running_loop(), asyncio.Event()
        tasks = [asyncio.ensure_future(_exits()) for _ in range(2)]
        running.call_soon(sys.exit, 4)
        running.call_soon(done.set)
        await done.wait()
        await asyncio.wait(tasks)
        assert all(isinstance(task.exception(), SystemExit) for task in tasks)
        return "done"

    assert leaving.run(work(), loop) == "done"
    assert {record.message for record in caplog.records} == {"loop.exit_refused"}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("before", [0, 1])
def test_the_work_itself_may_leave(loop: Callable[[], asyncio.AbstractEventLoop], before: int) -> None:
    """With its own status, also after somebody else could not."""

    async def work() -> None:
        for _ in range(before):
            task = asyncio.ensure_future(_exits())
            await asyncio.wait((task,))
            task.exception()
        raise SystemExit(5)

    with pytest.raises(SystemExit) as left:
        leaving.run(work(), loop)
    assert left.value.code == 5
