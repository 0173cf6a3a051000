"""How a run goes on whose process died."""

from __future__ import annotations

from runwright.core import events as ev
from runwright.core.decide import Draft, MakePlan, Turn, go_on, not_loaded, start
from runwright.core.events import RunError
from runwright.core.policy import Limits
from runwright.core.state import Run, StepState
from runwright.core.tool import Toolbox


def recover(run: Run, now_s: float, tools: Toolbox, limits: Limits, run_bytes: int = 0) -> Turn:
    """Return how a run goes on whose process died: what was in flight is called again or settled.

    A tool that may be called twice is called again with the same key; an `unsafe` one becomes unknown.
    The rest of the turn is what `decide` makes of that: nothing that can start waits for what is repeated.

    run_bytes   size of the run's journal so far
    """
    draft = Draft(run, now_s, tools, limits)
    if run.planning and not run.cancelling and now_s < run.deadline_at_s:
        draft.record(ev.PlanStarted())
        draft.commands.append(MakePlan())
    for number in run.running:
        _recover_step(draft, run.steps[number - 1])
    go_on(draft, run_bytes)
    return draft.turn()


def _recover_step(draft: Draft, state: StepState) -> None:
    run, number, attempt = draft.run, state.step_number, state.attempts
    assert run.graph is not None
    step = run.graph.steps[number - 1]
    contract = draft.tools.find(step.tool_name, step.tool_version)
    if contract is None:  # its effects are not known either: called blind, it might act a second time
        reason = f"the process ended while the tool was at work, and {not_loaded(step).message}"
        draft.record(ev.StepUnknown(attempt=attempt, reason=reason), number)
    elif contract.spec.effects == "unsafe":
        reason = "the process ended while the tool was at work, and nobody knows whether it acted"
        draft.record(ev.StepUnknown(attempt=attempt, reason=reason), number)
    elif run.cancelling or run.failed_step is not None or draft.now_s >= run.deadline_at_s:
        reason = "the process ended while the tool was at work, and the run does not go on"
        draft.record(ev.StepCancelled(attempt=attempt, reason=reason), number)
    elif state.crashes >= draft.limits.crashes_max:
        message = f"the process ended {state.crashes + 1} times while the tool was at work"
        error = RunError(code="tool_failed", message=message, step_number=number)
        draft.record(ev.StepFailed(attempt=attempt, error=error), number)
    else:
        start(draft, step, after_crash=True)
