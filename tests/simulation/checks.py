"""What must hold of every run, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from runwright.core import events as ev
from runwright.core.events import Event
from runwright.core.state import Run
from simulation.world import World


def assert_consistent(run: Run) -> None:
    """Fail unless everything that a run says of itself agrees with its steps."""
    status_of = {s.step_number: s.status for s in run.steps}
    over = {n for n, status in status_of.items() if status in ("succeeded", "skipped")}
    retrying = {s.step_number for s in run.steps if s.retry_at_s is not None and s.status == "pending"}

    assert [s.step_number for s in run.steps] == list(range(1, len(run.steps) + 1))
    assert len(set(run.running)) == len(run.running)
    assert set(run.running) == {n for n, status in status_of.items() if status == "running"}
    assert run.left == len(status_of) - len(over)
    assert all(s.retry_at_s is None for s in run.steps if s.status != "pending")
    assert set(run.retrying) == retrying and len(run.retrying) == len(retrying)
    assert not set(run.ready) & retrying
    assert len(set(run.ready)) == len(run.ready)
    if run.graph is not None:
        for state in run.steps:
            before = run.graph.before[state.step_number - 1]
            assert state.waiting == sum(n not in over for n in before)
        idle = {s.step_number for s in run.steps if s.status == "pending" and not s.waiting} - retrying
        assert set(run.ready) == idle
    if run.status == "running":
        assert run.started_at_s is not None and (run.approved or run.created.approval == "auto")
    if run.failed_step is not None:
        assert status_of[run.failed_step] in ("failed", "unknown")
    if run.is_over:
        assert not run.running and not run.planning and run.completed_at_s is not None
        assert run.status != "completed" or (not run.left and run.error is None)
        assert run.status == "completed" or run.error is not None


def assert_every_call_is_on_record(world: World) -> None:
    """Fail unless tools were called exactly as often as attempts were recorded, each with one key a step.

    An attempt that was recorded by a process that died before it acted was never called; the world has
    counted those.
    """
    called = Counter((call.step_number, call.attempt) for call in world.calls)
    recorded = Counter(
        (event.step_number, event.fact.attempt)
        for event in world.events
        if isinstance(event.fact, ev.StepStarted)
    )

    assert set(called.values()) | set(recorded.values()) <= {1}
    assert set(called) <= set(recorded)
    assert len(recorded) - len(called) == world.lost_calls
    for number in {call.step_number for call in world.calls}:
        assert len({call.idempotency_key for call in world.calls if call.step_number == number}) == 1
        attempts = [call.attempt for call in world.calls if call.step_number == number]
        assert attempts == sorted(attempts)


def assert_one_success_a_step(events: Sequence[Event]) -> None:
    """Fail when a step succeeded twice, or when anything was done for it after it had succeeded."""
    succeeded: set[int | None] = set()
    for event in events:
        if event.fact.type.startswith("step."):
            assert event.step_number not in succeeded
        if isinstance(event.fact, ev.StepSucceeded):
            succeeded.add(event.step_number)


def moments(events: Sequence[Event], kind: type[ev.Fact]) -> dict[int, list[float]]:
    """Return when events of a kind happened, by step number."""
    found: dict[int, list[float]] = {}
    for event in events:
        if isinstance(event.fact, kind) and event.step_number is not None:
            found.setdefault(event.step_number, []).append(event.at_s)
    return found
