"""How a call ended, and which event that makes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, assert_never

import msgspec

from runwright.core import events as ev
from runwright.core.events import Event, Fact, RunError
from runwright.core.state import Run, StepState
from runwright.core.tool import ToolSpec


class Succeeded(NamedTuple):
    step_number: int
    output: Any
    duration_ms: float


class Failed(NamedTuple):
    """The tool said no.

    retry_after_s   how long the tool asks to be left alone, if it says so
    doubt           what is known of its effect although there is no result: an `unsafe` tool for which
                    there is such a doubt is `unknown`, and never called again by itself
    """

    step_number: int
    error: RunError
    retryable: bool
    duration_ms: float
    retry_after_s: float | None = None
    doubt: str | None = None


class TimedOut(NamedTuple):
    step_number: int
    timeout_s: float
    duration_ms: float


class Interrupted(NamedTuple):
    """The tool was cut off because the run is being stopped.

    began   it was called; else it still waited for a thread or a process, and nothing has happened
    """

    step_number: int
    reason: str
    duration_ms: float
    began: bool = True


NOBODY_KNOWS = "nobody knows whether it acted"
HAS_ACTED = "it has acted, and only its result is refused"

Outcome: TypeAlias = Succeeded | Failed | TimedOut | Interrupted


def bounded(outcome: Succeeded, bytes_max: int) -> Succeeded | Failed:
    """Return the outcome, or the failure that it is when its output is larger than `bytes_max` as JSON."""
    size = len(msgspec.json.encode(outcome.output))
    if size <= bytes_max:
        return outcome
    return too_large(outcome.step_number, size, bytes_max, outcome.duration_ms)


def too_large(step_number: int, size: int, bytes_max: int, duration_ms: float) -> Failed:
    """Return the failure of a call whose output is `size` bytes as JSON."""
    message = f"the tool's output is {size} bytes, the limit is {bytes_max} (output_bytes_max)"
    error = RunError(code="output_too_large", message=message, step_number=step_number)
    return Failed(step_number, error, False, duration_ms, doubt=HAS_ACTED)


def event_of(run: Run, outcome: Outcome, spec: ToolSpec, now_s: float, jitter_unit: float) -> Event:
    """Return the event that records an outcome.

    jitter_unit   uniform sample in [0, 1), drawn outside so that this stays pure
    """
    state = run.steps[outcome.step_number - 1]
    fact = _fact(run, state, outcome, spec, now_s, jitter_unit)
    return Event(run.seq + 1, now_s, fact, outcome.step_number)


def put_back(run: Run, outcome: Interrupted, now_s: float) -> Event:
    """Return the event of a call that never began because the server ends: the next one begins it."""
    number, message = outcome.step_number, f"{outcome.reason}, before the tool began"
    error = RunError(code="tool_failed", message=message, step_number=number)
    attempt, duration_ms = run.steps[number - 1].attempts, outcome.duration_ms
    fact = ev.StepRetrying(attempt=attempt, error=error, retry_at_s=now_s, duration_ms=duration_ms)
    return Event(run.seq + 1, now_s, fact, number)


def _fact(
    run: Run, state: StepState, outcome: Outcome, spec: ToolSpec, now_s: float, jitter_unit: float
) -> Fact:
    attempt, duration_ms = state.attempts, outcome.duration_ms
    match outcome:
        case Succeeded():
            return ev.StepSucceeded(attempt=attempt, output=outcome.output, duration_ms=duration_ms)
        case Interrupted():
            stopped = ev.StepUnknown if spec.effects == "unsafe" and outcome.began else ev.StepCancelled
            return stopped(attempt=attempt, reason=outcome.reason, duration_ms=duration_ms)
        case TimedOut():
            message = f"{spec.name} did not answer within {outcome.timeout_s:g} s"
            if spec.effects == "unsafe":
                reason = f"{message}, and {NOBODY_KNOWS}"
                return ev.StepUnknown(attempt=attempt, reason=reason, duration_ms=duration_ms)
            error = RunError(code="tool_timed_out", message=message, step_number=state.step_number)
            outcome = Failed(state.step_number, error, True, duration_ms)
        case Failed():
            if outcome.doubt and spec.effects == "unsafe":
                reason = f"{outcome.error.message}; {outcome.doubt}"
                return ev.StepUnknown(attempt=attempt, reason=reason, duration_ms=duration_ms)
        case _:
            assert_never(outcome)
    retry_at_s = _retry_at_s(run, state, outcome, spec, now_s, jitter_unit)
    if retry_at_s is None:
        return ev.StepFailed(attempt=attempt, error=outcome.error, duration_ms=duration_ms)
    return ev.StepRetrying(
        attempt=attempt, error=outcome.error, retry_at_s=retry_at_s, duration_ms=duration_ms
    )


def _retry_at_s(
    run: Run, state: StepState, failed: Failed, spec: ToolSpec, now_s: float, jitter_unit: float
) -> float | None:
    """When to try again; None when this was the last attempt."""
    if not failed.retryable or spec.effects == "unsafe" or state.tries >= spec.retry.attempts_max:
        return None
    if run.cancelling or run.failed_step is not None:
        return None
    delay_s = max(spec.retry.delay_s(state.tries, jitter_unit), failed.retry_after_s or 0.0)
    retry_at_s = round(now_s + delay_s, 3)
    return retry_at_s if retry_at_s < run.deadline_at_s else None
