"""What starts when: dataflow, retries, failures, cancellation, deadlines, approvals and bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.decide import decide
from runwright.core.policy import Limits
from runwright.core.tool import Fault
from simulation.checks import assert_consistent, assert_every_call_is_on_record, moments
from simulation.plans import Node, Tools, chain, plan_of, plans
from simulation.world import BEGIN_S, World

STARTED_S = BEGIN_S + 1.0  # planning takes a second


def test_a_step_starts_in_the_very_turn_in_which_its_last_input_ended() -> None:
    """The outcome of a step and the start of what waited for it are one append."""
    world = World(chain(3))
    world.play()
    appended = [tuple(fact.type for fact in turn) for turn in world.turns]

    assert appended == [
        ("plan.started",),
        ("plan.step_proposed",) * 3 + ("plan.accepted", "run.started", "step.started"),
        ("step.succeeded", "step.started"),
        ("step.succeeded", "step.started"),
        ("step.succeeded", "run.completed"),
    ]


def test_a_slow_step_holds_up_nobody_who_does_not_need_it() -> None:
    """There are no levels: a chain of quick steps runs to its end beside one slow step."""
    slow = Node(1, calls_s=(100.0,))
    world = World([slow, Node(2), Node(3, wanted=(2,)), Node(4, wanted=(3,))])
    run = world.play()
    ended = moments(world.events, ev.StepSucceeded)

    assert run.completed_at_s == STARTED_S + 100.0
    assert [ended[n] for n in (2, 3, 4)] == [[STARTED_S + 1], [STARTED_S + 2], [STARTED_S + 3]]


def test_a_due_retry_starts_while_a_slow_step_runs() -> None:
    """A retry waits for its time and for nothing else."""
    world = World([Node(1, calls_s=(100.0,)), Node(2, endings=("retryable", "ok"))])
    run = world.play()
    started = moments(world.events, ev.StepStarted)
    retry_at_s = next(e.fact.retry_at_s for e in world.events if isinstance(e.fact, ev.StepRetrying))

    assert started[2] == [STARTED_S, retry_at_s]
    assert run.steps[1].started_at_s == STARTED_S
    assert retry_at_s == STARTED_S + 1.0 + 1.25  # after 1 s of work, base_s 1.0 and half of jitter_s 0.5


def test_a_due_retry_waits_for_room() -> None:
    """With one step at a time a retry that is due starts when the step at work has ended."""
    nodes = [Node(1, endings=("retryable", "ok")), Node(2, calls_s=(50.0,))]
    world = World(nodes, limits=Limits(steps_at_once_max=1))
    run = world.play()
    started = moments(world.events, ev.StepStarted)

    assert run.status == "completed"
    assert started[1] == [STARTED_S, STARTED_S + 1.0 + 50.0]


def test_after_a_failure_nothing_starts_and_waiting_retries_are_closed() -> None:
    """The step at work is heard out and recorded, the waiting retry becomes failed with its own error."""
    world = World(
        [
            Node(1, endings=("terminal",), calls_s=(2.0,)),
            Node(2, endings=("retryable", "ok")),
            Node(3, calls_s=(10.0,)),
            Node(4, wanted=(3,)),
        ]
    )
    run = world.play()

    assert run.status == "failed" and run.failed_step == 1
    assert [s.status for s in run.steps] == ["failed", "failed", "succeeded", "pending"]
    assert run.completed_at_s == STARTED_S + 10.0
    assert run.steps[1].attempts == 1 and run.retrying == ()


def test_the_first_failure_is_the_one_that_counts() -> None:
    """A step that fails while the run is stopping is recorded; the error stays the first one's."""
    world = World([Node(1, endings=("terminal",)), Node(2, endings=("terminal",), calls_s=(5.0,))])
    run = world.play()

    assert [s.status for s in run.steps] == ["failed", "failed"]
    assert run.error is not None and run.error.step_number == 1


