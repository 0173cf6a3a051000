"""What each event of a run as a whole changes.

Each function returns the run after its event or raises `IllegalTransition`; which events a status allows
at all stands in `run.RUN_TABLE`.
"""

from __future__ import annotations

from msgspec.structs import replace

from runwright.core import events as ev
from runwright.core.early_changes import adopted, proposed, require_none_open, voided
from runwright.core.errors import IllegalTransition, Invalid
from runwright.core.events import Event, RunError
from runwright.core.graph import graph_of
from runwright.core.state import Change, Run, RunStatus, StepState, Usage, require


def _moved(run: Run, event: Event, status: RunStatus) -> Run:
    require(event.step_number is None, f"{event.fact.type} belongs to the run, not to a step")
    return replace(run, seq=event.seq, status=status)


def _plan_started(run: Run, event: Event, fact: ev.PlanStarted, status: RunStatus) -> Run:
    require(run.plan is None and run.refusal is None, "there is a plan already")
    require(not run.cancelling, "the run is being cancelled")
    require_none_open(run)
    return replace(voided(_moved(run, event, status)), planning=True, planning_since_s=event.at_s)


def _plan_step_proposed(run: Run, event: Event, fact: ev.PlanStepProposed, status: RunStatus) -> Run:
    require(run.planning, "no planner is at work")
    require(event.step_number == fact.step.step_number, "the event names another step")
    return proposed(replace(run, seq=event.seq), fact)


def _plan_model_called(run: Run, event: Event, fact: ev.PlanModelCalled, status: RunStatus) -> Run:
    require(run.planning, "no planner is at work")
    before = run.usage
    known = before.cost_usd is not None and fact.cost_usd is not None
    usage = Usage(
        prompt_tokens=before.prompt_tokens + (fact.prompt_tokens or 0),
        completion_tokens=before.completion_tokens + (fact.completion_tokens or 0),
        cost_usd=(before.cost_usd or 0.0) + (fact.cost_usd or 0.0) if known else None,
        llm_calls=before.llm_calls + 1,
    )
    run = replace(_moved(run, event, status), usage=usage)
    return voided(run) if fact.error is not None or fact.problems else run


def _plan_accepted(run: Run, event: Event, fact: ev.PlanAccepted, status: RunStatus) -> Run:
    require(run.planning, "no planner is at work")
    try:
        graph = graph_of(fact.plan.steps)
    except Invalid as error:
        raise IllegalTransition(f"the plan cannot be carried out: {error.message}") from error
    steps = tuple(
        StepState(step_number=n, waiting=len(before)) for n, before in enumerate(graph.before, start=1)
    )
    return replace(
        _moved(run, event, status),
        planning=False,
        plan=fact.plan,
        graph=graph,
        steps=steps,
        ready=tuple(s.step_number for s in steps if not s.waiting),
        left=len(steps),
    )


def _plan_refused(run: Run, event: Event, fact: ev.PlanRefused, status: RunStatus) -> Run:
    require(run.planning, "no planner is at work")
    return replace(_moved(run, event, status), planning=False, refusal=fact.error, problems=fact.problems)


def _run_awaiting_approval(run: Run, event: Event, fact: ev.RunAwaitingApproval, status: RunStatus) -> Run:
    require(run.plan is not None and fact.plan_hash == run.plan.plan_hash, "the hash is not the plan's")
    require(not run.cancelling, "the run is being cancelled")
    return replace(_moved(run, event, status), awaiting_since_s=event.at_s)


def _run_approved(run: Run, event: Event, fact: ev.RunApproved, status: RunStatus) -> Run:
    require(run.plan is not None and fact.plan_hash == run.plan.plan_hash, "the hash is not the plan's")
    require(not (run.approved or run.rejected or run.cancelling), "the approval is settled already")
    assert run.awaiting_since_s is not None
    waited_s = max(0.0, event.at_s - run.awaiting_since_s)
    return replace(_moved(run, event, status), approved=True, deadline_at_s=run.deadline_at_s + waited_s)


def _run_rejected(run: Run, event: Event, fact: ev.RunRejected, status: RunStatus) -> Run:
    require(run.plan is not None and fact.plan_hash == run.plan.plan_hash, "the hash is not the plan's")
    require(not (run.approved or run.rejected or run.cancelling), "the approval is settled already")
    return replace(_moved(run, event, status), rejected=True)


