"""What happens next in a run: all control flow of the engine, as one pure function.

`decide` looks at a run and the clock and returns a `Turn`: the events to record, in order, and the
commands to carry out once they are recorded. It is called after every outcome, every control event and
every timer, and it never assumes which of them it was. No clock, no randomness, no I/O: a crash between
any two turns is survived by calling it again on the fold of the journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from runwright.core import conditions, refs
from runwright.core import events as ev
from runwright.core.control import retries_given_up
from runwright.core.early import discard_all, discard_uncounted, start_early
from runwright.core.errors import RunwrightError
from runwright.core.events import Event, RunError
from runwright.core.plan import Step
from runwright.core.policy import Limits
from runwright.core.state import Run
from runwright.core.tool import Toolbox, ToolContract
from runwright.core.turn import CallTool, Draft, InterruptPlanning, InterruptStep, MakePlan, Turn


def decide(
    run: Run,
    now_s: float,
    tools: Toolbox,
    limits: Limits,
    run_bytes: int = 0,
    news: Iterable[Event] = (),
) -> Turn:
    """Return what to record and to do now; nothing at all when the run has to wait or is over.

    run_bytes   size of the run's journal so far
    news        events that led to `run` and are not recorded yet: they go first
    """
    draft = Draft(run, now_s, tools, limits, news)
    go_on(draft, run_bytes)
    return draft.turn()


def go_on(draft: Draft, run_bytes: int) -> None:
    """Add to a turn what follows from its run as it is now."""
    if draft.run.is_over:
        return
    stop = _reason_to_stop(draft.run, draft.now_s, draft.limits, run_bytes)
    if stop is not None:
        _stop(draft, stop)
        return
    if draft.run.status == "pending":
        draft.record(ev.PlanStarted())
        draft.commands.append(MakePlan())
    if draft.run.status in ("planning", "awaiting_approval"):
        _begin(draft)
    if draft.run.status == "running":
        _advance(draft)


def _reason_to_stop(run: Run, now_s: float, limits: Limits, run_bytes: int) -> RunError | None:
    """Why no new work may start, if so; the first reason in this order counts."""
    if run.cancelling:
        return RunError(code="cancelled", message="the run was cancelled")
    if run.rejected:
        return RunError(code="rejected", message="the plan was rejected")
    if run.failed_step is not None:
        state = run.steps[run.failed_step - 1]
        assert state.error is not None
        return msgspec.structs.replace(state.error, step_number=run.failed_step)
    if run.refusal is not None:
        return run.refusal
    if run_bytes > limits.run_bytes_max or run.seq > limits.events_max:
        return RunError(
            code="run_too_large",
            message=f"the run has {run.seq} events of {run_bytes} bytes in all; "
            f"the limits are {limits.events_max} events and {limits.run_bytes_max} bytes",
        )
    if now_s >= run.deadline_at_s and run.status != "awaiting_approval":
        return RunError(code="deadline_exceeded", message=_late(run))
    return None


def _late(run: Run) -> str:
    return f"the run did not end within its deadline of {run.created.deadline_s:g} s"


def _stop(draft: Draft, why: RunError) -> None:
    """End the run: at once when no tool is at work, else once what is at work has ended.

    After the failure of one step the others may finish; everything else cuts them off. A planner changes
    nothing, so nobody waits for it.
    """
    if draft.run.planning:
        draft.commands.append(InterruptPlanning())
    discard_all(draft, "the run does not go on")
    run = draft.run
    if run.running:
        late = draft.now_s >= run.deadline_at_s
        if run.cancelling or run.failed_step is None or late:
            reason = why.message if run.cancelling or run.failed_step is None else _late(run)
            draft.commands.extend(InterruptStep(number, reason) for number in run.running)
        return
    for fact, number in retries_given_up(run):
        draft.record(fact, number)
    if run.cancelling or run.rejected:
        draft.record(ev.RunCancelled(error=why))
    else:
        draft.record(ev.RunFailed(error=why))


def _begin(draft: Draft) -> None:
    """Take a run from its plan to its first steps, past the approval if there is to be one."""
    run = draft.run
    if run.plan is None:
        if not run.planning:  # a restart of a run that never had a plan
            draft.record(ev.PlanStarted())
            draft.commands.append(MakePlan())
        else:
            start_early(draft)
    elif run.created.approval == "auto" or run.approved:
        discard_uncounted(draft)
        draft.record(ev.RunStarted())
    elif run.status == "planning":
        draft.record(ev.RunAwaitingApproval(plan_hash=run.plan.plan_hash))


def _advance(draft: Draft) -> None:
    """Start every step whose inputs exist and every retry that is due; complete a run with none left."""
    while draft.run.ready and _may_start(draft):
        _take_up(draft, draft.run.ready[0])
    for number in draft.run.retrying:
        if not _may_start(draft):
            break
        retry_at_s = draft.run.steps[number - 1].retry_at_s
        if retry_at_s is not None and retry_at_s <= draft.now_s:
            _take_up(draft, number)
    if draft.run.left == 0:
        draft.record(ev.RunCompleted())
    elif draft.run.failed_step is not None and not draft.run.running:
        why = _reason_to_stop(draft.run, draft.now_s, draft.limits, 0)
        assert why is not None
        _stop(draft, why)


def _may_start(draft: Draft) -> bool:
    return draft.run.failed_step is None and len(draft.run.running) < draft.limits.steps_at_once_max


def _take_up(draft: Draft, number: int) -> None:
    """Start a step that waits for nothing any more, or skip it, or find that it cannot start."""
    run = draft.run
    assert run.graph is not None
    step = run.graph.steps[number - 1]
    if needed := run.graph.references[number - 1]:
        skipped = [n for n in needed if run.steps[n - 1].status == "skipped"]
        if skipped:
            reason = f"it needs the output of step {min(skipped)}, which was skipped"
            draft.record(ev.StepSkipped(reason=reason), number)
            return
    if step.when is not None and not run.steps[number - 1].attempts:
        try:
            holds = conditions.holds(step.when, run.inputs_of(number))
        except RunwrightError as error:
            _fail(draft, number, error)
            return
        if not holds:
            draft.record(ev.StepSkipped(reason="its condition is false"), number)
            return
    start(draft, step)


def start(draft: Draft, step: Step, *, after_crash: bool = False) -> None:
    number, graph = step.step_number, draft.run.graph
    assert graph is not None
    contract = draft.tools.find(step.tool_name, step.tool_version)
    attempts = draft.run.steps[number - 1].attempts
    if contract is None:
        draft.record(ev.StepFailed(attempt=attempts, error=not_loaded(step)), number)
        return
    tool_input = step.tool_input
    if not graph.is_literal[number - 1]:
        try:
            tool_input = _resolved(draft, step, contract)
        except RunwrightError as error:
            _fail(draft, number, error)
            return
    draft.record(
        ev.StepStarted(
            attempt=attempts + 1,
            tool_name=step.tool_name,
            tool_version=contract.spec.version,
            tool_input=None if tool_input is step.tool_input else tool_input,
            after_crash=after_crash,
        ),
        number,
    )
    draft.commands.append(CallTool(number, attempts + 1, tool_input, contract))


def _resolved(draft: Draft, step: Step, contract: ToolContract) -> dict[str, Any]:
    """The step's input with values for references; they must fit what the tool asks for."""
    schema, inputs = contract.spec.input_schema, draft.run.inputs_of(step.step_number)
    tool_input: dict[str, Any] = refs.render(step.tool_input, schema, inputs)
    size = len(msgspec.json.encode(tool_input))
    if size > draft.limits.input_bytes_max:
        raise RunwrightError(
            f"the input of {step.tool_name} is {size} bytes, the limit is {draft.limits.input_bytes_max}"
        )
    if faults := contract.input_faults(tool_input):
        where = refs.pointer(faults[0].path) or "/"
        raise RunwrightError(f"the input of {step.tool_name} does not fit at {where}: {faults[0].message}")
    return tool_input


def _fail(draft: Draft, number: int, error: RunwrightError) -> None:
    attempts = draft.run.steps[number - 1].attempts
    why = RunError(code="tool_failed", message=error.message, step_number=number, hint=error.hint)
    draft.record(ev.StepFailed(attempt=attempts, error=why), number)


def not_loaded(step: Step) -> RunError:
    version = f" in version {step.tool_version}" if step.tool_version else ""
    return RunError(
        code="tool_failed",
        message=f"the tool {step.tool_name}{version} is not loaded here",
        step_number=step.step_number,
        hint="load it and restart the run",
    )
