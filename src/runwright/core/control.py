"""What people may do to a run from outside: cancel, restart, approve, reject.

Each function returns the facts that the wish adds to the run's journal, and refuses in words for people
what the run's state does not allow. `evolve` has the last word all the same.
"""

from __future__ import annotations

from runwright.core import events as ev
from runwright.core.errors import Conflict, IllegalTransition
from runwright.core.events import Fact, Resolution, RunError
from runwright.core.state import Run


class RunNotFailed(Conflict):
    """Only a failed run can be restarted."""

    code = "run_not_failed"


def cancelled(run: Run) -> list[Fact]:
    """Return the facts of a cancellation; none when one is under way already.

    A run with no tool at work is over with it at once.
    Raises   IllegalTransition when the run is over
    """
    if run.is_over:
        raise IllegalTransition(f"the run is {run.status} already")
    if run.cancelling:
        return []
    end = ev.RunCancelled(error=RunError(code="cancelled", message="the run was cancelled"))
    return [ev.RunCancelling()] if run.running else [ev.RunCancelling(), end]


def restarted(run: Run, resolve: dict[int, Resolution]) -> list[Fact]:
    """Return the fact of a restart.

    resolve   verdicts on unknown steps, by step number
    Raises    RunNotFailed
    """
    if run.status != "failed":
        raise RunNotFailed(f"the run is {run.status}; only a failed run can be restarted")
    return [ev.RunRestarted(resolve=resolve)]


def approved(run: Run, plan_hash: str) -> list[Fact]:
    """Return the fact of an approval of exactly this plan.

    Raises   IllegalTransition when the run waits for no approval, or for another plan's
    """
    _require_waiting(run, plan_hash)
    return [ev.RunApproved(plan_hash=plan_hash)]


def rejected(run: Run, plan_hash: str) -> list[Fact]:
    """Return the facts of a rejection of exactly this plan; the run is over with them.

    Raises   as `approved`
    """
    _require_waiting(run, plan_hash)
    end = ev.RunCancelled(error=RunError(code="rejected", message="the plan was rejected"))
    return [ev.RunRejected(plan_hash=plan_hash), end]


def _require_waiting(run: Run, plan_hash: str) -> None:
    if run.status != "awaiting_approval" or run.approved:
        raise IllegalTransition(f"the run is {run.status}; it waits for no approval")
    if run.plan is None or plan_hash != run.plan.plan_hash:
        raise IllegalTransition("this is not the hash of the plan that waits; look at the plan again")
