"""The real driver on a real file dies at every append, before and after it, and nothing is lost or repeated."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest

from engines.composition import Composition, composed, step
from engines.journals import Watched, dying
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import ToolRetryable
from runwright.core.ids import RunId
from runwright.core.policy import Limits, Retry
from runwright.core.state import Run
from runwright.core.tool import ToolContext

APPENDS = 6  # of the undisturbed run; a test holds it to that
AT_ONCE = Retry(attempts_max=3, base_s=0.001, jitter_s=0.0)
STEPS = (
    step(1, "keyed", n=1),
    step(2, "flaky", n=2),
    step(3, "keyed", n="{step_1_output}"),
    step(4, "keyed", 2, 3, n="{step_3_output}"),
)


class Outside:
    """What tools have done in the world, whatever became of their processes."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, str]] = []

    def tools(self) -> tuple[DeclaredTool, ...]:
        @tool(effects="keyed")
        async def keyed(n: int, ctx: ToolContext) -> int:
            self._note(ctx)
            return n + 1

        @tool(effects="idempotent", retry=AT_ONCE)
        async def flaky(n: int, ctx: ToolContext) -> int:
            self._note(ctx)
            if sum(number == ctx.step_number for number, _, _ in self.calls) == 1:
                raise ToolRetryable("not yet")
            return n

        @tool(effects="unsafe")
        async def unsafe(n: int, ctx: ToolContext) -> int:
            self._note(ctx)
            await asyncio.sleep(0)
            return n

        return keyed, flaky, unsafe

    def _note(self, ctx: ToolContext) -> None:
        self.calls.append((ctx.step_number, ctx.attempt, ctx.idempotency_key))


async def _crashed(path: Place, outside: Outside, steps: tuple, **hook: object) -> RunId:
    """A run whose process died at the hook, on file."""
    async with composed(path, *outside.tools(), store=partial(Watched, **hook)) as parts:
        run_id = await parts.submit(*steps)
        held = parts.worker._tasks.get(run_id)
        if held is not None:
            await asyncio.wait([held])
    return run_id


async def _resumed(path: Place, outside: Outside, run_id: RunId) -> tuple[Run, Composition]:
    """The run once another process has taken it up and ended it."""
    async with composed(path, *outside.tools()) as parts:
        assert await parts.worker.start() == 1
        run = await parts.over(run_id)
        events = parts.events(run_id)
    _check(events, outside)
    return run, parts


def _check(events: list[ev.Event], outside: Outside) -> None:
    """One success a step, one key a step, one call an attempt, and no call that is not on record."""
    succeeded = Counter(e.step_number for e in events if isinstance(e.fact, ev.StepSucceeded))
    started = {(e.step_number, e.fact.attempt) for e in events if isinstance(e.fact, ev.StepStarted)}
    called = Counter((number, attempt) for number, attempt, _ in outside.calls)

    assert set(succeeded.values()) <= {1}
    assert set(called.values()) <= {1}
    assert set(called) <= started
    for number in {number for number, _, _ in outside.calls}:
        assert len({key for of, _, key in outside.calls if of == number}) == 1


async def test_the_undisturbed_run(place: Place) -> None:
    """What the cells below are compared with: the answers, and how many appends there are to die at."""
    outside = Outside()
    async with composed(place, *outside.tools(), store=Watched) as parts:
        run = await parts.over(await parts.submit(*STEPS))
        asked = parts.engine.journal.asked

    assert run.status == "completed"
    assert [s.output for s in run.steps] == [2, 2, 3, 4]
    assert len(outside.calls) == 5
    assert 4 <= asked["append"] <= APPENDS


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("append", range(1, APPENDS + 1))
async def test_a_run_ends_the_same_wherever_its_process_dies(place: Place, append: int, moment: str) -> None:
    """The next process goes on from the journal: the same answers, at most one call more a step in flight."""
    path, outside = place, Outside()
    run_id = await _crashed(path, outside, STEPS, **{moment: dying("append", append)})
    before = len(outside.calls)
    async with composed(path, *outside.tools()) as parts:
        unfinished, left = list(await parts.journal.unfinished()), parts.run(run_id)
    if not unfinished:  # it died behind its last append: there is nothing to take up
        assert left.status == "completed" and append >= 4
        return
    run, parts = await _resumed(path, outside, run_id)
    attempts = Counter(number for number, _, _ in outside.calls)

    assert run.status == "completed"
    assert [s.output for s in run.steps] == [2, 2, 3, 4]
    assert before <= len(outside.calls) <= 5 + 2
    assert all(attempts[n] <= s.attempts for n, s in enumerate(run.steps, start=1))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("append", range(1, 4))
async def test_an_unsafe_tool_is_not_called_by_the_next_process(
    place: Place, append: int, moment: str
) -> None:
    """It was called or it was not: recorded as started, it becomes unknown; not recorded, it is called once."""
    path, outside = place, Outside()
    steps = (step(1, "unsafe", n=1), step(2, "keyed", 1, n=2))
    run_id = await _crashed(path, outside, steps, **{moment: dying("append", append)})
    called = [number for number, _, _ in outside.calls]
    run, _ = await _resumed(path, outside, run_id) if (append, moment) != (3, "after") else (None, None)
    unsafe = [number for number, _, _ in outside.calls].count(1)

    assert unsafe <= 1
    if run is not None and (append, moment) in ((1, "after"), (2, "before")):
        assert run.status == "failed" and run.steps[0].status == "unknown"
        assert unsafe == called.count(1)
    elif run is not None:
        assert run.status == "completed" and unsafe == 1


@pytest.mark.parametrize(("moment", "append"), [("before", 3), ("after", 2)])
async def test_a_run_outlives_any_number_of_processes(place: Place, moment: str, append: int) -> None:
    """Every process dies after one piece of progress; the run still ends, and nothing finished is repeated."""
    path, outside = place, Outside()
    chain = tuple(step(n, "keyed", *range(1, n), n=n) for n in range(1, 8))
    run_id = await _crashed(path, outside, chain, **{moment: dying("append", 1)})
    processes = 1
    while True:
        watched = partial(Watched, **{moment: dying("append", append)})
        async with composed(path, *outside.tools(), store=watched) as parts:
            if not await parts.worker.start():
                run, events = parts.run(run_id), parts.events(run_id)
                break
            await asyncio.wait(list(parts.worker._tasks.values()))
        processes += 1
        assert processes < 30

    assert run.status == "completed"
    assert [s.output for s in run.steps] == list(range(2, 9))
    assert processes > 6
    _check(events, outside)


async def test_a_step_that_always_kills_its_process_ends_its_run(place: Place) -> None:
    """After `crashes_max` deaths the step has failed, so that no run takes every process with it."""
    path, outside = place, Outside()
    run_id = await _crashed(path, outside, (step(1, "keyed", n=1),), before=dying("append", 2))
    processes = 1
    while True:
        dies = partial(Watched, before=dying("append", 2))
        async with composed(path, *outside.tools(), store=dies, limits=Limits(crashes_max=3)) as parts:
            if not await parts.worker.start():
                run = parts.run(run_id)
                break
            await asyncio.wait(list(parts.worker._tasks.values()))
        processes += 1
        assert processes < 10

    assert run.error is not None
    assert run.error.message == "the process ended 4 times while the tool was at work"
    assert len(outside.calls) == 4
