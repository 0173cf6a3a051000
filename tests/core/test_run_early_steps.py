"""Pure steps that start while their plan is being written: same answers, no effects, nothing kept wrongly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from runwright.core import control
from runwright.core import events as ev
from runwright.core.codec import encode
from runwright.core.events import Event, Fact, RunError
from runwright.core.ids import PlanId, idempotency_key
from runwright.core.plan import Problem
from runwright.core.policy import Limits
from runwright.core.run import evolve
from simulation.checks import assert_consistent
from simulation.plans import Node, chain, plan_of, plans, step_of
from simulation.sequential import carried_out
from simulation.world import BEGIN_S, LIMITS, RUN_ID, CrashPoint, Said, World

CRASH_POINTS: tuple[CrashPoint, ...] = ("before append", "after append", "after acting")
DEFECT = Problem(code="unknown_tool", message="no such tool")


class Round(NamedTuple):
    """One answer of the model.

    written    the steps as it writes them, in this order
    pauses_s   before each, and before the end
    is_sound   else its defects go back, and the next round follows
    """

    written: Sequence[Node]
    pauses_s: Sequence[float]
    is_sound: bool = False


class Written(World):
    """A world whose planner writes step by step, in rounds; the last one's plan is that of the nodes.

    refused   the planner gives up in the end
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        rounds: Sequence[Round],
        *,
        crash_at: Collection[tuple[int, CrashPoint]] = (),
        refused: bool = False,
        approval: ev.Approval = "auto",
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(nodes, crash_at=crash_at, approval=approval, limits=limits)
        self._rounds, self._refused, self._written = rounds, refused, 0

    def planned(self) -> Sequence[tuple[float, Said]]:
        at_s, told = 0.0, []
        for turn in self._rounds:
            self._written += 1
            plan_id = PlanId(f"plan_{self._written}")
            for node, pause_s in zip(turn.written, turn.pauses_s, strict=False):
                at_s += pause_s
                step = replace(step_of(node), tool_version=None)
                told.append((at_s, _said(ev.PlanStepProposed(step=step, plan_id=plan_id))))
            at_s += turn.pauses_s[-1]
            told.append((at_s, _said(*self._end(turn, plan_id))))
        return told

    def control(self, fact: Fact) -> None:
        """Cancel the run as the service does."""
        for wanted, number in () if self.run.is_over else control.cancelled(self.run):
            event = Event(self.run.seq + 1, self.now_s, wanted, number)
            self.run = evolve(self.run, event)
            self.journal.append(encode(RUN_ID, event))

    def _end(self, turn: Round, plan_id: PlanId) -> list[Fact]:
        problems = () if turn.is_sound else (DEFECT,)
        called = ev.PlanModelCalled(purpose="plan", round=1, model="m", duration_ms=1.0, problems=problems)
        if not turn.is_sound:
            return [called]
        if self._refused:
            return [called, ev.PlanRefused(error=RunError(code="plan_refused", message="no"))]
        return [called, ev.PlanAccepted(plan=plan_of(list(self.nodes.values()), plan_id))]


def _said(*facts: Fact) -> Said:
    return Said(lambda: facts)


pauses = st.lists(st.sampled_from([0.0, 0.25, 1.0, 2.5]), min_size=9, max_size=9)


@st.composite
def rounds_of(draw: st.DrawFn, nodes: Sequence[Node]) -> list[Round]:
    """Rounds whose last one is sound; what is written early may be another step than the plan has."""
    rounds = []
    for is_sound in [False] * draw(st.integers(0, 2)) + [True]:
        written = draw(st.permutations(list(nodes)))
        odd = draw(st.sets(st.sampled_from([node.number for node in nodes])))
        if draw(st.booleans()):
            odd = set()
        written = [node._replace(quoted=(), wanted=()) if node.number in odd else node for node in written]
        rounds.append(Round(written, draw(pauses), is_sound))
    return rounds


stories = plans(failing=False, steps_max=6).flatmap(lambda nodes: st.tuples(st.just(nodes), rounds_of(nodes)))


def before_start(events: Sequence[Event]) -> list[Event]:
    """The events until the run starts."""
    found = [at for at, event in enumerate(events) if isinstance(event.fact, ev.RunStarted)]
    return list(events[: found[0] if found else len(events)])


def assert_nothing_is_kept_wrongly(world: Written) -> None:
    """Only pure tools are called early, and a result counts for the plan it was made for alone."""
    run, events = world.run, world.events
    early = before_start(events)
    for event in early:
        if isinstance(event.fact, ev.StepStarted):
            assert event.fact.tool_name == "pure"
    counted: dict[int, int] = {}
    for event in events:
        number = event.step_number or 0
        if isinstance(event.fact, ev.StepSucceeded):
            counted[number] = counted.get(number, 0) + 1
        elif isinstance(event.fact, ev.StepCancelled) and counted.get(number):
            counted[number] -= 1
    succeeded = {state.step_number for state in run.steps if state.status == "succeeded"}
    assert {number for number, count in counted.items() if count} == succeeded
    assert all(count in (0, 1) for count in counted.values())
    if run.plan is not None:
        keys = {idempotency_key(RUN_ID, run.plan.plan_id, number) for number in succeeded}
        assert keys <= {call.idempotency_key for call in world.calls}
    assert not run.early and run.draft_id is None
    assert_consistent(run)


