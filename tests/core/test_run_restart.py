"""A restart goes on behind the last checkpoint: nothing finished runs again, nothing is let through."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from runwright.core import events as ev
from runwright.core.policy import Limits
from runwright.core.view import execution_log
from simulation.checks import assert_one_success_a_step
from simulation.plans import Node, chain
from simulation.stories import Story, restart, stories, told
from simulation.world import BEGIN_S, World

REPAIRED = ("terminal", "ok")


@settings(max_examples=150, deadline=None)
@given(stories)
def test_finished_steps_are_never_called_again(story: Story) -> None:
    """Over any number of restarts no tool is called, and nothing recorded, for a step that has succeeded."""
    world = told(story)
    ended_at_s = {e.step_number: e.at_s for e in world.events if isinstance(e.fact, ev.StepSucceeded)}

    assert_one_success_a_step(world.events)
    assert all(call.at_s <= ended_at_s.get(call.step_number, call.at_s) for call in world.calls)


def test_a_failed_run_goes_on_behind_its_last_result() -> None:
    """Of four steps the third fails; after the restart the third and fourth are called, the others not."""
    world = World([*chain(2), Node(3, wanted=(2,), endings=REPAIRED), Node(4, wanted=(3,))])
    world.play()
    log_before = execution_log(world.run)
    restart(world)
    run = world.play()

    assert [entry["status"] for entry in log_before] == ["succeeded", "succeeded", "failed"]
    assert [call.step_number for call in world.calls] == [1, 2, 3, 3, 4]
    assert run.status == "completed" and run.restarts == 1 and run.error is None
    assert [s.attempts for s in run.steps] == [1, 1, 2, 1]


def test_a_restart_gives_the_attempts_and_the_deadline_back() -> None:
    """Tries begin at none again and the deadline counts from the restart; attempts go on counting."""
    flaky = Node(1, endings=("retryable",) * 5 + ("ok",))
    world = World([flaky], deadline_s=20.0)
    world.play()
    assert world.run.status == "failed" and world.run.steps[0].attempts == 3
    world.now_s = BEGIN_S + 500.0
    restart(world)
    run = world.play()

    assert run.status == "completed"
    assert run.steps[0].attempts == 6 and run.steps[0].tries == 3
    assert run.deadline_at_s == BEGIN_S + 520.0


def test_a_restart_forgives_the_crashes() -> None:
    """A step that killed its process too often has all its lives again."""
    dies = {(n, "after acting") for n in (2, 3)}
    world = World([Node(1)], crash_at=dies, limits=Limits(crashes_max=1))
    failed = world.play()
    restart(world)
    begun = world.run
    run = world.play()

    assert failed.status == "failed" and failed.steps[0].crashes == 1
    assert begun.steps[0].crashes == 0
    assert run.status == "completed"


def test_a_restart_of_a_run_without_a_plan_plans_again() -> None:
    """A run whose prompt was refused goes back to planning and may be understood this time."""
    world = World(chain(2), refusals=1)
    world.play()
    assert world.run.error is not None and world.run.error.code == "not_understood"
    restart(world)
    run = world.play()

    assert run.status == "completed" and run.refusal is None and run.problems == ()


@pytest.mark.parametrize("approval", ["required", "auto"])
def test_a_restart_does_not_pass_over_an_approval(approval: ev.Approval) -> None:
    """A run that failed at its deadline before it was approved waits for the approval after its restart."""
    world = World([Node(1, calls_s=(0.5,))], approval=approval, deadline_s=1.0, planning_s=1.0)
    world.play()
    assert world.run.status == "failed" and world.run.plan is not None
    world.now_s += 10.0
    restart(world)
    run = world.play()

    assert run.status == ("awaiting_approval" if approval == "required" else "completed")
    assert len(world.calls) == (0 if approval == "required" else 1)


def test_what_never_ran_keeps_its_condition_after_a_restart() -> None:
    """A condition is still looked at when the step behind it was never reached before the restart."""
    world = World([Node(1, endings=REPAIRED), Node(2, when=("has", 1, "nothing")), Node(3, depends_on=(2,))])
    world.play()
    restart(world)
    run = world.play()

    assert [s.status for s in run.steps] == ["succeeded", "skipped", "succeeded"]


@pytest.mark.parametrize(
    ("verdict", "status", "calls"),
    [("retry", "completed", 2), ("succeeded", "completed", 1), ("failed", "failed", 1)],
)
def test_an_unknown_step_goes_on_as_a_person_says(verdict: ev.Resolution, status: str, calls: int) -> None:
    """`retry` calls the tool again, `succeeded` and `failed` take the word for it and call nothing."""
    world = World([Node(1, effects="unsafe", endings=("timeout", "ok")), Node(2, depends_on=(1,))])
    world.play()
    assert world.run.steps[0].status == "unknown"
    restart(world, verdict)
    run = world.play()

    assert run.status == status
    assert [call.step_number for call in world.calls].count(1) == calls
    assert [call.step_number for call in world.calls].count(2) == (status == "completed")


def test_an_unknown_step_must_be_named() -> None:
    """Without a verdict on its unknown step the run stays failed and nothing is written."""
    world = World([Node(1, effects="unsafe", endings=("timeout",)), Node(2)])
    world.play()
    written = len(world.journal)
    for resolve in ({}, {2: "retry"}, {1: "retry", 2: "retry"}, {1: "retry", 9: "failed"}, {0: "retry"}):
        world.control(ev.RunRestarted(resolve=resolve))

    assert len(world.refused) == 5 and len(world.journal) == written
    assert world.run.status == "failed"


def test_two_unknown_steps_are_settled_one_by_one() -> None:
    """A step that a person calls failed ends the run at once, with that step as its error."""
    cut_off = {"effects": "unsafe", "endings": ("timeout", "ok")}
    world = World([Node(1, **cut_off), Node(2, **cut_off)])
    world.play()
    world.control(ev.RunRestarted(resolve={1: "failed", 2: "retry"}))
    run = world.play()

    assert run.status == "failed" and run.failed_step == 1
    assert [s.status for s in run.steps] == ["failed", "pending"]
    assert len(world.calls) == 2


def test_a_run_that_grew_too_large_stays_too_large() -> None:
    """A restart does not give the events back: the run fails again before anything is called."""
    world = World(chain(6), limits=Limits(events_max=14))
    world.play()
    called = len(world.calls)
    restart(world)
    run = world.play()

    assert run.error is not None and run.error.code == "run_too_large"
    assert len(world.calls) == called