@settings(max_examples=150, deadline=None)
@given(
    plans(steps_max=6),
    st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0]),
    st.sampled_from([0.0, 4.0]),
    st.sampled_from(["auto", "required"]),
    st.sampled_from([set(), {(3, "after append")}, {(4, "before append")}]),
)
def test_cancel_is_final_wherever_it_comes(
    nodes: list[Node], after_s: float, stubborn_s: float, approval: ev.Approval, crash_at: set
) -> None:
    """No step starts behind `run.cancelling`, tools at work are cut off, and the run ends cancelled."""
    approve = (1.0, ev.RunApproved(plan_hash=plan_of(nodes).plan_hash))
    world = World(
        nodes,
        approval=approval,
        stubborn_s=stubborn_s,
        crash_at=crash_at,
        controls=[(after_s, ev.RunCancelling()), approve, (after_s + 0.25, ev.RunCancelling())],
    )
    run = world.play()
    asked = [e.seq for e in world.events if isinstance(e.fact, ev.RunCancelling)]

    assert run.is_over
    if asked:
        assert run.status == "cancelled" and run.error is not None and run.error.code == "cancelled"
        assert not any(e.seq > asked[0] for e in world.events if isinstance(e.fact, ev.StepStarted))
        assert run.completed_at_s is not None and run.completed_at_s <= BEGIN_S + after_s + stubborn_s
    else:
        assert run.status in ("completed", "failed")
    assert_consistent(run)
    assert_every_call_is_on_record(world)


def test_a_cancelled_unsafe_step_is_unknown_and_a_safe_one_cancelled() -> None:
    """A tool that was cut off may have acted: only those that may be repeated are called cancelled."""
    nodes = [Node(1, effects="unsafe", calls_s=(9.0,)), Node(2, effects="keyed", calls_s=(9.0,))]
    world = World(nodes, controls=[(3.0, ev.RunCancelling())])
    run = world.play()

    assert run.status == "cancelled"
    assert [s.status for s in run.steps] == ["unknown", "cancelled"]


def test_the_deadline_cuts_off_what_runs_and_fails_the_run() -> None:
    """At the deadline tools are cut off, even stubborn ones, and the error says which deadline it was."""
    nodes = [Node(1, calls_s=(100.0,)), Node(2, endings=("retryable", "ok"))]
    world = World(nodes, deadline_s=10.0, stubborn_s=5.0, limits=Limits(steps_at_once_max=1))
    run = world.play()

    assert run.status == "failed" and run.completed_at_s == BEGIN_S + 15.0
    assert run.error is not None and run.error.code == "deadline_exceeded" and "10 s" in run.error.message
    assert [s.status for s in run.steps] == ["cancelled", "pending"]


def test_after_a_failure_the_deadline_still_cuts_off_what_runs() -> None:
    """What may finish after a failure may do so until the deadline; the failure stays the run's error."""
    world = World([Node(1, endings=("terminal",)), Node(2, calls_s=(100.0,))], deadline_s=10.0)
    run = world.play()

    assert run.completed_at_s == BEGIN_S + 10.0
    assert [s.status for s in run.steps] == ["failed", "cancelled"]
    assert run.error is not None and run.error.step_number == 1


def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    """A failure whose next attempt lies behind the deadline is final at once, with the tool's own error."""
    world = World([Node(1, endings=("retryable", "ok"), calls_s=(8.0,))], deadline_s=10.0)
    run = world.play()

    assert run.status == "failed" and run.completed_at_s == STARTED_S + 8.0
    assert run.error is not None and run.error.code == "tool_failed"


def test_a_deadline_that_passes_while_planning_needs_nobody() -> None:
    """A planner that never answers is cut off at the deadline."""
    world = World([Node(1)], deadline_s=3.0, planning_s=1e9)
    run = world.play()

    assert run.status == "failed" and run.completed_at_s == BEGIN_S + 3.0
    assert not run.planning


def test_waiting_for_approval_does_not_count_against_the_deadline() -> None:
    """A person may take an hour; the run still has the rest of its ten seconds afterwards."""
    nodes = chain(3)
    approve = (3_600.0, ev.RunApproved(plan_hash=plan_of(nodes).plan_hash))
    world = World(nodes, approval="required", deadline_s=10.0, controls=[approve])
    run = world.play()

    assert run.status == "completed"
    assert run.deadline_at_s == BEGIN_S + 10.0 + 3_599.0


def test_nothing_is_called_before_the_approval_and_nothing_after_a_rejection() -> None:
    """A run that waits for approval has no timer; a rejection ends it as cancelled, with its own code."""
    nodes = chain(2)
    world = World(nodes, approval="required")
    waiting = world.play()
    turn = decide(waiting, world.now_s + 1e6, world.tools, world.limits)
    world.control(ev.RunRejected(plan_hash=plan_of(nodes).plan_hash))
    run = world.play()

    assert waiting.status == "awaiting_approval" and turn.events == () and turn.wake_at_s is None
    assert run.status == "cancelled" and run.error is not None and run.error.code == "rejected"
    assert world.calls == []


