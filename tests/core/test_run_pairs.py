"""Every event against every state that a run can reach: legal and consistent, or refused without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import msgspec
from hypothesis import given, settings

from runwright.core import events as ev
from runwright.core.decide import decide
from runwright.core.errors import IllegalTransition
from runwright.core.events import FACTS, Event, Fact, RunError
from runwright.core.plan import Plan, Step
from runwright.core.policy import Limits
from runwright.core.recover import recover
from runwright.core.run import RUN_TABLE, evolve, fold
from runwright.core.state import OVER, Run, RunStatus, StepStatus
from runwright.core.step_changes import STEP_TABLE
from simulation.checks import assert_consistent
from simulation.plans import Node, Tools, chain, plan_of
from simulation.stories import Story, moments_of, restart, stories, told
from simulation.world import World

AT_S = 2_000.0
ERROR = RunError(code="tool_failed", message="no")
TOOLS, LIMITS = Tools(), Limits()


def _plans() -> Iterator[Plan]:
    yield plan_of(chain(2))
    for nodes in (
        [Node(1, depends_on=(2,)), Node(2, depends_on=(1,))],
        [Node(1), Node(2, wanted=(2,))],
        [Node(1), Node(3)],
        [Node(0), Node(1)],
        [Node(1), Node(1)],
        [Node(1, depends_on=(0,))],
        [Node(1, wanted=(9,))],
    ):
        yield plan_of(nodes)
    bad = Step(step_number=1, tool_name="pure", tool_input={"text": "{step_1_output"})
    yield msgspec.structs.replace(plan_of([Node(1)]), steps=(bad,))


PLANS = tuple(_plans())


def _facts(run: Run) -> Iterator[Fact]:
    """Every type of event, with what is right for this run and with what is wrong."""
    plan_hash = run.plan.plan_hash if run.plan else "none"
    attempts = {0, 1} | {s.attempts + more for s in run.steps for more in (-1, 0, 1)}
    unknown = [s.step_number for s in run.steps if s.status == "unknown"]
    yield ev.RunCreated(tenant="t", prompt="p", deadline_s=1.0)
    yield ev.PlanStarted()
    yield from (ev.PlanStepProposed(step=step) for step in PLANS[0].steps)
    yield ev.PlanModelCalled(purpose="plan", round=1, model="m", duration_ms=1.0)
    yield from (ev.PlanAccepted(plan=plan) for plan in PLANS)
    yield ev.PlanRefused(error=ERROR)
    for shown in (plan_hash, "another"):
        yield ev.RunAwaitingApproval(plan_hash=shown)
        yield ev.RunApproved(plan_hash=shown)
        yield ev.RunRejected(plan_hash=shown)
    yield ev.RunStarted()
    for attempt in sorted(attempts):
        for again in (False, True):
            yield ev.StepStarted(attempt=attempt, tool_name="pure", tool_version="1.0.0", after_crash=again)
        yield ev.StepRetrying(attempt=attempt, error=ERROR, retry_at_s=AT_S + 1, duration_ms=1.0)
        yield ev.StepSucceeded(attempt=attempt, output={"n": 1}, duration_ms=1.0)
        yield ev.StepFailed(attempt=attempt, error=ERROR)
        yield ev.StepCancelled(attempt=attempt, reason="cut off")
        yield ev.StepUnknown(attempt=attempt, reason="cut off")
    yield ev.StepSkipped(reason="its condition is false")
    yield ev.RunCancelling()
    yield ev.RunRestarted()
    yield from (ev.RunRestarted(resolve={number: "retry"}) for number in (0, 1, len(run.steps) + 1))
    yield from (ev.RunRestarted(resolve=dict.fromkeys(unknown, verdict)) for verdict in ("retry", "failed"))
    yield ev.RunCompleted()
    yield ev.RunFailed(error=ERROR)
    yield ev.RunCancelled(error=ERROR)


def _events(run: Run) -> Iterator[Event]:
    numbers = (None, 0, *range(1, len(run.steps) + 2))
    for fact in _facts(run):
        of_step = fact.type.startswith("step.") or isinstance(fact, ev.PlanStepProposed)
        for number in numbers if of_step else (None, 1):
            yield Event(run.seq + 1, AT_S, fact, number)
        for seq in (run.seq, run.seq + 2):
            yield Event(seq, AT_S, fact, 1 if of_step else None)


def _evolved(run: Run, event: Event) -> Run | None:
    try:
        return evolve(run, event)
    except IllegalTransition:
        return None


def _lawful(run: Run, event: Event) -> bool:
    """Whether an event may follow at all, said once more and without the engine's tables."""
    of_step = event.fact.type.startswith("step.")
    return _lawful_of_step(run, event) if of_step else _lawful_of_run(run, event)


def _lawful_of_step(run: Run, event: Event) -> bool:
    fact, number = event.fact, event.step_number
    if number is None or not 1 <= number <= len(run.steps):
        return False
    state, halted = run.steps[number - 1], run.cancelling or run.failed_step is not None
    match fact:
        case ev.StepStarted():
            due = not (state.waiting or halted) and fact.attempt == state.attempts + 1
            return due and fact.after_crash == (number in run.running)
        case ev.StepSkipped():
            return not (state.waiting or state.attempts or halted)
        case ev.StepFailed():
            undecided = state.status in ("pending", "running") and not state.waiting
            return undecided and fact.attempt == state.attempts
        case ev.StepRetrying() | ev.StepSucceeded() | ev.StepCancelled() | ev.StepUnknown():
            return number in run.running and fact.attempt == state.attempts
    raise AssertionError(fact)


