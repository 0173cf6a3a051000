"""Random plans: what the engine does in parallel and in any order must be what one would do step by step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.policy import Limits
from runwright.core.view import result
from simulation.checks import (
    assert_consistent,
    assert_every_call_is_on_record,
    assert_one_success_a_step,
    moments,
)
from simulation.plans import Node, plans
from simulation.sequential import Fate, carried_out, needed
from simulation.world import World

moderate = settings(max_examples=200, deadline=None)


@moderate
@given(plans(failing=False, steps_max=9))
def test_a_plan_without_failures_gives_the_sequential_answer(nodes: list[Node]) -> None:
    """Statuses, outputs, calls and result are those of carrying out the steps one after the other."""
    world = World(nodes)
    run = world.play()
    fates = carried_out(nodes)
    last = max((n for n, fate in fates.items() if fate.status == "succeeded"), default=None)

    assert run.status == "completed"
    assert {s.step_number: Fate(s.status, s.output, s.attempts) for s in run.steps} == fates
    assert result(run) == (None if last is None else fates[last].output)
    assert_consistent(run)
    assert_every_call_is_on_record(world)
    assert_one_success_a_step(world.events)


@moderate
@given(plans(), st.sampled_from([1, 2, 1_000]))
def test_a_plan_with_failures_ends_as_its_steps_do(nodes: list[Node], at_once: int) -> None:
    """A step that ended did so as it would have alone; the run failed exactly when one of its steps does."""
    world = World(nodes, limits=Limits(steps_at_once_max=at_once))
    run = world.play()
    fates = carried_out(nodes)
    bad = {n for n, fate in fates.items() if fate.status in ("failed", "unknown")}

    assert run.status == ("failed" if bad else "completed")
    for state in run.steps:
        fate = fates[state.step_number]
        if state.status in ("succeeded", "skipped", "unknown"):
            assert (state.status, state.output) == (fate.status, fate.output)
        elif state.status == "failed":  # for itself, or as a waiting retry that another failure closed
            assert state.step_number in bad or state.attempts < fate.calls
        assert state.attempts <= fate.calls
    if bad:
        assert run.failed_step in bad
        assert run.error is not None and run.error.step_number == run.failed_step
    assert_consistent(run)
    assert_every_call_is_on_record(world)
    assert_one_success_a_step(world.events)


@moderate
@given(plans(failing=False, steps_max=9))
def test_a_step_starts_in_the_moment_its_last_input_ends(nodes: list[Node]) -> None:
    """No step waits for anything but its own inputs: there are no levels, and no other step holds it up."""
    world = World(nodes)
    run = world.play()
    events = world.events
    ended = moments(events, ev.StepSucceeded) | moments(events, ev.StepSkipped)
    began_s = next(event.at_s for event in events if isinstance(event.fact, ev.RunStarted))
    started = moments(events, ev.StepStarted)

    for node in nodes:
        ready_s = max((ended[n][0] for n in needed(node)), default=began_s)
        if run.steps[node.number - 1].status == "skipped":
            assert ended[node.number] == [ready_s]
        else:
            assert started[node.number][0] == ready_s


@moderate
@given(plans(steps_max=8, conditional=False), st.integers(1, 3))
def test_no_more_steps_run_at_once_than_allowed(nodes: list[Node], at_once: int) -> None:
    """`steps_at_once_max` holds after every single event."""
    world = World(nodes, limits=Limits(steps_at_once_max=at_once))
    world.play()
    at_work = most = 0
    for event in world.events:
        at_work += isinstance(event.fact, ev.StepStarted)
        ending = ev.StepSucceeded | ev.StepRetrying | ev.StepUnknown | ev.StepCancelled
        at_work -= isinstance(event.fact, ending)
        at_work -= isinstance(event.fact, ev.StepFailed) and _was_called(event.fact)
        most = max(most, at_work)

    assert most <= at_once


def _was_called(failed: ev.StepFailed) -> bool:
    """Whether the failure ended a call; a waiting retry that is closed has no call to end."""
    return failed.attempt > 0 and failed.duration_ms > 0


@moderate
@given(plans(steps_max=8))
def test_nothing_starts_after_a_failure_and_what_runs_is_heard_out(nodes: list[Node]) -> None:
    """Once a step has failed no other starts; steps at work end by their own outcome and are recorded."""
    world = World(nodes)
    run = world.play()
    failures = [e.seq for e in world.events if isinstance(e.fact, ev.StepFailed | ev.StepUnknown)]
    starts = [e.seq for e in world.events if isinstance(e.fact, ev.StepStarted)]

    assert all(start < failures[0] for start in starts) if failures else run.status == "completed"
    assert not run.running and not run.retrying
    assert {s.status for s in run.steps} <= {"pending", "succeeded", "failed", "skipped", "unknown"}