def _run_started(run: Run, event: Event, fact: ev.RunStarted, status: RunStatus) -> Run:
    require(run.plan is not None, "there is no accepted plan")
    require(run.approved or run.created.approval == "auto", "the plan was not approved")
    require(not (run.cancelling or run.rejected), "the run is being cancelled")
    return adopted(replace(_moved(run, event, status), started_at_s=event.at_s))


def _run_cancelling(run: Run, event: Event, fact: ev.RunCancelling, status: RunStatus) -> Run:
    return replace(_moved(run, event, status), cancelling=True)


def _over(run: Run, event: Event, status: RunStatus, error: RunError | None) -> Run:
    require(not run.running, "tools are still at work")
    require_none_open(run)
    run = voided(_moved(run, event, status))
    return replace(run, planning=False, error=error, completed_at_s=event.at_s)


def _run_completed(run: Run, event: Event, fact: ev.RunCompleted, status: RunStatus) -> Run:
    require(run.left == 0 and not run.cancelling, f"{run.left} steps are left")
    return _over(run, event, status, None)


def _run_failed(run: Run, event: Event, fact: ev.RunFailed, status: RunStatus) -> Run:
    require(not (run.cancelling or run.rejected), "the run is being cancelled")
    return _over(run, event, status, fact.error)


def _run_cancelled(run: Run, event: Event, fact: ev.RunCancelled, status: RunStatus) -> Run:
    require(run.cancelling or run.rejected, "nobody asked for it")
    return _over(run, event, status, fact.error)


def _run_restarted(run: Run, event: Event, fact: ev.RunRestarted, status: RunStatus) -> Run:
    unsettled = [
        s.step_number for s in run.steps if s.status == "unknown" and s.step_number not in fact.resolve
    ]
    shown = ", ".join(map(str, unsettled[:10]))
    require(not unsettled, f"nobody knows what became of step {shown}: name it in `resolve`")
    for number in fact.resolve:
        known = 1 <= number <= len(run.steps) and run.steps[number - 1].status == "unknown"
        require(known, f"step {number} is not unknown, so there is nothing to resolve")
    # a run that failed before it was started has its plan, or its approval, still to come
    fresh = replace(
        _moved(run, event, status if run.started_at_s is not None else "planning"),
        deadline_at_s=event.at_s + run.created.deadline_s,
        refusal=None,
        problems=(),
        error=None,
        failed_step=None,
        completed_at_s=None,
        retrying=(),
        restarts=run.restarts + 1,
        restarted_at_s=event.at_s,
    )
    return _from_checkpoint(fresh, fact)


def _from_checkpoint(run: Run, fact: ev.RunRestarted) -> Run:
    """The run with what has ended kept, and everything else ready to be tried again."""
    if run.graph is None:
        return run
    steps = tuple(_resumed(state, fact) for state in run.steps)
    over = {s.step_number for s in steps if s.status in ("succeeded", "skipped")}
    steps = tuple(
        replace(state, waiting=sum(n not in over for n in run.graph.before[state.step_number - 1]))
        for state in steps
    )
    failed = next((s.step_number for s in steps if s.status == "failed"), None)
    return replace(
        run,
        steps=steps,
        ready=tuple(s.step_number for s in steps if s.status == "pending" and not s.waiting),
        left=len(steps) - len(over),
        failed_step=failed,
    )


def _resumed(state: StepState, fact: ev.RunRestarted) -> StepState:
    if state.status == "unknown":
        number = state.step_number
        verdict = fact.resolve[number]
        if verdict == "succeeded":
            return replace(state, status="succeeded", error=None)
        if verdict == "failed":
            why = RunError(code="tool_failed", message="a person found that it failed", step_number=number)
            return replace(state, status="failed", error=why)
    if state.status in ("succeeded", "skipped"):
        return state
    return replace(state, status="pending", tries=0, crashes=0, retry_at_s=None)


RUN_CHANGES: dict[type[ev.Fact], Change] = {
    ev.PlanStarted: _plan_started,
    ev.PlanStepProposed: _plan_step_proposed,
    ev.PlanModelCalled: _plan_model_called,
    ev.PlanAccepted: _plan_accepted,
    ev.PlanRefused: _plan_refused,
    ev.RunAwaitingApproval: _run_awaiting_approval,
    ev.RunApproved: _run_approved,
    ev.RunRejected: _run_rejected,
    ev.RunStarted: _run_started,
    ev.RunCancelling: _run_cancelling,
    ev.RunRestarted: _run_restarted,
    ev.RunCompleted: _run_completed,
    ev.RunFailed: _run_failed,
    ev.RunCancelled: _run_cancelled,
}
