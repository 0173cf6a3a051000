"""What operators are told of runs, derived from the journal's events and from nothing else.

Every event is observed once, after it is durable, by the process that has recorded it. So metrics, traces
and logs cannot tell another story than the journal; what a process did not live to tell is missing in them.
Sinks record what they are told and decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from runwright.core import events as ev
from runwright.core.events import Event
from runwright.core.state import Run, RunStatus

UNKNOWN = "unknown"  # a tool that was called for a plan that is forgotten
AttemptStatus = Literal["succeeded", "failed", "retrying", "skipped", "cancelled", "unknown"]

_STATUSES: dict[type[ev.Fact], RunStatus] = {
    ev.RunCreated: "pending",
    ev.PlanStarted: "planning",
    ev.RunAwaitingApproval: "awaiting_approval",
    ev.RunStarted: "running",
    ev.RunRestarted: "running",
    ev.RunCompleted: "completed",
    ev.RunFailed: "failed",
    ev.RunCancelled: "cancelled",
}


class Reached(NamedTuple):
    """A run has come to a status.

    waited_s  of a run that is begun: since its creation
    lasted_s  of a run that is over: since its creation
    code      why a run failed or was cancelled
    """

    status: RunStatus
    at_s: float
    waited_s: float | None = None
    lasted_s: float | None = None
    code: str | None = None
    restarted: bool = False


class Planned(NamedTuple):
    """A planner has come to an end; `source` is None when there is no plan, and `code` says why."""

    source: str | None
    code: str | None
    began_at_s: float
    at_s: float


class ModelAsked(NamedTuple):
    """A language model was asked."""

    called: ev.PlanModelCalled
    at_s: float


class Appended(NamedTuple):
    """Events of a run were made durable, in one append."""

    events: int
    began_at_s: float
    duration_s: float


class StepBegun(NamedTuple):
    """The intent to call a tool is on record."""

    step_number: int
    tool: str
    attempt: int
    after_crash: bool
    at_s: float


class Attempted(NamedTuple):
    """An attempt of a step, or the step without one, has ended.

    plan_id      of the plan that the step was called for, accepted or not
    attempt      0: the tool was never called
    duration_ms  None where no tool was called
    """

    step_number: int
    plan_id: str
    tool: str
    status: AttemptStatus
    attempt: int
    at_s: float
    duration_ms: float | None
    code: str | None


Observation: TypeAlias = Reached | Planned | ModelAsked | Appended | StepBegun | Attempted
Sink: TypeAlias = Callable[[Run, Observation], None]
Observe: TypeAlias = Callable[[Run, Sequence[Event], float], None]

_OF_STEPS = frozenset(fact for name, fact in ev.FACTS.items() if name.startswith("step."))


def observer(
    of_runs: Iterable[Sink],
    of_steps: Iterable[Sink],
    of_traces: Iterable[Sink] = (),
    *,
    begins: bool = True,
) -> Observe:
    """Return what tells sinks of events that are durable, with the run as it is behind them.

    It is called with the time in seconds that it took to make the events durable.

    of_steps     those that want to hear of every attempt of every step, too
    of_traces    those that want to hear of everything, of every append too, in runs whose trace is kept
    begins       tell of attempts that begin, too; of those behind a crash it is told in any case
    """
    told, told_of_steps, told_of_traces = tuple(of_runs), tuple(of_steps), tuple(of_traces)
    kept, kept_of_steps = told + told_of_traces, told_of_steps + told_of_traces

    def observe(run: Run, events: Sequence[Event], duration_s: float) -> None:
        of_runs, of_steps = told, told_of_steps
        if told_of_traces and (trace := run.trace) is not None and trace.sampled:
            of_runs, of_steps = kept, kept_of_steps
            for sink in told_of_traces:
                sink(run, Appended(len(events), events[0].at_s, duration_s))
        for event in events:
            fact = event.fact
            if type(fact) is ev.StepStarted and not (begins or fact.after_crash):
                continue
            sinks = of_steps if type(fact) in _OF_STEPS else of_runs
            if sinks and (observation := observed(run, event)) is not None:
                for sink in sinks:
                    sink(run, observation)

    return observe


def nobody(run: Run, events: Sequence[Event], duration_s: float) -> None:
    """Tell nobody."""


def observed(run: Run, event: Event) -> Observation | None:
    """Return what an event means to operators; None where it means nothing to them.

    run   as it is behind this event, or behind later ones
    """
    fact, number, at_s = event.fact, event.step_number, event.at_s
    status = _STATUSES.get(type(fact))
    if status is not None:
        return _reached(run, fact, status, at_s)
    match fact:
        case ev.StepStarted():
            assert number is not None
            return StepBegun(number, fact.tool_name, fact.attempt, fact.after_crash, at_s)
        case ev.StepSucceeded():
            return _attempted(run, event, "succeeded", fact.attempt, fact.duration_ms)
        case ev.StepRetrying():
            return _attempted(run, event, "retrying", fact.attempt, fact.duration_ms, fact.error.code)
        case ev.StepFailed():
            return _attempted(run, event, "failed", fact.attempt, fact.duration_ms, fact.error.code)
        case ev.StepCancelled():
            return _attempted(run, event, "cancelled", fact.attempt, fact.duration_ms)
        case ev.StepUnknown():
            return _attempted(run, event, "unknown", fact.attempt, fact.duration_ms)
        case ev.StepSkipped():
            return _attempted(run, event, "skipped", 0, 0.0)
        case ev.PlanModelCalled():
            return ModelAsked(fact, at_s)
        case ev.PlanAccepted():
            return Planned(fact.plan.source, None, _planning_since_s(run, at_s), at_s)
        case ev.PlanRefused():
            return Planned(None, fact.error.code, _planning_since_s(run, at_s), at_s)
        case _:
            return None


def _reached(run: Run, fact: ev.Fact, status: RunStatus, at_s: float) -> Reached:
    age_s = max(0.0, at_s - run.created_at_s)
    match fact:
        case ev.PlanStarted():
            return Reached(status, at_s, waited_s=age_s)
        case ev.RunRestarted():
            # a run that failed before it was started has its plan still to come
            return Reached("planning" if run.started_at_s is None else status, at_s, restarted=True)
        case ev.RunCompleted():
            return Reached(status, at_s, lasted_s=age_s)
        case ev.RunFailed() | ev.RunCancelled():
            return Reached(status, at_s, lasted_s=age_s, code=fact.error.code)
        case _:
            return Reached(status, at_s)


def _attempted(
    run: Run,
    event: Event,
    status: AttemptStatus,
    attempt: int,
    duration_ms: float,
    code: str | None = None,
) -> Attempted:
    assert event.step_number is not None
    plan_id, tool = _called(run, event.step_number)
    lasted_ms = duration_ms if attempt else None
    return Attempted(event.step_number, plan_id, tool, status, attempt, event.at_s, lasted_ms, code)


def _called(run: Run, step_number: int) -> tuple[str, str]:
    """The plan and the tool of a step, which may have been called before its plan was accepted."""
    for known in reversed(run.early):
        if known.step.step_number == step_number:
            return known.plan_id, known.step.tool_name
    if run.plan is None or run.graph is None or step_number > len(run.graph.steps):
        return "", UNKNOWN
    return run.plan.plan_id, run.graph.steps[step_number - 1].tool_name


def _planning_since_s(run: Run, at_s: float) -> float:
    return at_s if run.planning_since_s is None else min(at_s, run.planning_since_s)
