"""A run as clients see it: the one place that makes the run object out of a run."""

from __future__ import annotations

from typing import Any

import msgspec

from runwright.core.codec import timestamp
from runwright.core.ids import idempotency_key
from runwright.core.plan import Plan
from runwright.core.state import Run, StepState

_ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled", "unknown"})
_ACTIONS: dict[str, tuple[str, ...]] = {
    "pending": ("cancel",),
    "planning": ("cancel",),
    "awaiting_approval": ("approve", "reject", "cancel"),
    "running": ("cancel",),
    "failed": ("restart",),
    "completed": (),
    "cancelled": (),
}


def _actions(run: Run) -> tuple[str, ...]:
    """What can be asked for; a run whose approval was answered shows its status until it is taken up."""
    return ("cancel",) if run.status == "awaiting_approval" and run.approved else _ACTIONS[run.status]


def run_object(run: Run) -> dict[str, Any]:
    """Return the whole run object, ready to be encoded as JSON."""
    return {**summary(run), "execution_log": execution_log(run)}


def summary(run: Run) -> dict[str, Any]:
    """Return the run object without its execution log, as lists show it."""
    created = run.created
    return {
        "run_id": run.run_id,
        "tenant": run.tenant,
        "user": created.user,
        "metadata": created.metadata,
        "trace_id": None if run.trace is None else run.trace.trace_id,
        "prompt": created.prompt,
        "deadline_s": created.deadline_s,
        "status": run.status,
        "plan": None if run.plan is None else plan_object(run.plan),
        "result": result(run),
        "error": None if run.error is None else msgspec.to_builtins(run.error),
        "created_at": timestamp(run.created_at_s),
        "started_at": _time(run.started_at_s),
        "completed_at": _time(run.completed_at_s),
        "restarts": run.restarts,
        "usage": msgspec.structs.asdict(run.usage),
        **({} if created.budget is None else {"budget": msgspec.structs.asdict(created.budget)}),
        "eligible_actions": list(_actions(run)),
    }


def plan_object(plan: Plan) -> dict[str, Any]:
    """Return a plan as clients see it."""
    shown: dict[str, Any] = msgspec.to_builtins(plan)
    return shown


def result(run: Run) -> Any:
    """Return the output of the last step, by number, that succeeded; None while the run is not completed."""
    if run.status != "completed":
        return None
    return next((s.output for s in reversed(run.steps) if s.status == "succeeded"), None)


def execution_log(run: Run) -> list[dict[str, Any]]:
    """Return one entry for each step that has ended, by step number; failed steps of earlier tries too."""
    return [_entry(run, state) for state in run.steps if state.status in _ENDED or state.error is not None]


def _entry(run: Run, state: StepState) -> dict[str, Any]:
    assert run.plan is not None
    assert run.graph is not None
    step = run.graph.steps[state.step_number - 1]
    return {
        "step_number": state.step_number,
        "tool_name": step.tool_name,
        "tool_version": step.tool_version,
        "tool_input": step.tool_input if state.tool_input is None else state.tool_input,
        "status": state.status,
        "success": state.status == "succeeded",
        "output": state.output,
        "error": None if state.error is None else msgspec.to_builtins(state.error),
        "attempts": state.attempts,
        "started_at": _time(state.started_at_s),
        "duration_ms": state.duration_ms,
        "idempotency_key": idempotency_key(run.run_id, run.plan.plan_id, state.step_number),
    }


def _time(at_s: float | None) -> str | None:
    return None if at_s is None else timestamp(at_s)
