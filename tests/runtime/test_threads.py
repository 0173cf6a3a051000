"""Threads of tools: a bounded number, those that will never end included."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from engines.composition import PATIENCE_S, composed, step
from runwright.core import events as ev
from runwright.core.declare import tool
from runwright.core.policy import Retry
from runwright.runtime.threads import NeverBegan, Threads
from runwright.testing.waiting import wait_until

ONCE = Retry(attempts_max=1)


def _nothing() -> None:
    """Begin, without more ado."""


class HeldUp(SimpleQueue[Any]):
    """Jobs that reach their threads once `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        job = super().get(block, timeout)
        self.go_on.wait()
        return job


@pytest.fixture
async def threads() -> Any:
    """Two threads, let go in the end."""
    made = Threads(2)
    yield made
    made.close()


async def test_a_call_returns_what_it_returns(threads: Threads) -> None:
    """From another thread, which is used again for the next call."""
    names = [await threads.run(threading.current_thread, _nothing) for _ in range(5)]

    assert threading.current_thread() not in names
    assert len(set(names)) == 1
    assert threads.busy == threads.hung == 0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()], ids=repr)
async def test_a_call_raises_what_it_raises(threads: Threads, error: BaseException) -> None:
    """The thread goes on to serve."""

    def raising() -> None:
        raise error

    with pytest.raises(type(error)):
        await threads.run(raising, _nothing)
    assert await threads.run(lambda: 1, _nothing) == 1


async def test_a_thread_that_cannot_be_made_leaves_no_call_behind(threads: Threads) -> None:
    """The call was not made and never will be, and its place is free."""
    called: list[int] = []
    before = threading.stack_size(2**46)  # more than any machine can give
    try:
        for n in range(3):
            with pytest.raises(RuntimeError, match="start new thread"):
                await threads.run(lambda n=n: called.append(n), _nothing)  # type: ignore[misc]
    finally:
        threading.stack_size(before)

    assert await threads.run(lambda: "called", _nothing) == "called"
    assert called == [] and threads.busy == 0


async def test_a_result_is_taken_apart_in_the_thread_of_its_tool(tmp_path: Path) -> None:
    """However large it is, the loop is not held meanwhile."""
    names: list[str] = []

    class Told(dict[str, int]):
        def items(self) -> Any:
            names.append(threading.current_thread().name)
            return super().items()

    @tool(effects="pure")
    def tell() -> dict[str, int]:
        return Told(n=1)

    async with composed(tmp_path / "file.db", tell) as parts:
        run = await parts.over(await parts.submit(step(1, "tell")))

    assert run.steps[0].output == {"n": 1}
    assert set(names) == {"runwright tool"}


async def test_a_call_that_was_given_up_keeps_its_place(threads: Threads) -> None:
    """Two that hang leave no thread for a third, which begins once one of them has really ended."""
    go_on, began, at_work = threading.Event(), list[int](), list[int]()

    def hang() -> None:
        at_work.append(1)
        go_on.wait()

    hanging = [asyncio.create_task(threads.run(hang, _nothing)) for _ in range(2)]
    await wait_until(lambda: len(at_work) == 2, PATIENCE_S, "both threads to be at work")
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)
    waiting = asyncio.create_task(threads.run(lambda: "at last", lambda: began.append(1)))
    for _ in range(20):
        await asyncio.sleep(0)
    before = (threads.hung, threads.busy, list(began), waiting.done())
    go_on.set()

    assert await waiting == "at last"
    assert before == (2, 2, [], False)
    assert began == [1]
    await wait_until(lambda: threads.hung == 0, PATIENCE_S, "both to have ended")


async def test_a_call_that_waits_can_be_given_up(threads: Threads) -> None:
    """It never begins, and takes no place."""
    go_on, began = threading.Event(), []
    busy = [asyncio.create_task(threads.run(go_on.wait, _nothing)) for _ in range(2)]
    await wait_until(lambda: threads.busy == 2, PATIENCE_S, "both threads to be at work")
    waiting = asyncio.create_task(threads.run(lambda: None, lambda: began.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    go_on.set()
    await asyncio.gather(*busy)

    assert not began and threads.hung == 0
    assert await threads.run(lambda: 1, _nothing) == 1


async def test_a_call_that_no_thread_has_taken_yet_is_never_made(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has begun for whoever waits for it, is given up, and its thread comes too late to make it."""
    called: list[int] = []
    jobs = HeldUp()
    monkeypatch.setattr(threads, "_jobs", jobs)
    call = asyncio.create_task(threads.run(lambda: called.append(1), lambda: called.append(0)))
    await wait_until(lambda: threads.busy == 1, PATIENCE_S, "a call on its way to its thread")
    call.cancel()
    with pytest.raises(NeverBegan):
        await call
    jobs.go_on.set()
    await wait_until(lambda: threads.busy == 0, PATIENCE_S, "the thread to have put it aside")

    assert called == [0] and threads.hung == 0
    assert await threads.run(lambda: "next", _nothing) == "next"


async def test_closing_lets_threads_end() -> None:
    """Those at work end behind their call."""
    threads, go_on = Threads(3), threading.Event()
    seen: list[threading.Thread] = []

    def held() -> None:
        seen.append(threading.current_thread())
        go_on.wait()

    calls = [asyncio.create_task(threads.run(held, _nothing)) for _ in range(3)]
    await wait_until(lambda: len(seen) == 3, PATIENCE_S, "three threads")
    threads.close()
    go_on.set()
    await asyncio.gather(*calls)

    await wait_until(lambda: not any(thread.is_alive() for thread in seen), PATIENCE_S, "them to end")


async def test_steps_wait_for_a_thread_and_their_time_does_not_count(tmp_path: Path) -> None:
    """Threads that hang are bounded; what waits for one begins with all of its time."""
    go_on, late = threading.Event(), []

    @tool(effects="pure", timeout_s=0.1, retry=ONCE)
    def hanging() -> bool:
        return go_on.wait(600)

    @tool(effects="pure", timeout_s=0.1, retry=Retry(attempts_max=50, base_s=0.001, jitter_s=0.0))
    def quick() -> str:
        return "done"  # a machine that is busy may need longer, and try again

    @tool(effects="pure", timeout_s=0.1, retry=ONCE)
    async def clock() -> None:
        await asyncio.Event().wait()

    async with composed(tmp_path / "file.db", hanging, quick, clock, threads=2, grace_s=0.05) as parts:
        hung = await parts.over(await parts.submit(step(1, "hanging"), step(2, "hanging")))
        waiting = await parts.submit(step(1, "quick"))
        await parts.until(waiting, ev.StepStarted)
        await parts.until(await parts.submit(step(1, "clock")), ev.StepFailed)  # the same time, begun later
        late += parts.types(waiting)[-1:]
        threads_hung = parts.engine.threads.hung
        go_on.set()
        run = await parts.over(waiting)

    assert hung.error is not None and hung.error.code == "tool_timed_out"
    assert threads_hung == 2 and late == ["step.started"]
    assert run.status == "completed" and run.steps[0].output == "done"


@pytest.mark.parametrize("effects", ["pure", "unsafe"])
async def test_a_step_for_which_no_thread_was_free_says_so(tmp_path: Path, effects: Any) -> None:
    """It did not begin, so an unsafe tool has not acted either: the run has only run out of time."""
    go_on = threading.Event()

    @tool(effects="pure", timeout_s=0.05, retry=ONCE)
    def hanging() -> bool:
        return go_on.wait(600)

    @tool(effects=effects)
    def waiting() -> str:
        return "done"

    async with composed(tmp_path / "file.db", hanging, waiting, threads=1, grace_s=0.05) as parts:
        await parts.over(await parts.submit(step(1, "hanging")))
        for deadline_s in (1.0, 5.0, 60.0):  # a slow machine may need longer until the step is to begin
            run_id = await parts.submit(step(1, "waiting"), deadline_s=deadline_s)
            run = await parts.over(run_id)
            if told := [e.fact.reason for e in parts.events(run_id) if isinstance(e.fact, ev.StepCancelled)]:
                break
        go_on.set()

    assert run.error is not None and run.error.code == "deadline_exceeded"
    assert told == [
        (
            f"cut off: the run did not end within its deadline of {deadline_s:g} s, "
            "before a thread was free (tool_threads_max)"
        )
    ]
