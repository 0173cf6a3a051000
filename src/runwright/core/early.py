"""What is done early: pure steps of a plan that is still being written, and the end of what does not count.

Only a `pure` tool is called before its plan is accepted: it changes nothing, so that a call for nothing costs
time alone. Which steps may start at all is the planner's word: it says so by the plan that it proposes them
for. A step with a condition waits for its plan, and so does one whose input cannot be made.
"""

from __future__ import annotations

from typing import Any

import msgspec

from runwright.core import events as ev
from runwright.core import refs
from runwright.core.early_changes import counting
from runwright.core.errors import RunwrightError
from runwright.core.events import Event
from runwright.core.graph import references_of
from runwright.core.outcome import Interrupted, Outcome, Succeeded, TimedOut
from runwright.core.plan import Step
from runwright.core.state import EarlyStep, Run
from runwright.core.tool import ToolContract
from runwright.core.turn import CallTool, Draft, ForgetStep


def start_early(draft: Draft) -> None:
    """Discard what is of a plan that is written no more, and start each pure step whose inputs exist."""
    if not draft.run.early:
        return
    stale = [known for known in draft.run.early if known.plan_id != draft.run.draft_id]
    discard(draft, stale, "the plan that it was started for is made again")
    at_work = sum(known.state.status == "running" for known in draft.run.early)
    for known in draft.run.early:
        if at_work < draft.limits.steps_at_once_max and _is_waiting(draft.run, known):
            at_work += _started(draft, known.step)


def discard_uncounted(draft: Draft) -> None:
    """Discard the early results that the accepted plan has no use for."""
    if draft.run.early:
        counted = counting(draft.run)
        others = [known for known in draft.run.early if known.step.step_number not in counted]
        discard(draft, others, "the accepted plan has another step in its place")


def discard_all(draft: Draft, why: str) -> None:
    """Discard every early result."""
    discard(draft, list(draft.run.early), why)


def discard(draft: Draft, early: list[EarlyStep], why: str) -> None:
    """Record that early calls do not count, and let go of the tools that are at work for them."""
    for known in early:
        if known.is_open:
            number = known.step.step_number
            fact = ev.StepCancelled(
                attempt=known.state.attempts, reason=f"its early result does not count: {why}"
            )
            draft.record(fact, number)
            if known.state.status == "running":
                draft.commands.append(ForgetStep(number))


def event_of_early(run: Run, outcome: Outcome, now_s: float) -> Event | None:
    """Return the event that records how an early call ended; None when nobody waits for it.

    Only a result is of use. A step that did not succeed starts once more when its plan is accepted.
    """
    number = outcome.step_number
    at_work = any(
        known.step.step_number == number and known.state.status == "running" and known.plan_id == run.draft_id
        for known in run.early
    )
    if not at_work:
        return None
    if isinstance(outcome, Succeeded):
        fact: ev.Fact = ev.StepSucceeded(attempt=1, output=outcome.output, duration_ms=outcome.duration_ms)
        return Event(run.seq + 1, now_s, fact, number)
    if isinstance(outcome, Interrupted):
        why = outcome.reason
    elif isinstance(outcome, TimedOut):
        why = f"no answer within {outcome.timeout_s:g} s"
    else:
        why = outcome.error.message
    reason = f"it did not succeed before its plan was accepted, and starts again with it: {why}"
    fact = ev.StepCancelled(attempt=1, reason=reason, duration_ms=outcome.duration_ms)
    return Event(run.seq + 1, now_s, fact, number)


def _is_waiting(run: Run, known: EarlyStep) -> bool:
    return known.plan_id == run.draft_id and not known.state.attempts and known.step.when is None


def _started(draft: Draft, step: Step) -> bool:
    contract = draft.tools.find(step.tool_name, step.tool_version)
    if contract is None or contract.spec.effects != "pure":
        return False
    tool_input = _input(draft, step, contract)
    if tool_input is None:
        return False
    draft.record(
        ev.StepStarted(
            attempt=1,
            tool_name=step.tool_name,
            tool_version=contract.spec.version,
            tool_input=None if tool_input is step.tool_input else tool_input,
        ),
        step.step_number,
    )
    draft.commands.append(CallTool(step.step_number, 1, tool_input, contract))
    return True


def _input(draft: Draft, step: Step, contract: ToolContract) -> dict[str, Any] | None:
    """The step's input with values for references; None while there is none, or none that fits."""
    run = draft.run
    outputs = {
        known.step.step_number: known.state.output
        for known in run.early
        if known.state.status == "succeeded" and known.plan_id == run.draft_id
    }
    try:
        if not references_of(step).union(step.depends_on) <= outputs.keys():
            return None
        if not refs.is_marked(step.tool_input):
            return step.tool_input
        made: dict[str, Any] = refs.render(step.tool_input, contract.spec.input_schema, outputs)
    except RunwrightError:
        return None
    if len(msgspec.json.encode(made)) > draft.limits.input_bytes_max or contract.input_faults(made):
        return None
    return made