def _lawful_of_run(run: Run, event: Event) -> bool:
    fact = event.fact
    hash_fits = run.plan is not None and getattr(fact, "plan_hash", None) == run.plan.plan_hash
    agreed = run.approved or run.created.approval == "auto"
    unknown = {s.step_number for s in run.steps if s.status == "unknown"}
    laws = {
        ev.PlanStarted: run.plan is None and run.refusal is None and not run.cancelling,
        ev.PlanStepProposed: run.planning and event.step_number in (1, 2),
        ev.PlanModelCalled: run.planning,
        ev.PlanAccepted: run.planning and getattr(fact, "plan", None) is PLANS[0],
        ev.PlanRefused: run.planning,
        ev.RunAwaitingApproval: hash_fits and not run.cancelling,
        ev.RunApproved: hash_fits and not (run.approved or run.rejected or run.cancelling),
        ev.RunRejected: hash_fits and not (run.approved or run.rejected or run.cancelling),
        ev.RunStarted: run.plan is not None and agreed and not (run.cancelling or run.rejected),
        ev.RunCancelling: not run.is_over,
        ev.RunCompleted: not (run.left or run.running or run.cancelling),
        ev.RunFailed: not (run.running or run.cancelling or run.rejected),
        ev.RunCancelled: not run.running and (run.cancelling or run.rejected),
        ev.RunRestarted: run.status == "failed" and set(getattr(fact, "resolve", ())) == unknown,
    }
    return laws[type(fact)]


@settings(max_examples=80, deadline=None)
@given(stories)
def test_every_event_in_every_state_is_legal_or_refused(story: Story) -> None:
    """A legal event gives a consistent run that can be decided on and recovered; a refused one no change."""
    for run in moments_of(told(story)):
        before = msgspec.json.encode(run)
        for event in _events(run):
            after = _evolved(run, event)
            if after is None:
                continue
            assert _lawful(run, event), event
            assert after.seq == run.seq + 1 == event.seq
            assert after.status in RUN_TABLE[run.status].values() or after.status == "planning"
            assert_consistent(after)
            for turn in (decide(after, AT_S, TOOLS, LIMITS), recover(after, AT_S, TOOLS, LIMITS)):
                assert fold(run.run_id, turn.events, after) == turn.run
                assert_consistent(turn.run)
        assert msgspec.json.encode(run) == before


@settings(max_examples=100, deadline=None)
@given(stories)
def test_a_run_that_is_over_accepts_nothing_but_the_restart_of_a_failed_one(story: Story) -> None:
    """Completed and cancelled runs refuse every event, failed ones all but `run.restarted`."""
    world = told(story)
    for run in moments_of(world):
        if run.status in OVER:
            legal = {event.fact.type for event in _events(run) if _evolved(run, event) is not None}
            assert legal <= ({"run.restarted"} if run.status == "failed" else set())


@settings(max_examples=200, deadline=None)
@given(stories)
def test_a_run_agrees_with_itself_at_every_moment_of_its_life(story: Story) -> None:
    """Counters, sets of steps and statuses agree after each event, whatever clients and crashes did."""
    world = told(story)

    for run in moments_of(world):
        assert_consistent(run)
    assert world.run.is_over or world.run.status == "awaiting_approval"


def test_a_last_result_does_not_complete_a_run_that_is_being_cancelled() -> None:
    """The tool had its say while it was cut off; the cancel stays final."""
    world = World([Node(1, calls_s=(5.0,))], stubborn_s=9.0, controls=[(3.0, ev.RunCancelling())])
    run = world.play()
    done = next(moment for moment in moments_of(world) if moment.steps and not moment.left)

    assert run.status == "cancelled" and run.steps[0].status == "succeeded"
    assert _evolved(done, Event(done.seq + 1, AT_S, ev.RunCompleted())) is None


def test_every_type_of_event_is_reached() -> None:
    """The worlds of these tests can tell of all 22 types of events."""
    steps = [
        Node(1, effects="unsafe", endings=("timeout",), calls_s=(9.0,)),
        Node(2, endings=("retryable", "ok")),
        Node(3, wanted=(2,), when=("lt", 2, 0)),
    ]
    plan_hash = plan_of(steps).plan_hash
    lives = (
        World(steps, approval="required", controls=[(2.0, ev.RunApproved(plan_hash=plan_hash))]),
        World(steps, approval="required", controls=[(2.0, ev.RunRejected(plan_hash=plan_hash))]),
        World([Node(1), Node(2, endings=("terminal",))], refusals=1),
        World([Node(1, calls_s=(5.0,))], controls=[(2.0, ev.RunCancelling())]),
        World([Node(1)]),
    )
    reached = set()
    for world in lives:
        world.play()
        restart(world)
        world.play()
        reached |= {event.fact.type for event in world.events}

    assert reached == set(FACTS)


def test_the_tables_know_every_status_and_every_event() -> None:
    """No status is forgotten, and each event but the first is legal in some status."""
    of_runs = {fact for row in RUN_TABLE.values() for fact in row}
    of_steps = {fact for row in STEP_TABLE.values() for fact in row}

    assert set(RUN_TABLE) == set(get_args(RunStatus))
    assert set(STEP_TABLE) == set(get_args(StepStatus))
    assert of_runs == set(FACTS.values()) - {ev.RunCreated}
    assert of_steps == {fact for name, fact in FACTS.items() if name.startswith("step.")}
