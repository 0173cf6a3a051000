"""What people may do to a run from outside: cancel, restart, approve, reject.

Each function returns the facts that the wish adds to the run's journal, each with the step that it is
about, and refuses in words for people what the run's state does not allow. `evolve` has the last word all
the same.
"""

from __future__ import annotations

from typing import TypeAlias

from runwright.core import events as ev
from runwright.core.errors import Conflict, IllegalTransition
from runwright.core.events import Fact, Resolution, RunError
from runwright.core.state import Run

Wish: TypeAlias = list[tuple[Fact, int | None]]


class RunNotFailed(Conflict):
    """Only a failed run can be restarted."""

    code = "run_not_failed"


def cancelled(run: Run) -> Wish:
    """Return the facts of a cancellation; none when one is under way already, or the run is cancelled.

    A run with no tool at work is over with it at once; a step that waited for its next attempt has failed.
    Raises   IllegalTransition when the run is completed or failed
    """
    if run.status in ("completed", "failed"):
        raise IllegalTransition(f"the run is {run.status} already")
    if run.cancelling or run.is_over:
        return []
    wish: Wish = [(ev.RunCancelling(), None)]
    if not run.running:
        wish.extend(early_given_up(run))
        wish.extend(retries_given_up(run))
        end = ev.RunCancelled(error=RunError(code="cancelled", message="the run was cancelled"))
        wish.append((end, None))
    return wish


def early_given_up(run: Run) -> Wish:
    """Return how the steps end that were started before their plan was accepted: they do not count."""
    reason = "its early result does not count: the run does not go on"
    return [
        (ev.StepCancelled(attempt=known.state.attempts, reason=reason), known.step.step_number)
        for known in run.early
        if known.is_open
    ]


def retries_given_up(run: Run) -> Wish:
    """Return how the steps end that wait for an attempt which will not come: with their last error."""
    states = [run.steps[number - 1] for number in run.retrying]
    return [
        (ev.StepFailed(attempt=state.attempts, error=state.error), state.step_number)
        for state in states
        if state.error is not None
    ]


def restarted(run: Run, resolve: dict[int, Resolution]) -> Wish:
    """Return the fact of a restart.

    resolve   verdicts on unknown steps, by step number
    Raises    RunNotFailed
    """
    if run.status != "failed":
        raise RunNotFailed(f"the run is {run.status}; only a failed run can be restarted")
    return [(ev.RunRestarted(resolve=resolve), None)]


def approved(run: Run, plan_hash: str) -> Wish:
    """Return the fact of an approval of exactly this plan.

    Raises   IllegalTransition when the run waits for no approval, or for another plan's
    """
    _require_waiting(run, plan_hash)
    return [(ev.RunApproved(plan_hash=plan_hash), None)]


def rejected(run: Run, plan_hash: str) -> Wish:
    """Return the facts of a rejection of exactly this plan; the run is over with them.

    Raises   as `approved`
    """
    _require_waiting(run, plan_hash)
    end = ev.RunCancelled(error=RunError(code="rejected", message="the plan was rejected"))
    return [(ev.RunRejected(plan_hash=plan_hash), None), (end, None)]


def _require_waiting(run: Run, plan_hash: str) -> None:
    if run.status != "awaiting_approval" or run.approved:
        raise IllegalTransition(f"the run is {run.status}; it waits for no approval")
    if run.plan is None or plan_hash != run.plan.plan_hash:
        raise IllegalTransition("this is not the hash of the plan that waits; look at the plan again")
