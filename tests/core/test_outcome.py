"""How a call ended, and which event that makes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from runwright.core import events as ev
from runwright.core.events import Fact, RunError
from runwright.core.outcome import (
    Failed,
    Interrupted,
    Outcome,
    Succeeded,
    TimedOut,
    bounded,
    event_of,
    put_back,
    too_large,
)
from runwright.core.run import evolve
from runwright.core.state import Run
from runwright.core.tool import Effects
from simulation.plans import RETRY, Node, Tools
from simulation.world import World

SAFE = tuple(effects for effects in get_args(Effects) if effects != "unsafe")
NO = RunError(code="tool_failed", message="no", step_number=1)
TRY_AGAIN = Failed(1, NO, True, 5.0)


def _running(effects: Effects = "pure") -> Run:
    """A run whose only step is at its first attempt."""
    return World([Node(1, effects=effects)], deadline_s=100.0).play_until(ev.StepStarted)


def _fact(
    run: Run, outcome: Outcome, effects: Effects = "pure", *, after_s: float = 1.0, jitter_unit: float = 0.0
) -> Fact:
    """The fact that an outcome makes; it must be legal where it happened."""
    contract = Tools().find(effects, None)
    assert contract is not None and run.started_at_s is not None
    event = event_of(run, outcome, contract.spec, run.started_at_s + after_s, jitter_unit)
    assert evolve(run, event).seq == event.seq == run.seq + 1
    return event.fact


@pytest.mark.parametrize("effects", get_args(Effects))
def test_a_result_is_a_success(effects: Effects) -> None:
    """Whatever the effects, a result is recorded with its attempt and its duration."""
    fact = _fact(_running(effects), Succeeded(1, {"n": 1}, 5.0), effects)

    assert fact == ev.StepSucceeded(attempt=1, output={"n": 1}, duration_ms=5.0)


@pytest.mark.parametrize("effects", SAFE)
def test_a_retryable_failure_of_a_repeatable_tool_is_tried_again(effects: Effects) -> None:
    """The next attempt is due after the backoff, jitter included, to the millisecond."""
    run = _running(effects)
    fact = _fact(run, TRY_AGAIN, effects, jitter_unit=1 / 3)

    assert run.started_at_s is not None
    assert fact == ev.StepRetrying(
        attempt=1, error=NO, retry_at_s=round(run.started_at_s + 1.0 + 1.0 + 0.5 / 3, 3), duration_ms=5.0
    )


def test_an_unsafe_tool_is_never_tried_again() -> None:
    """Not even when it says that trying again may help."""
    assert _fact(_running("unsafe"), TRY_AGAIN, "unsafe") == ev.StepFailed(
        attempt=1, error=NO, duration_ms=5.0
    )


@pytest.mark.parametrize("effects", get_args(Effects))
def test_a_failure_that_is_final_is_final(effects: Effects) -> None:
    """A failure that is not retryable ends the step, whatever its tool may be."""
    fact = _fact(_running(effects), Failed(1, NO, False, 5.0), effects)

    assert fact == ev.StepFailed(attempt=1, error=NO, duration_ms=5.0)


def test_the_last_attempt_is_the_last() -> None:
    """After `attempts_max` tries a retryable failure is final."""
    run = _running()
    spent = replace(run, steps=(replace(run.steps[0], tries=RETRY.attempts_max),))
    nearly = replace(run, steps=(replace(run.steps[0], tries=RETRY.attempts_max - 1),))

    assert isinstance(_fact(spent, TRY_AGAIN), ev.StepFailed)
    assert isinstance(_fact(nearly, TRY_AGAIN), ev.StepRetrying)


def test_a_run_that_is_stopping_tries_nothing_again() -> None:
    """Neither after a cancellation nor after the failure of another step."""
    run = _running()

    assert isinstance(_fact(replace(run, cancelling=True), TRY_AGAIN), ev.StepFailed)
    assert isinstance(_fact(replace(run, failed_step=1), TRY_AGAIN), ev.StepFailed)


def test_a_retry_behind_the_deadline_is_not_promised() -> None:
    """An attempt that could only begin at or after the deadline is not waited for."""
    run = _running()

    assert isinstance(_fact(run, TRY_AGAIN, after_s=97.9), ev.StepRetrying)
    assert isinstance(_fact(run, TRY_AGAIN, after_s=98.0), ev.StepFailed)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(20.0, 20.0), (0.1, 1.0), (0.0, 1.0), (None, 1.0)])
def test_a_tool_may_ask_for_a_longer_wait_and_not_for_a_shorter(
    asked_s: float | None, waits_s: float
) -> None:
    """`retry_after_s` is heeded where it is longer than the backoff."""
    run = _running()
    fact = _fact(run, TRY_AGAIN._replace(retry_after_s=asked_s))

    assert isinstance(fact, ev.StepRetrying) and run.started_at_s is not None
    assert fact.retry_at_s == run.started_at_s + 1.0 + waits_s


@settings(deadline=None)
@given(st.floats(), st.floats(0, 1, exclude_max=True))
def test_whatever_a_tool_asks_for_the_outcome_is_recorded(asked_s: float, jitter_unit: float) -> None:
    """NaN, infinity and negative waits make a legal event like any other."""
    run = _running()
    fact = _fact(run, TRY_AGAIN._replace(retry_after_s=asked_s), jitter_unit=jitter_unit)

    assert run.started_at_s is not None
    if isinstance(fact, ev.StepRetrying):
        assert run.started_at_s + 2.0 <= fact.retry_at_s < run.deadline_at_s
    else:
        assert asked_s > 97.0


@pytest.mark.parametrize("effects", SAFE)
def test_a_tool_that_timed_out_is_tried_again(effects: Effects) -> None:
    """The error says after how long, with a code of its own."""
    fact = _fact(_running(effects), TimedOut(1, 2.5, 2_500.0), effects)

    assert isinstance(fact, ev.StepRetrying)
    assert fact.error == RunError(
        code="tool_timed_out", message=f"{effects} did not answer within 2.5 s", step_number=1
    )


def test_an_unsafe_tool_that_timed_out_is_unknown() -> None:
    """Nobody knows whether it acted, and the event says so."""
    fact = _fact(_running("unsafe"), TimedOut(1, 2.5, 2_500.0), "unsafe")

    assert isinstance(fact, ev.StepUnknown)
    assert fact.reason == "unsafe did not answer within 2.5 s, and nobody knows whether it acted"


@pytest.mark.parametrize("effects", get_args(Effects))
def test_a_tool_that_was_cut_off_is_cancelled_or_unknown(effects: Effects) -> None:
    """Cut off, an unsafe tool is unknown; every other may be called again one day."""
    fact = _fact(_running(effects), Interrupted(1, "cut off", 3.0), effects)
    kind = ev.StepUnknown if effects == "unsafe" else ev.StepCancelled

    assert fact == kind(attempt=1, reason="cut off", duration_ms=3.0)


def test_an_output_that_is_too_large_is_a_failure() -> None:
    """The size is that of the output as JSON; at the limit it is still a result."""
    fits = Succeeded(1, "x" * 98, 5.0)
    outcome = bounded(fits._replace(output="x" * 99), 100)

    assert bounded(fits, 100) is fits
    assert isinstance(outcome, Failed) and not outcome.retryable
    assert outcome.error.code == "output_too_large"
    assert outcome.error.message == "the tool's output is 101 bytes, the limit is 100 (output_bytes_max)"


@pytest.mark.parametrize("effects", get_args(Effects))
def test_a_result_that_is_refused_leaves_an_unsafe_step_unknown(effects: Effects) -> None:
    """The tool has acted; what may be called twice has only failed."""
    fact = _fact(_running(effects), too_large(1, 12, 10, 5.0), effects)

    if effects == "unsafe":
        assert isinstance(fact, ev.StepUnknown)
        assert fact.reason == (
            "the tool's output is 12 bytes, the limit is 10 (output_bytes_max); "
            "it has acted, and only its result is refused"
        )
    else:
        assert isinstance(fact, ev.StepFailed) and fact.error.code == "output_too_large"


@pytest.mark.parametrize("effects", get_args(Effects))
def test_a_call_that_never_began_has_not_acted(effects: Effects) -> None:
    """Cut off while it waited for a thread or a process it is cancelled, whatever its effects."""
    fact = _fact(_running(effects), Interrupted(1, "cut off", 5.0, began=False), effects)

    assert isinstance(fact, ev.StepCancelled)


def test_a_call_that_is_put_back_is_due_at_once() -> None:
    """A server that leaves before the tool began hands it to the next one, without a doubt."""
    run = _running("unsafe")
    assert run.started_at_s is not None
    event = put_back(run, Interrupted(1, "cut off", 5.0, began=False), run.started_at_s)
    after = evolve(run, event)

    assert isinstance(event.fact, ev.StepRetrying)
    assert after.steps[0].retry_at_s == run.started_at_s and after.retrying
