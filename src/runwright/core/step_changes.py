"""What each event of a step changes, and which may follow which.

`STEP_TABLE[status]` lists the events that a step in this status may see, and the status that follows; a
missing key is the refusal. Each function returns the run after its event or raises `IllegalTransition`.
"""

from __future__ import annotations

from msgspec.structs import replace

from runwright.core import events as ev
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event, RunError
from runwright.core.state import Change, Run, RunStatus, StepState, StepStatus, require

STEP_TABLE: dict[StepStatus, dict[type[ev.Fact], StepStatus]] = {
    "pending": {ev.StepStarted: "running", ev.StepSkipped: "skipped", ev.StepFailed: "failed"},
    "running": {
        ev.StepStarted: "running",
        ev.StepRetrying: "pending",
        ev.StepSucceeded: "succeeded",
        ev.StepFailed: "failed",
        ev.StepCancelled: "cancelled",
        ev.StepUnknown: "unknown",
    },
    "succeeded": {},
    "failed": {},
    "skipped": {},
    "cancelled": {},
    "unknown": {},
}


def _step(run: Run, event: Event) -> tuple[StepState, StepStatus]:
    """The step that the event is about, and the status that follows for it."""
    number = event.step_number
    if number is None or not 1 <= number <= len(run.steps):
        raise IllegalTransition(f"{event.fact.type} names no step of the plan")
    state = run.steps[number - 1]
    status = STEP_TABLE[state.status].get(type(event.fact))
    if status is None:
        raise IllegalTransition(f"{event.fact.type} is not possible while step {number} is {state.status}")
    return state, status


def _with(run: Run, state: StepState) -> tuple[StepState, ...]:
    at = state.step_number - 1
    return (*run.steps[:at], state, *run.steps[at + 1 :])


def _without(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    if number not in numbers:
        return numbers
    at = numbers.index(number)
    return numbers[:at] + numbers[at + 1 :]


def _same_attempt(state: StepState, attempt: int) -> None:
    if attempt != state.attempts:
        raise IllegalTransition(f"step {state.step_number} is at attempt {state.attempts}")


def _waits_for_nothing(state: StepState) -> None:
    if state.waiting:
        raise IllegalTransition(f"step {state.step_number} still waits for {state.waiting} others")


def _step_started(run: Run, event: Event, fact: ev.StepStarted, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    number = state.step_number
    require(not run.cancelling and run.failed_step is None, "no new step starts in this run")
    _waits_for_nothing(state)
    if fact.attempt != state.attempts + 1:
        raise IllegalTransition(f"the next attempt is {state.attempts + 1}")
    again = state.status == "running"
    require(fact.after_crash == again, "only a step that was cut off starts while it is running")
    return replace(
        run,
        seq=event.seq,
        ready=_without(run.ready, number),
        retrying=_without(run.retrying, number),
        running=run.running if again else (*run.running, number),
        steps=_with(
            run,
            replace(
                state,
                status=next_status,
                attempts=fact.attempt,
                tries=state.tries if again else state.tries + 1,
                crashes=state.crashes + again,
                retry_at_s=None,
                tool_input=fact.tool_input,
                started_at_s=event.at_s if state.started_at_s is None else state.started_at_s,
            ),
        ),
    )


def _step_retrying(run: Run, event: Event, fact: ev.StepRetrying, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _same_attempt(state, fact.attempt)
    return replace(
        run,
        seq=event.seq,
        running=_without(run.running, state.step_number),
        retrying=(*run.retrying, state.step_number),
        steps=_with(
            run,
            replace(
                state,
                status=next_status,
                retry_at_s=fact.retry_at_s,
                error=fact.error,
                duration_ms=fact.duration_ms,
            ),
        ),
    )


def _step_succeeded(run: Run, event: Event, fact: ev.StepSucceeded, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _same_attempt(state, fact.attempt)
    done = replace(state, status=next_status, output=fact.output, error=None, duration_ms=fact.duration_ms)
    return _ended(run, event, done)


def _step_skipped(run: Run, event: Event, fact: ev.StepSkipped, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _waits_for_nothing(state)
    require(not run.cancelling and run.failed_step is None, "no step is skipped in this run any more")
    require(not state.attempts, "the tool of a step that is skipped was called already")
    return _ended(run, event, replace(state, status=next_status))


def _ended(run: Run, event: Event, done: StepState) -> Run:
    """The run after a step that others may have waited for; only those are touched."""
    assert run.graph is not None
    number = done.step_number
    steps, ready = _with(run, done), _without(run.ready, number)
    if behind := run.graph.behind[number - 1]:
        changed = list(steps)
        for later in behind:
            state = changed[later - 1]
            changed[later - 1] = replace(state, waiting=state.waiting - 1)
            if state.waiting == 1 and state.status == "pending":
                ready = (*ready, later)
        steps = tuple(changed)
    return replace(
        run,
        seq=event.seq,
        steps=steps,
        ready=ready,
        running=_without(run.running, number),
        left=run.left - 1,
    )


def _stopped(run: Run, event: Event, state: StepState, *, failed: bool) -> Run:
    """The run after a step that did not succeed; the first that failed is the one that counts."""
    number = state.step_number
    first = number if failed and run.failed_step is None else run.failed_step
    return replace(
        run,
        seq=event.seq,
        steps=_with(run, state),
        ready=_without(run.ready, number),
        running=_without(run.running, number),
        retrying=_without(run.retrying, number),
        failed_step=first,
    )


def _step_failed(run: Run, event: Event, fact: ev.StepFailed, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _same_attempt(state, fact.attempt)
    _waits_for_nothing(state)
    state = replace(
        state, status=next_status, error=fact.error, retry_at_s=None, duration_ms=fact.duration_ms
    )
    return _stopped(run, event, state, failed=True)


def _step_cancelled(run: Run, event: Event, fact: ev.StepCancelled, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _same_attempt(state, fact.attempt)
    error = RunError(code="cancelled", message=fact.reason, step_number=state.step_number)
    state = replace(state, status=next_status, error=error, duration_ms=fact.duration_ms)
    return _stopped(run, event, state, failed=False)


def _step_unknown(run: Run, event: Event, fact: ev.StepUnknown, status: RunStatus) -> Run:
    state, next_status = _step(run, event)
    _same_attempt(state, fact.attempt)
    error = RunError(code="outcome_unknown", message=fact.reason, step_number=state.step_number)
    state = replace(state, status=next_status, error=error, duration_ms=fact.duration_ms)
    return _stopped(run, event, state, failed=True)


STEP_CHANGES: dict[type[ev.Fact], Change] = {
    ev.StepStarted: _step_started,
    ev.StepRetrying: _step_retrying,
    ev.StepSucceeded: _step_succeeded,
    ev.StepFailed: _step_failed,
    ev.StepSkipped: _step_skipped,
    ev.StepCancelled: _step_cancelled,
    ev.StepUnknown: _step_unknown,
}
