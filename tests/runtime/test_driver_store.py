"""A store that is away, slow to answer or moved on by others: a run is delayed, never lost and never doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engines.composition import Composition, composed, step
from engines.journals import Watched, at, unreachable
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.tool import ToolContext
from runwright.runtime import patience, worker
from runwright.testing.waiting import wait_until

CHAIN = (step(1, "noted"), step(2, "noted", 1), step(3, "noted", 2))


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits for a store, shortened: what is tested is that there are some."""
    monkeypatch.setattr(patience, "STORE_RETRY_S", (0.001,))
    monkeypatch.setattr(worker, "CLAIM_RETRY_S", 0.001)


class Noting:
    """A tool that notes its calls and can be made to wait."""

    def __init__(self, effects: Any = "keyed", *, held: bool = False) -> None:
        self.calls: list[tuple[int, int]] = []
        self.keys: set[str] = set()
        self.go_on = asyncio.Event()
        self.cut_off = 0
        if not held:
            self.go_on.set()

        @tool(effects=effects)
        async def noted(ctx: ToolContext) -> int:
            self.calls.append((ctx.step_number, ctx.attempt))
            self.keys.add(ctx.idempotency_key)
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cut_off += 1
                raise
            return ctx.step_number

        self.tool: DeclaredTool = noted


async def _lose_the_answer() -> None:
    raise JournalUnavailable("the answer is lost")


def _outcome(parts: Composition, run_id: RunId) -> tuple[str, Sequence[Any], list[str]]:
    run = parts.run(run_id)
    return run.status, [s.output for s in run.steps], parts.types(run_id)


async def test_a_store_that_is_away_delays_a_run(place: Place) -> None:
    """Appends are repeated until the store answers; tools are called once."""
    noting = Noting()
    away = partial(Watched, before=unreachable("append", times=25))
    async with composed(place, noting.tool, store=away) as parts:
        run = await parts.over(await parts.submit(*CHAIN))
        asked = parts.engine.journal.asked["append"]

    assert run.status == "completed"
    assert noting.calls == [(1, 1), (2, 1), (3, 1)]
    assert asked == 25 + 4


async def test_a_claim_of_a_store_that_is_away_is_tried_again(place: Place) -> None:
    """A run that waits for its claim is not forgotten."""
    noting = Noting()
    away = partial(Watched, before=unreachable("claim", times=5))
    async with composed(place, noting.tool, store=away) as parts:
        run_id = await parts.submit(*CHAIN, adopt=False)
        await parts.until(run_id, ev.RunCompleted)

    assert noting.calls == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("append", range(1, 5))
async def test_an_append_whose_answer_was_lost_counts(tmp_path: Path, append: int) -> None:
    """What was recorded is carried out once, by the drive that recorded it, and the story is the usual one."""
    noting, usual = Noting(), Noting()
    async with composed(tmp_path / "usual.db", usual.tool) as parts:
        run_id = await parts.submit(*CHAIN)
        await parts.over(run_id)
        expected = _outcome(parts, run_id)
    lossy = partial(Watched, after=at("append", append, _lose_the_answer))
    async with composed(tmp_path / "file.db", noting.tool, store=lossy) as parts:
        run_id = await parts.submit(*CHAIN)
        await parts.over(run_id)
        found = _outcome(parts, run_id)

    assert found == expected
    assert noting.calls == usual.calls == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("append", range(1, 4))
async def test_a_cancel_behind_a_lost_answer_is_heard(place: Place, append: int) -> None:
    """The append counts, its tool is called and cut off, and the cancel is final."""
    noting = Noting(held=True)
    parts: Composition
    run_id: RunId

    async def cancel_and_lose() -> None:
        await parts.control(run_id, ev.RunCancelling(), wake=False)
        await _lose_the_answer()

    lossy = partial(Watched, after=at("append", append, cancel_and_lose))
    async with composed(place, noting.tool, store=lossy) as parts:
        run_id = await parts.submit(*CHAIN)
        for number in range(1, append):
            await wait_until(lambda number=number: len(noting.calls) == number, 60, "the next call")
            noting.go_on.set()
            await parts.until(run_id, ev.StepStarted, number + 1)
            noting.go_on.clear()
        run = await parts.over(run_id)
        types = parts.types(run_id)

    assert run.status == "cancelled"
    assert "step.started" not in types[types.index("run.cancelling") :]
    assert run.running == ()


async def test_an_outcome_that_comes_while_another_is_recorded_is_not_lost(place: Place) -> None:
    """A tool ends while the append of its neighbour's result is under way: it is recorded by the next one."""
    noting = Noting()
    ended = asyncio.Event()
    recording, slow_ended = asyncio.Event(), asyncio.Event()

    @tool(effects="pure")
    async def slow() -> str:
        await recording.wait()
        slow_ended.set()
        return "slow"

    async def hold() -> None:
        recording.set()
        await slow_ended.wait()
        await wait_until(
            lambda: parts.registry.figures(DEFAULT_TENANT, "slow")["total_calls"], 60, "the outcome"
        )
        ended.set()

    parts: Composition
    slowly = partial(Watched, before=at("append", 2, hold))
    async with composed(place, noting.tool, slow, store=slowly) as parts:
        run = await parts.over(await parts.submit(step(1, "noted"), step(2, "slow"), step(3, "noted", 1, 2)))

    assert ended.is_set()
    assert run.status == "completed"
    assert [s.output for s in run.steps] == [1, "slow", 3]


