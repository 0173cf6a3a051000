"""A planner becomes facts of a run: the only place that calls one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from runwright.core import events as ev
from runwright.core.budget import Budget
from runwright.core.decide import decide
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event, RunError
from runwright.core.refusal import one_line
from runwright.core.run import evolve
from runwright.core.state import Run
from runwright.core.turn import MakePlan, Turn
from runwright.crash_points import crash_here
from runwright.log import Log
from runwright.plan_port import PlanFailed, PlanMade, Planner, PlanRequest, StepProposed
from runwright.runtime.engine import Engine

log = Log("runwright.runtime")

PlanFact: TypeAlias = ev.PlanStepProposed | ev.PlanModelCalled | ev.PlanAccepted | ev.PlanRefused
PLAN_FACTS = (ev.PlanStepProposed, ev.PlanModelCalled, ev.PlanAccepted, ev.PlanRefused)
TellPlan: TypeAlias = Callable[[PlanFact], None]


def plan_request(run: Run) -> PlanRequest:
    """Return what a planner is asked for a run."""
    created = run.created
    budget = created.budget or Budget()
    return PlanRequest(run.run_id, run.tenant, created.prompt, created.draft, budget, run.usage.spent)


async def make_plan(planner: Planner, request: PlanRequest, tell: TellPlan) -> None:
    """Tell what a planner says, and a refusal in its stead when it ends without a verdict."""
    why, settled = "it ended without a verdict", False
    crash_here("plan.before_planner")
    try:
        async for event in planner.plan(request):
            match event:
                case StepProposed():
                    tell(ev.PlanStepProposed(step=event.step, plan_id=event.plan_id))
                case ev.PlanModelCalled():
                    tell(event)
                case PlanMade():
                    tell(ev.PlanAccepted(plan=event.plan))
                    settled = True
                case PlanFailed():
                    tell(ev.PlanRefused(error=event.error, problems=event.problems))
                    settled = True
    except Exception as error:  # a planner may talk to anything: its failure is the run's, not ours
        log.exception("plan.crashed", run_id=request.run_id)
        why = type(error).__name__
    crash_here("plan.after_planner")
    if not settled:
        tell(no_plan(why))


async def planned_at_once(engine: Engine, turn: Turn, now_s: Callable[[], float], run_bytes: int = 0) -> Turn:
    """Return a turn with the plan that it asks for, and the first steps of it, where that needs nobody else.

    All of it is one append then. Other turns come back as they are.

    now_s       asked for the time of the plan
    run_bytes   size of the run's journal so far
    """
    run, request = turn.run, plan_request(turn.run)
    others = [command for command in turn.commands if not isinstance(command, MakePlan)]
    is_asked = run.planning and len(others) < len(turn.commands)
    if not is_asked or not engine.planner.is_immediate(request):
        return turn
    facts, events = list[PlanFact](), [*turn.events]
    await make_plan(engine.planner, request, facts.append)
    at_s = now_s()
    for fact in facts:
        number = fact.step.step_number if isinstance(fact, ev.PlanStepProposed) else None
        run, event = evolved(run, Event(run.seq + 1, at_s, fact, number))
        events.append(event)
    made = decide(run, at_s, engine.registry, engine.limits, run_bytes, events)
    return made._replace(commands=(*others, *made.commands))


def evolved(run: Run, event: Event) -> tuple[Run, Event]:
    """Return the run after an event, and the event; a plan that cannot be carried out is refused instead."""
    try:
        return evolve(run, event), event
    except IllegalTransition as error:
        if not isinstance(event.fact, ev.PlanAccepted):
            raise
        event = Event(event.seq, event.at_s, no_plan(error.message))
        return evolve(run, event), event


async def verdict_on(planner: Planner, request: PlanRequest) -> tuple[PlanMade | PlanFailed, float | None]:
    """Return what a planner makes of a request, and what models cost for it in US dollars (None: unknown)."""
    costs: list[float | None] = []
    async for event in planner.plan(request):
        match event:
            case ev.PlanModelCalled():
                costs.append(event.cost_usd)
            case PlanMade() | PlanFailed():
                known = [cost for cost in costs if cost is not None]
                return event, sum(known, 0.0) if len(known) == len(costs) else None
            case StepProposed():
                pass
    raise AssertionError("a planner ends with a verdict")


def no_plan(why: str) -> ev.PlanRefused:
    """Return the refusal of a run whose planner did not do its work."""
    return ev.PlanRefused(error=RunError(code="internal", message=one_line(f"the planner failed: {why}")))