@settings(max_examples=80, deadline=None)
@given(stories, st.sampled_from([1, 1_000]))
def test_the_answers_are_those_of_a_plan_that_is_carried_out_when_it_is_written(
    story: tuple[list[Node], list[Round]], at_once: int
) -> None:
    """Whatever was written before, in whichever order, and however many defects it had."""
    nodes, rounds = story
    world = Written(nodes, rounds, limits=Limits(steps_at_once_max=at_once))
    run = world.play()
    fates = carried_out(nodes)

    assert run.status == "completed"
    for state in run.steps:
        fate = fates[state.step_number]
        assert (state.status, state.output) == (fate.status, fate.output)
    assert_nothing_is_kept_wrongly(world)


@settings(max_examples=15, deadline=None)
@given(stories)
def test_a_process_that_dies_while_a_plan_is_written_leaves_nothing_that_counts_wrongly(
    story: tuple[list[Node], list[Round]],
) -> None:
    """At each point of each append: another process plans again, and each step has its undisturbed answer."""
    nodes, rounds = story
    undisturbed = Written(nodes, rounds)
    undisturbed.play()
    fates = carried_out(nodes)

    for crash in product(range(1, undisturbed.appends + 1), CRASH_POINTS):
        world = Written(nodes, rounds, crash_at={crash})
        run = world.play()
        assert world.crashes == 1
        if all(node.effects != "unsafe" for node in nodes):
            assert run.status == "completed"
            for state in run.steps:
                assert state.output == fates[state.step_number].output
        assert run.is_over
        assert_nothing_is_kept_wrongly(world)


@settings(max_examples=60, deadline=None)
@given(plans(steps_max=6), st.data())
def test_early_failures_are_no_failures_and_no_early_result_outlives_its_run(
    nodes: list[Node], data: st.DataObject
) -> None:
    """A refused plan leaves no step; whatever tools do early, the run ends, and says what does not count."""
    rounds = data.draw(rounds_of(nodes))
    refused = Written(nodes, rounds, refused=True)
    run = refused.play()
    other = Written(nodes, rounds)
    ended = other.play()

    assert (run.status, run.steps) == ("failed", ())
    assert run.error is not None and run.error.code == "plan_refused"
    assert_nothing_is_kept_wrongly(refused)
    assert ended.is_over
    assert_nothing_is_kept_wrongly(other)


@settings(max_examples=60, deadline=None)
@given(stories, st.integers(0, 12_000))
def test_a_cancelled_run_discards_what_it_has_started(
    story: tuple[list[Node], list[Round]], after_ms: int
) -> None:
    """At any moment, and from outside: nothing stays open."""
    nodes, rounds = story
    world = Written(nodes, rounds)
    world.controls = [(BEGIN_S + after_ms / 1_000, ev.RunCancelling())]
    run = world.play()
    assert run.status in ("cancelled", "completed")
    assert_nothing_is_kept_wrongly(world)


@settings(max_examples=40, deadline=None)
@given(stories)
def test_nothing_starts_early_where_a_person_approves(story: tuple[list[Node], list[Round]]) -> None:
    """The plan is shown first; proposals change nothing."""
    world = Written(*story, approval="required")
    run = world.play()

    assert run.awaits_person
    assert not world.calls


def test_a_chain_is_half_done_when_its_plan_is_accepted() -> None:
    """Steps of one second, written one a second: the first answers while the second is written."""
    nodes = [node._replace(effects="pure") for node in chain(3)]
    world = Written(nodes, [Round(nodes, [1.0, 1.5, 1.5, 5.0], is_sound=True)])
    run = world.play()
    early = [type(event.fact).__name__ for event in before_start(world.events)]

    assert run.status == "completed"
    assert early.count("StepSucceeded") == 3
    assert early.index("StepSucceeded") < len(early) - 1 - early[::-1].index("PlanStepProposed")
    assert [state.attempts for state in run.steps] == [1, 1, 1]


def test_what_was_made_of_a_result_that_does_not_count_does_not_count_either() -> None:
    """Step 3 is written as the plan has it, but it was called with the answer of another step 2."""
    nodes = [node._replace(effects="pure", salt=node.number) for node in chain(3)]
    written = [nodes[0], nodes[1]._replace(wanted=()), nodes[2]]
    world = Written(nodes, [Round(written, [1.0, 1.0, 1.0, 9.0], is_sound=True)])
    run = world.play()
    fates = carried_out(nodes)

    assert [state.output for state in run.steps] == [fates[n].output for n in (1, 2, 3)]
    assert [call.step_number for call in world.calls] == [1, 2, 3, 2, 3]
    assert_nothing_is_kept_wrongly(world)
