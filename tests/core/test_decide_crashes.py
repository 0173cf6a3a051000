"""A process that dies at any append, before or after it, loses nothing and does nothing twice."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.policy import Limits
from simulation.checks import assert_consistent, assert_every_call_is_on_record, assert_one_success_a_step
from simulation.plans import Node, chain, plans
from simulation.sequential import carried_out
from simulation.world import BEGIN_S, CrashPoint, World

CRASH_POINTS: tuple[CrashPoint, ...] = ("before append", "after append", "after acting")
LONGEST_S = 1_000.0  # far more than any plan here takes, far less than the deadline


@settings(max_examples=40, deadline=None)
@given(plans(failing=False, steps_max=6))
def test_a_plan_of_repeatable_tools_ends_the_same_wherever_its_process_dies(nodes: list[Node]) -> None:
    """One crash at each point of each append: each step succeeds once, with its undisturbed answer."""
    undisturbed = World(nodes)
    undisturbed.play()
    fates = carried_out(nodes)

    for crash in product(range(1, undisturbed.appends + 1), CRASH_POINTS):
        world = World(nodes, crash_at={crash})
        run = world.play()
        assert world.crashes == 1
        assert run.status == "completed"
        assert run.completed_at_s is not None and run.completed_at_s < BEGIN_S + LONGEST_S
        for state in run.steps:
            fate = fates[state.step_number]
            assert (state.status, state.output) == (fate.status, fate.output)
            assert fate.calls <= state.attempts <= fate.calls + 1
        assert_every_call_is_on_record(world)
        assert_one_success_a_step(world.events)


@settings(max_examples=40, deadline=None)
@given(plans(steps_max=6))
def test_an_unsafe_tool_is_never_called_again(nodes: list[Node]) -> None:
    """Of a plan with unsafe tools: what was cut off becomes unknown, and the run ends at once."""
    undisturbed = World(nodes)
    undisturbed.play()
    unsafe = {node.number for node in nodes if node.effects == "unsafe"}

    for crash in product(range(1, undisturbed.appends + 1), CRASH_POINTS):
        world = World(nodes, crash_at={crash})
        run = world.play()
        assert run.is_over
        assert run.completed_at_s is not None and run.completed_at_s < BEGIN_S + LONGEST_S
        called = [call.step_number for call in world.calls]
        assert all(called.count(number) <= 1 for number in unsafe)
        assert all(
            run.steps[number - 1].attempts <= 1 for number in unsafe & {s.step_number for s in run.steps}
        )
        assert_consistent(run)
        assert_every_call_is_on_record(world)
        assert_one_success_a_step(world.events)


crashes = st.sets(st.tuples(st.integers(1, 12), st.sampled_from(CRASH_POINTS)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(plans(steps_max=6), crashes, st.sampled_from([1, 1_000]))
def test_many_crashes_of_one_run_are_survived(
    nodes: list[Node], crash_at: set[tuple[int, CrashPoint]], at_once: int
) -> None:
    """However often the process dies, calls are on record, successes are single and the run ends."""
    world = World(nodes, crash_at=crash_at, limits=Limits(steps_at_once_max=at_once))
    run = world.play()

    assert run.is_over
    assert run.completed_at_s is not None and run.completed_at_s < BEGIN_S + LONGEST_S
    assert_consistent(run)
    assert_every_call_is_on_record(world)
    assert_one_success_a_step(world.events)


def test_a_step_that_kills_its_process_each_time_fails_in_the_end() -> None:
    """A step survives `crashes_max` crashes; the next one fails it, with the number of deaths in words."""
    every_call = {(n, "after acting") for n in range(2, 40)}
    world = World([Node(1)], crash_at=every_call, limits=Limits(crashes_max=3))
    run = world.play()

    assert run.status == "failed"
    assert run.error is not None and run.error.message.startswith("the process ended 4 times")
    assert len(world.calls) == 4
    assert_every_call_is_on_record(world)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_steps_that_were_ready_start_at_once_after_a_crash(point: CrashPoint) -> None:
    """What could start when the process died does not wait for what is called again."""
    slow, quick = Node(1, calls_s=(100.0,)), Node(2, calls_s=(1.0,))
    world = World([slow, quick, Node(3, depends_on=(2,))], crash_at={(3, point)})
    run = world.play()

    assert run.status == "completed"
    assert run.steps[2].started_at_s is not None and run.steps[2].started_at_s < BEGIN_S + 10


def test_a_tool_that_is_gone_after_a_crash_is_not_called_blind_later() -> None:
    """A step in flight whose tool is not loaded any more may be unsafe: it is unknown, not failed."""
    world = World([Node(1, effects="unsafe", calls_s=(5.0,))])
    world.play_until(ev.StepStarted)
    world.tools = world.tools.without("unsafe")
    world.crash()
    run = world.play()

    assert run.status == "failed"
    assert run.steps[0].status == "unknown"
    assert run.error is not None and run.error.code == "outcome_unknown"
    assert "not loaded" in run.error.message


def test_a_call_that_was_cut_off_by_a_crash_is_no_try() -> None:
    """A dying process takes none of the attempts that a tool's policy allows."""
    flaky = Node(1, endings=("retryable", "retryable", "ok"))
    world = World([flaky], crash_at={(2, "after acting"), (5, "after acting")})
    run = world.play()

    assert world.crashes == 2
    assert run.status == "completed"
    assert (run.steps[0].attempts, run.steps[0].tries, run.steps[0].crashes) == (5, 3, 2)


def test_a_chain_resumes_behind_its_last_result() -> None:
    """Steps with a result are not called again by the process that takes over."""
    world = World(chain(4), crash_at={(4, "after acting")})
    world.play()

    assert [call.step_number for call in world.calls] == [1, 2, 3, 3, 4]
