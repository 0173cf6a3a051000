"""What people ask of a run while it is under way, and what becomes of a run that cannot be driven."""

from __future__ import annotations

import asyncio

import pytest

from engines.composition import composed, step
from engines.journals import Watched
from engines.places import Place
from runwright.bootstrap import Application
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import IllegalTransition, Overloaded, ToolRetryable
from runwright.core.events import Draft, Resolution
from runwright.core.ids import DEFAULT_TENANT
from runwright.core.policy import Retry
from runwright.core.tool import Effects
from runwright.ports import Journal
from runwright.runtime import worker
from runwright.runtime.requests import NewRun, Submitted
from runwright.settings import Settings
from runwright.testing.waiting import wait_until


def given(*names: str) -> NewRun:
    """A run of these tools, all at once."""
    steps = tuple(step(number, name) for number, name in enumerate(names, start=1))
    return NewRun("a test", Draft(goal="a test", steps=steps))


async def test_a_step_that_waits_for_its_next_attempt_ends_with_a_cancel(app: Application) -> None:
    """No entry of the log of a cancelled run is pending: the step has failed with its last error."""

    @tool(effects="pure", retry=Retry(base_s=3_000, max_s=3_000))
    async def moody() -> None:
        """Fail, and wait long for the next attempt."""
        raise ToolRetryable("not now")

    app.registry.add(moody)
    run = (await app.service.submit(DEFAULT_TENANT, given("moody"))).run

    async def retrying() -> bool:
        return bool((await app.service.run(DEFAULT_TENANT, run.run_id)).retrying)

    while not await retrying():
        await asyncio.sleep(0)
    await app.service.cancel(DEFAULT_TENANT, run.run_id)

    ended = await app.service.run(DEFAULT_TENANT, run.run_id)
    (entry,) = app.service.shown(ended)["execution_log"]
    assert ended.status == "cancelled" and not ended.retrying
    assert (entry["status"], entry["error"]["message"]) == ("failed", "not now")


async def test_a_second_cancel_changes_nothing(app: Application) -> None:
    """It is answered with the run as it is; a run that completed cannot be cancelled."""
    run = (await app.service.submit(DEFAULT_TENANT, NewRun("add todo x", approval="required"))).run
    other = (await app.service.submit(DEFAULT_TENANT, NewRun("calculate 1"))).run
    await app.worker.ended(other.run_id)

    first = await app.service.cancel(DEFAULT_TENANT, run.run_id)
    second = await app.service.cancel(DEFAULT_TENANT, run.run_id)

    assert first.status == "cancelled" and second.seq == first.seq
    with pytest.raises(IllegalTransition, match="completed already"):
        await app.service.cancel(DEFAULT_TENANT, other.run_id)


async def test_a_cancel_is_answered_once_the_tools_are_cut_off(app: Application) -> None:
    """Who has the answer finds no tool at work that does not know it must end."""
    told: list[str] = []
    started, looked = asyncio.Event(), asyncio.Event()

    @tool(effects="pure")
    async def stubborn() -> None:
        """Take its time over a cancellation."""
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cut off")
            await looked.wait()

    app.registry.add(stubborn)
    run = (await app.service.submit(DEFAULT_TENANT, given("stubborn"))).run
    await started.wait()

    answer = await app.service.cancel(DEFAULT_TENANT, run.run_id)
    await asyncio.sleep(0)  # the cancellation of a task arrives at its next step

    assert told == ["cut off"] and answer.cancelling and answer.status == "running"
    assert (await app.service.run(DEFAULT_TENANT, run.run_id)).cancelling
    looked.set()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"runs_at_once_max": 5, "waiting_runs_max": 20})


