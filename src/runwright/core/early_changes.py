"""Steps that start while their plan is still being written: what their events change, and which count.

A step that may start early is known by the plan that it is proposed for. Its call is kept beside the run's
steps, because there are none yet. It counts when the run starts, if the accepted plan is the one it was
proposed for and has this very step, and if all that it depends on counts too. Everything else must have been
discarded by then: a `step.cancelled` says so.
"""

from __future__ import annotations

from msgspec.structs import replace

from runwright.core import events as ev
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event
from runwright.core.graph import Graph
from runwright.core.plan import Step
from runwright.core.state import Change, EarlyStep, Run, RunStatus, StepState, require


def proposed(run: Run, fact: ev.PlanStepProposed) -> Run:
    """Return the run with a proposal that may start early, if it is one."""
    if fact.plan_id is None or run.created.approval != "auto":
        return run
    if fact.plan_id != run.draft_id:
        run = replace(voided(run), draft_id=fact.plan_id)
    number = fact.step.step_number
    if any(known.plan_id == fact.plan_id and known.step.step_number == number for known in run.early):
        return run
    state = StepState(step_number=number, waiting=0)
    return replace(run, early=(*run.early, EarlyStep(plan_id=fact.plan_id, step=fact.step, state=state)))


def voided(run: Run) -> Run:
    """Return the run with no plan being written; of its steps those are left that have to be discarded."""
    if not run.early and run.draft_id is None:
        return run
    return replace(run, draft_id=None, early=tuple(known for known in run.early if known.is_open))


def require_none_open(run: Run) -> None:
    """Refuse what must not happen while early results are neither counted nor discarded.

    Raises   IllegalTransition
    """
    require(not any(known.is_open for known in run.early), "early results are not discarded")


def counting(run: Run) -> dict[int, StepState]:
    """Return the early calls that count for the accepted plan, by step number."""
    assert run.plan is not None
    assert run.graph is not None
    left = {known.step.step_number: known for known in run.early if known.is_open and is_of_plan(run, known)}
    counted: dict[int, StepState] = {}
    while found := [n for n in left if _has_inputs(run.graph, n, counted)]:
        counted.update((n, left.pop(n).state) for n in found)
    return counted


def is_of_plan(run: Run, known: EarlyStep) -> bool:
    """Whether the accepted plan is the one that a step was proposed for, and has this very step."""
    assert run.plan is not None
    assert run.graph is not None
    number = known.step.step_number
    if known.plan_id != run.plan.plan_id or not 1 <= number <= len(run.graph.steps):
        return False
    step = run.graph.steps[number - 1]
    return step.tool_version == known.tool_version and _plain(step) == _plain(known.step)


def adopted(run: Run) -> Run:
    """Return the run that starts, with the early calls that count as its own.

    Raises   IllegalTransition when there are others that were not discarded
    """
    if not run.early:
        return run
    assert run.graph is not None
    counted = counting(run)
    require(
        all(known.state is counted.get(known.step.step_number) for known in run.early if known.is_open),
        "early results are not discarded",
    )
    steps = list(run.steps)
    for known in run.early:
        number = known.step.step_number
        if known.is_open:
            steps[number - 1] = counted[number]
        elif known.state.attempts and is_of_plan(run, known):
            steps[number - 1] = replace(steps[number - 1], attempts=known.state.attempts)
    over = {number for number, state in counted.items() if state.status == "succeeded"}
    for number in over:
        for later in run.graph.behind[number - 1]:
            if later not in counted:
                steps[later - 1] = replace(steps[later - 1], waiting=steps[later - 1].waiting - 1)
    return replace(
        run,
        draft_id=None,
        early=(),
        steps=tuple(steps),
        ready=tuple(s.step_number for s in steps if s.status == "pending" and not s.waiting),
        running=tuple(s.step_number for s in steps if s.status == "running"),
        left=len(steps) - len(over),
    )


def _has_inputs(graph: Graph, number: int, counted: dict[int, StepState]) -> bool:
    before = graph.before[number - 1]
    return all(needed in counted and counted[needed].status == "succeeded" for needed in before)


def _plain(step: Step) -> Step:
    return replace(step, tool_version=None, reasoning=None)


def _open(run: Run, event: Event) -> EarlyStep:
    """The early call that the event is about."""
    for known in run.early:
        if known.is_open and known.step.step_number == event.step_number:
            return known
    raise IllegalTransition(f"{event.fact.type} names no step that was started early")


def _with(run: Run, event: Event, before: EarlyStep, after: EarlyStep) -> Run:
    early = tuple(after if known is before else known for known in run.early)
    return replace(run, seq=event.seq, early=early)


def _started(run: Run, event: Event, fact: ev.StepStarted, status: RunStatus) -> Run:
    number = event.step_number
    require(run.planning and not run.cancelling, "no step starts early in this run")
    require(fact.attempt == 1 and not fact.after_crash, "a step starts early once")
    same = [known for known in run.early if known.step.step_number == number]
    require(not any(known.is_open for known in same), f"step {number} was started early already")
    for known in same:
        if known.plan_id == run.draft_id and not known.state.attempts:
            state = replace(
                known.state,
                status="running",
                attempts=1,
                tries=1,
                tool_input=fact.tool_input,
                started_at_s=event.at_s,
            )
            return _with(run, event, known, replace(known, state=state, tool_version=fact.tool_version))
    raise IllegalTransition(f"step {number} is not proposed, or has been called already")


def _succeeded(run: Run, event: Event, fact: ev.StepSucceeded, status: RunStatus) -> Run:
    known = _open(run, event)
    require(known.state.status == "running" and fact.attempt == 1, "the step is not at work")
    state = replace(known.state, status="succeeded", output=fact.output, duration_ms=fact.duration_ms)
    return _with(run, event, known, replace(known, state=state))


def _cancelled(run: Run, event: Event, fact: ev.StepCancelled, status: RunStatus) -> Run:
    known = _open(run, event)
    require(fact.attempt == 1, "a step starts early once")
    state = replace(known.state, status="cancelled", output=None, duration_ms=fact.duration_ms)
    return _with(run, event, known, replace(known, state=state))


EARLY_CHANGES: dict[type[ev.Fact], Change] = {
    ev.StepStarted: _started,
    ev.StepSucceeded: _succeeded,
    ev.StepCancelled: _cancelled,
}
