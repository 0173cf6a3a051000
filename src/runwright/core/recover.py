"""How a run goes on whose process died."""

from __future__ import annotations

from runwright.core import events as ev
from runwright.core.control import retries_given_up
from runwright.core.decide import go_on, not_loaded, start
from runwright.core.early import discard, discard_all
from runwright.core.events import RunError
from runwright.core.policy import Limits
from runwright.core.state import Run, StepState
from runwright.core.tool import Toolbox
from runwright.core.turn import Draft, MakePlan, Turn


def recover(run: Run, now_s: float, tools: Toolbox, limits: Limits, run_bytes: int = 0) -> Turn:
    """Return how a run goes on whose process died: what was in flight is called again or settled.

    A tool that may be called twice is called again with the same key; an `unsafe` one becomes unknown.
    The rest of the turn is what `decide` makes of that: nothing that can start waits for what is repeated.

    run_bytes   size of the run's journal so far
    """
    draft = Draft(run, now_s, tools, limits)
    _recover_early(draft)
    if run.planning and not run.cancelling and now_s < run.deadline_at_s:
        draft.record(ev.PlanStarted())
        draft.commands.append(MakePlan())
    for number in run.running:
        _recover_step(draft, run.steps[number - 1])
    go_on(draft, run_bytes)
    return draft.turn()


def tools_lacking(run: Run, tools: Toolbox) -> list[str]:
    """Return the names of tools that a run needs to go on and that are not there."""
    if run.cancelling or run.rejected:
        return []
    draft = run.created.draft
    steps = run.graph.steps if run.graph is not None else draft.steps if draft is not None else ()
    over = {state.step_number for state in run.steps if state.status not in ("pending", "running")}
    needed = (step for step in steps if step.step_number not in over)
    return sorted({s.tool_name for s in needed if tools.find(s.tool_name, s.tool_version) is None})


def give_up(run: Run, now_s: float, tools: Toolbox, limits: Limits) -> Turn:
    """Return the end of a run that cannot be driven; what was in flight is settled, and nothing is called.

    A person can restart it, as any failed run.
    """
    draft = Draft(run, now_s, tools, limits)
    reason = "the run could not be driven any further, and the tool's answer was lost"
    for number in run.running:
        state = run.steps[number - 1]
        draft.record(_lost(draft, state, reason), number)
    discard_all(draft, "the run could not be driven any further")
    for given_up, at in retries_given_up(run):
        draft.record(given_up, at)
    if run.cancelling or run.rejected:
        code = "cancelled" if run.cancelling else "rejected"
        draft.record(ev.RunCancelled(error=RunError(code=code, message=f"the run was {code}")))
    else:
        message = "something went wrong inside Runwright whenever this run was taken up; its log says what"
        draft.record(ev.RunFailed(error=RunError(code="internal", message=message)))
    return draft.turn()


def _recover_early(draft: Draft) -> None:
    """Discard what was started for a plan that nobody writes any more, and calls that nobody hears."""
    run = draft.run
    lost = [known for known in run.early if run.plan is None or known.state.status == "running"]
    discard(draft, lost, "the process ended while its plan was being written")
    draft.commands.clear()  # the tools ended with their process


def _lost(draft: Draft, state: StepState, reason: str) -> ev.StepUnknown | ev.StepCancelled:
    """What becomes of a step whose tool is not called again."""
    assert draft.run.graph is not None
    step = draft.run.graph.steps[state.step_number - 1]
    contract = draft.tools.find(step.tool_name, step.tool_version)
    if contract is None or contract.spec.effects == "unsafe":
        return ev.StepUnknown(attempt=state.attempts, reason=f"{reason}; nobody knows whether it acted")
    return ev.StepCancelled(attempt=state.attempts, reason=reason)


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