def test_a_run_ends_when_it_has_too_many_events() -> None:
    """A livelock becomes an error: tools at work are cut off, and no bound is passed by more than a turn."""
    world = World(chain(50), limits=Limits(events_max=80))
    run = world.play()

    assert run.status == "failed" and run.error is not None and run.error.code == "run_too_large"
    assert max(e.seq for e in world.events if isinstance(e.fact, ev.StepStarted)) == 81


def test_a_run_ends_when_its_journal_is_too_large() -> None:
    """The size in bytes bounds a run as well, and the error names both limits."""
    world = World(chain(50), limits=Limits(run_bytes_max=30_000))
    run = world.play()

    assert run.status == "failed" and run.error is not None and run.error.code == "run_too_large"
    assert "30000 bytes" in run.error.message
    assert 30_000 < sum(map(len, world.journal)) < 32_000


def test_a_reference_that_misses_fails_its_step_without_a_call() -> None:
    """The step is recorded as failed with attempt 0 and a sentence that names the missing field."""
    world = World([Node(1), Node(2, broken=1)])
    run = world.play()

    assert run.error is not None and run.error.code == "tool_failed" and "'missing'" in run.error.message
    assert run.steps[1].attempts == 0
    assert [call.step_number for call in world.calls] == [1]


def test_a_condition_that_cannot_be_decided_fails_its_step() -> None:
    """A number and a text have no order: the step fails, and nothing is guessed."""
    plan = plan_of([Node(1), Node(2, when=("lt", 1, "text"))])
    world = World([Node(1), Node(2)], plan=plan)
    run = world.play()

    assert run.status == "failed" and run.failed_step == 2
    assert run.error is not None and "the condition cannot be decided" in run.error.message


def test_a_tool_that_is_not_loaded_fails_its_step_with_the_way_out() -> None:
    """The error says what to load; a restart with the tool in place completes the run."""
    world = World(chain(2, effects="keyed"), tools=Tools().without("keyed"))
    failed = world.play()
    world.tools = Tools()
    world.control(ev.RunRestarted())
    run = world.play()

    assert (
        failed.error is not None
        and failed.error.message == "the tool keyed in version 1.0.0 is not loaded here"
    )
    assert failed.error.hint == "load it and restart the run"
    assert run.status == "completed"


class _Picky(Tools):
    """Tools that refuse the inputs of steps with references."""

    def find(self, name: str, version: str | None):
        found = super().find(name, version)
        return found and replace(
            found, input_faults=lambda _: (Fault(("wanted", 0), "type", "must be text"),)
        )


def test_an_input_is_checked_once_its_references_have_values() -> None:
    """A value that does not fit the tool's schema fails the step before its tool is called."""
    world = World(chain(2), tools=_Picky())
    run = world.play()

    assert (
        run.error is not None
        and run.error.message == "the input of pure does not fit at /wanted/0: must be text"
    )
    assert [call.step_number for call in world.calls] == [1]


def test_an_input_that_grew_too_large_fails_its_step() -> None:
    """The limit is named with the size."""
    world = World([Node(1), Node(2, quoted=(1,) * 50)], limits=Limits(input_bytes_max=100))
    run = world.play()

    assert run.error is not None and run.error.message.endswith("the limit is 100")


@pytest.mark.parametrize("branch", [0, 90])
def test_two_branches_join_behind_a_skipped_step(branch: int) -> None:
    """A step that depends on both branches runs, one that reads from the skipped branch does not."""
    low, high = Node(2, when=("lt", 1, 50)), Node(3, when=("not", ("lt", 1, 50)))
    world = World(
        [
            Node(1, salt=branch),
            low,
            high,
            Node(4, depends_on=(2, 3)),
            Node(5, wanted=(2,)),
            Node(6, wanted=(5,)),
        ]
    )
    run = world.play()
    taken, left = ("succeeded", "skipped") if branch == 0 else ("skipped", "succeeded")

    assert [s.status for s in run.steps] == ["succeeded", taken, left, "succeeded", taken, taken]


def test_a_run_of_a_plan_without_steps_completes() -> None:
    """Nothing to do is done at once."""
    world = World([])
    run = world.play()

    assert run.status == "completed" and run.completed_at_s == STARTED_S
