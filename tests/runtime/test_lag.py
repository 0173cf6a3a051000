"""The lag of the event loop: measured, and what holds the loop is named while it does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from runwright import Runwright, Settings, tool
from runwright.runtime import lag
from runwright.runtime.lag import BEAT_S, LagWatch

HELD_S, HELD_S_MAX = 0.4, 60.0
PLAN = {"goal": "hold", "steps": [{"step_number": 1, "tool_name": "deaf", "tool_input": {}}]}


told_of_it = threading.Event()


@tool(effects="pure")
async def deaf() -> str:
    """Holds the loop, as no async function should."""
    hold(told_of_it.is_set)  # on purpose
    return "done"


def hold(until: Callable[[], bool]) -> None:
    """Give nobody else a turn until something is true, which another thread brings about."""
    until_s = time.monotonic() + HELD_S_MAX
    while not until() and time.monotonic() < until_s:
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave structlog as nobody has set it up."""
    yield
    structlog.reset_defaults()


async def beats(watch: LagWatch) -> None:
    """Wait until the loop has answered since."""
    await asyncio.sleep(2 * BEAT_S)


async def test_a_held_loop_is_measured() -> None:
    """The longest hold stands in the figures, less what the timer still had to wait."""
    watch = LagWatch(warn_s=0.0)
    watch.start()
    await beats(watch)
    time.sleep(HELD_S)
    await beats(watch)
    measured = watch.figures()
    watch.stop()

    assert measured.max_ms >= (HELD_S - BEAT_S) * 1_000 - 1
    assert measured.max_ms >= measured.p99_ms
    assert measured.holds == 0


async def test_the_tool_that_holds_the_loop_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning names run, step and tool, and the line that the loop is at, while it is held."""
    watched = settings.model_copy(update={"loop_lag_warn_ms": 100.0})
    monkeypatch.setattr(lag, "WARN_EVERY_S", 0.0)  # a machine that is busy holds the loop, too
    tell = LagWatch._tell
    told_of_it.clear()

    def told_once(watch: LagWatch, late_s: float, task: str, place: str) -> None:
        tell(watch, late_s, task, place)
        if "deaf" in task:
            told_of_it.set()

    monkeypatch.setattr(LagWatch, "_tell", told_once)
    with capture_logs() as logs:
        async with Runwright(tools=[deaf], settings=watched) as runtime:
            run = await runtime.run(plan=PLAN)
            holds = runtime._running.lag.figures().holds

    held = [line for line in logs if line["event"] == "loop.held"]
    (told,) = [line for line in held if "deaf" in line["task"]]
    assert run.run_id in told["task"]
    assert "step 1" in told["task"]
    assert told["at"].startswith(__file__) and " in deaf <" in told["at"]
    assert told["held_ms"] >= 100
    assert holds == len(held)


async def test_a_loop_that_is_held_again_and_again_is_told_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Further holds are counted and not logged."""
    monkeypatch.setattr(lag, "WARN_EVERY_S", 1_000.0)
    with capture_logs() as logs:
        watch = LagWatch(warn_s=0.05)
        watch.start()
        for _ in range(3):
            await beats(watch)
            before = watch.figures().holds
            hold(lambda before=before: watch.figures().holds > before)
        holds = watch.figures().holds
        watch.stop()

    assert holds >= 3
    assert [line["event"] for line in logs] == ["loop.held"]


async def test_a_quiet_loop_is_not_warned_of() -> None:
    """A loop that waits is not held, however long it waits."""
    with capture_logs() as logs:
        watch = LagWatch(warn_s=0.4)
        watch.start()
        await asyncio.sleep(0.6)
        holds = watch.figures().holds
        watch.stop()

    assert (holds, logs) == (0, [])


async def test_nothing_is_left_of_a_watch() -> None:
    """Once stopped its thread is gone."""
    watch = LagWatch(warn_s=0.2)
    watch.start()
    names = {thread.name for thread in threading.enumerate()}
    watch.stop()

    assert "loop-lag" in names
    assert "loop-lag" not in {thread.name for thread in threading.enumerate()}
