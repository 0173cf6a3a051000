"""The life of a run: which event is legal when, and the fold that makes a run of its events.

`evolve` takes a run and the next event and returns the run after it; an event that the run's state does
not allow raises `IllegalTransition` and changes nothing, because nothing here changes: every value is
frozen. `RUN_TABLE[status]` lists the events that a run in this status may see, and the status that
follows; a missing key is the refusal. `step_changes.STEP_TABLE` does the same for one step. What a table
cannot say (attempt numbers, hashes, what is still in flight) is refused by the function of the event, in
`run_changes`, `step_changes` and, for steps that start before their plan is accepted, `early_changes`.
"""

from __future__ import annotations

from collections.abc import Iterable

from runwright.core import events as ev
from runwright.core.early_changes import EARLY_CHANGES
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event
from runwright.core.ids import RunId, Tenant
from runwright.core.run_changes import RUN_CHANGES
from runwright.core.state import Change, Run, RunStatus
from runwright.core.step_changes import STEP_CHANGES

RUN_TABLE: dict[RunStatus, dict[type[ev.Fact], RunStatus]] = {
    "pending": {
        ev.PlanStarted: "planning",
        ev.RunCancelling: "pending",
        ev.RunCancelled: "cancelled",
        ev.RunFailed: "failed",
    },
    "planning": {
        ev.PlanStarted: "planning",
        ev.PlanStepProposed: "planning",
        ev.PlanModelCalled: "planning",
        ev.PlanAccepted: "planning",
        ev.PlanRefused: "planning",
        ev.StepStarted: "planning",
        ev.StepSucceeded: "planning",
        ev.StepCancelled: "planning",
        ev.RunAwaitingApproval: "awaiting_approval",
        ev.RunStarted: "running",
        ev.RunCancelling: "planning",
        ev.RunCancelled: "cancelled",
        ev.RunFailed: "failed",
    },
    "awaiting_approval": {
        ev.RunApproved: "awaiting_approval",
        ev.RunRejected: "awaiting_approval",
        ev.RunStarted: "running",
        ev.RunCancelling: "awaiting_approval",
        ev.RunCancelled: "cancelled",
        ev.RunFailed: "failed",
    },
    "running": {
        ev.StepStarted: "running",
        ev.StepRetrying: "running",
        ev.StepSucceeded: "running",
        ev.StepFailed: "running",
        ev.StepSkipped: "running",
        ev.StepCancelled: "running",
        ev.StepUnknown: "running",
        ev.RunCancelling: "running",
        ev.RunCompleted: "completed",
        ev.RunFailed: "failed",
        ev.RunCancelled: "cancelled",
    },
    "failed": {ev.RunRestarted: "running"},
    "completed": {},
    "cancelled": {},
}

_CHANGES: dict[type[ev.Fact], Change] = {**RUN_CHANGES, **STEP_CHANGES}
_CHANGES_WHILE_PLANNING: dict[type[ev.Fact], Change] = {**RUN_CHANGES, **EARLY_CHANGES}


def fold(run_id: RunId, events: Iterable[Event], run: Run | None = None) -> Run:
    """Return the run that a journal tells of, from its first event or on from a known run.

    Raises   IllegalTransition when the events are not the story of one run
    """
    for event in events:
        run = created(run_id, event) if run is None else evolve(run, event)
    if run is None:
        raise IllegalTransition("a run begins with run.created")
    return run


def created(run_id: RunId, event: Event) -> Run:
    """Return the run that begins with this event.

    Raises   IllegalTransition when it is not a first `run.created`
    """
    fact = event.fact
    if not isinstance(fact, ev.RunCreated) or event.seq != 1 or event.step_number is not None:
        raise IllegalTransition("a run begins with run.created as its event 1")
    return Run(
        run_id=run_id,
        tenant=Tenant(fact.tenant),
        seq=1,
        status="pending",
        created=fact,
        created_at_s=event.at_s,
        deadline_at_s=event.at_s + fact.deadline_s,
    )


def evolve(run: Run, event: Event) -> Run:
    """Return the run after the event.

    Raises   IllegalTransition when the run's state does not allow the event; nothing has changed then
    """
    kind = type(event.fact)
    status = RUN_TABLE[run.status].get(kind)
    if status is None:
        raise IllegalTransition(f"{event.fact.type} is not possible while the run is {run.status}")
    if event.seq != run.seq + 1:
        raise IllegalTransition(f"event {event.seq} cannot follow event {run.seq}")
    changes = _CHANGES_WHILE_PLANNING if run.status == "planning" else _CHANGES
    return changes[kind](run, event, event.fact, status)