async def test_another_worker_takes_over(place: Place) -> None:
    """The drive that lost its claim writes nothing more, cuts its tools off and lets go."""
    noting = Noting(held=True)
    async with composed(place, noting.tool) as parts:
        run_id = await parts.submit(step(1, "noted"), step(2, "noted"), step(3, "noted", 1))
        await wait_until(lambda: len(noting.calls) == 2, 60, "two calls")
        claim = await parts.journal.claim(run_id, "another")
        before = parts.types(run_id)
        await parts.control(run_id, ev.RunCancelling())
        await wait_until(lambda: not parts.worker.in_hand, 60, "the drive to let go")
        after = parts.types(run_id)

    assert claim is not None and claim.epoch == 2
    assert after == [*before, "run.cancelling"]
    assert noting.cut_off == 2


async def test_a_control_event_between_turns_is_reread(place: Place) -> None:
    """Nobody rang: the next append is refused, the cancel is read, the result is kept and nothing starts."""
    noting = Noting(held=True)
    async with composed(place, noting.tool) as parts:
        run_id = await parts.submit(*CHAIN)
        await wait_until(lambda: noting.calls, 60, "the first call")
        await parts.control(run_id, ev.RunCancelling(), wake=False)
        noting.go_on.set()
        run = await parts.over(run_id)

    assert run.status == "cancelled"
    assert [s.status for s in run.steps] == ["succeeded", "pending", "pending"]
    assert noting.calls == [(1, 1)]


@pytest.mark.parametrize("effects", ["keyed", "unsafe"])
async def test_a_cancel_between_a_claim_and_its_first_append_leaves_no_orphan(
    place: Place, effects: Any
) -> None:
    """What was in flight when the process died is settled although the journal moved on meanwhile."""
    noting = Noting(effects, held=True)
    async with composed(place, noting.tool) as parts:
        run_id = await parts.submit(step(1, "noted"))
        await wait_until(lambda: noting.calls, 60, "the call")
        parts.worker._drives[run_id]._let_go()  # the process is gone, and with it every say in the matter
        parts.worker._tasks[run_id].cancel()

    async def cancel() -> None:
        await parts.control(run_id, ev.RunCancelling(), wake=False)

    moving = partial(Watched, after=at("claim", 1, cancel))
    async with composed(place, noting.tool, store=moving) as parts:
        await parts.worker.start()
        run = await parts.over(run_id)

    assert run.status == "cancelled"
    assert run.steps[0].status == ("cancelled" if effects == "keyed" else "unknown")
    assert noting.calls == [(1, 1)]


async def test_an_approval_between_a_claim_and_its_first_look_is_heard(place: Place) -> None:
    """A wake that comes while a run is being claimed is not lost."""
    noting = Noting()
    parts: Composition
    run_id: RunId

    async def approve() -> None:
        plan = parts.run(run_id).plan
        assert plan is not None
        await parts.control(run_id, ev.RunApproved(plan_hash=plan.plan_hash))

    moving = partial(Watched, after=at("claim", 1, approve))
    async with composed(place, noting.tool, store=moving) as parts:
        run_id = await parts.submit(*CHAIN, approval="required")
        await parts.until(run_id, ev.RunAwaitingApproval)
        await wait_until(lambda: not parts.worker.in_hand, 60, "the run to be let go")
        parts.worker.wake(run_id)
        run = await parts.over(run_id)

    assert run.status == "completed"


async def test_the_intent_is_on_record_before_the_tool_is_called(place: Place) -> None:
    """Whoever looks into the journal from inside a tool finds the tool's own start there."""
    seen: list[list[str]] = []
    parts: Composition

    @tool(effects="pure")
    async def looking(ctx: ToolContext) -> None:
        history = await parts.journal.history(DEFAULT_TENANT, RunId(ctx.run_id))
        seen.append([record.type for record in history.records])

    async with composed(place, looking) as parts:
        run_id = await parts.submit(step(1, "looking"), step(2, "looking", 1))
        await parts.over(run_id)

    assert [types[-1] for types in seen] == ["step.started"] * 2
    assert [types.count("step.succeeded") for types in seen] == [0, 1]


async def test_a_run_that_is_damaged_while_it_is_in_hand_is_let_go(tmp_path: Path) -> None:
    """What cannot be verified is not folded: nothing more is written for the run, and others go on."""
    noting = Noting(held=True)
    async with composed(tmp_path / "file.db", noting.tool) as parts:
        run_id, beside = await parts.submit(*CHAIN), await parts.submit(step(1, "noted"))
        await wait_until(lambda: len(noting.calls) == 2, 60, "both calls")
        await parts.control(run_id, ev.RunCancelling(), wake=False)
        flip = "UPDATE events SET hash = x'00' WHERE run_id = ? AND type = 'run.cancelling'"
        await parts.store.writer.submit(lambda con: con.execute(flip, (run_id,)).fetchall())
        before = parts.types(run_id)
        parts.worker.wake(run_id)
        await wait_until(lambda: parts.worker.in_hand == 1, 60, "the damaged run to be let go")
        noting.go_on.set()
        await parts.over(beside)

        assert parts.run(beside).status == "completed"
        assert parts.types(run_id) == before
    assert noting.cut_off == 1


async def test_a_run_that_is_accepted_during_a_drain_is_for_the_next_process(place: Place) -> None:
    """It is on record and claimed; nobody starts it here."""
    noting = Noting()
    async with composed(place, noting.tool) as parts:
        parts.worker.draining = True
        run_id = await parts.submit(*CHAIN)
        left = (parts.worker.in_hand, parts.types(run_id))
    async with composed(place, noting.tool) as parts:
        assert await parts.worker.start() == 1
        run = await parts.over(run_id)

    assert left == (0, ["run.created", "plan.started"])
    assert run.status == "completed"