async def test_a_burst_stays_within_the_bounds(app: Application) -> None:
    """Of 60 creations in one moment five are driven, twenty wait and the others are refused."""
    at_work, most, go_on = 0, 0, asyncio.Event()

    @tool(effects="pure")
    async def count() -> None:
        """Count who is at work."""
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await go_on.wait()
        at_work -= 1

    app.registry.add(count)
    answers = await asyncio.gather(
        *(app.service.submit(DEFAULT_TENANT, given("count")) for _ in range(60)), return_exceptions=True
    )
    in_hand, waiting = app.worker.in_hand, app.worker.waiting
    go_on.set()
    await wait_until(lambda: not app.worker.in_hand and not app.worker.waiting, 60, "all runs to end")

    accepted = [answer for answer in answers if isinstance(answer, Submitted)]
    assert len(accepted) == 25 and sum(isinstance(answer, Overloaded) for answer in answers) == 35
    assert (in_hand, waiting, most) == (5, 20, 5)
    for answer in accepted:
        assert (await app.service.run(DEFAULT_TENANT, answer.run.run_id)).status == "completed"


class Faults:
    """A fault of our own: the store answers some appends with an error that nobody foresees."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def hook(self, method: str, times: int) -> None:
        if method == "append" and times > 1 and self.left:  # the first one records the start of the tool
            self.left -= 1
            raise ZeroDivisionError("a fault of ours")

    def store(self, journal: Journal) -> Watched:
        return Watched(journal, before=self.hook)


def _acting(calls: list[str], effects: Effects) -> DeclaredTool:
    @tool(effects=effects)
    async def act() -> str:
        """Act, and remember it."""
        calls.append("act")
        return "done"

    return act


async def test_a_run_whose_drive_broke_is_taken_up_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that passes delays the run; what had not been recorded is done again, with the same key."""
    monkeypatch.setattr(worker, "BROKEN_RETRY_S", (0.0, 0.0, 0.0))
    calls: list[str] = []
    act = _acting(calls, "pure")
    async with composed(place, act, store=Faults(2).store) as parts:
        run_id = await parts.submit(step(1, "act"))
        waited = await parts.worker.ended(run_id)
        run = await parts.over(run_id)

    assert waited is None  # who waits for the run does not hear of the fault
    assert run.status == "completed" and calls == ["act", "act"]


@pytest.mark.parametrize(("effects", "left"), [("pure", "cancelled"), ("unsafe", "unknown")])
async def test_a_run_that_breaks_every_time_ends(
    place: Place, effects: Effects, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three more tries it fails with `internal`, and what was in flight is settled by its effects."""
    monkeypatch.setattr(worker, "BROKEN_RETRY_S", (0.0, 0.0, 0.0))
    calls: list[str] = []
    faults = Faults(4)
    async with composed(place, _acting(calls, effects), store=faults.store) as parts:
        run_id = await parts.submit(step(1, "act"))
        run = await parts.over(run_id)
        verdict: dict[int, Resolution] = {1: "retry"} if left == "unknown" else {}
        await parts.control(run_id, ev.RunRestarted(resolve=verdict))
        again = await parts.over(run_id)

    assert run.error is not None and (run.status, run.error.code) == ("failed", "internal")
    assert run.steps[0].status == left and faults.left == 0
    assert again.status == "completed" and calls == ["act", "act"]


async def test_a_run_whose_end_cannot_be_recorded_is_left_to_the_next_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not tried for ever, other runs go on, and the next start takes it up."""
    monkeypatch.setattr(worker, "BROKEN_RETRY_S", (0.0, 0.0, 0.0))
    calls: list[str] = []
    faults = Faults(5)
    async with composed(place, _acting(calls, "pure"), store=faults.store) as parts:
        run_id = await parts.submit(step(1, "act"))
        await wait_until(lambda: not faults.left and not parts.worker.in_hand, 60, "the last try")
        left = parts.run(run_id).status
    async with composed(place, _acting(calls, "pure")) as parts:
        await parts.worker.start()
        ended = (await parts.over(run_id)).status

    assert (left, ended) == ("running", "completed")
