"""What can be done about a run now, as commands that are ready to be typed."""

from __future__ import annotations

from typing import Any, NamedTuple

from runwright.cli import failures

Json = dict[str, Any]
_VERDICTS = {
    "succeeded": "it acted: the step counts as done",
    "retry": "it did not act: call it again",
    "failed": "give it up",
}


class Place(NamedTuple):
    """Where a run is.

    where    what a command needs to find it, such as ` --server http://…`
    driven   whether a process carries it on; None: that is not known here
    """

    where: str
    driven: bool | None = None


def possible(run: Json, place: Place) -> list[str]:
    """Return commands, one on each line, with a comment where there is a choice."""
    if run["status"] == "awaiting_approval" and "approve" in run["eligible_actions"]:
        plan = f"{run['run_id']} --plan-hash {run['plan']['plan_hash']}{place.where}"
        return [f"runwright runs approve {plan}", f"runwright runs reject {plan}"]
    if run["status"] == "failed":
        return _after_failure(run, place)
    if "cancel" not in run["eligible_actions"]:
        return []
    watch = f"runwright runs watch {run['run_id']}{place.where}"
    if place.driven is False:
        return [f"{watch}  # no process drives it: this one carries it on, as `runwright serve` does"]
    return [f"{watch}  # follow it", f"runwright runs cancel {run['run_id']}{place.where}"]


def _after_failure(run: Json, place: Place) -> list[str]:
    unknown = [entry["step_number"] for entry in run["execution_log"] if entry["status"] == "unknown"]
    restart = f"runwright runs restart {run['run_id']}"
    if unknown and "restart" in run["eligible_actions"]:
        shown = ", ".join(map(str, unknown))
        lines = [
            f"# find out whether step {shown} acted, then one of these{' for each' * (len(unknown) > 1)}"
        ]
        for verdict, means in _VERDICTS.items():
            options = "".join(f" --resolve {number}={verdict}" for number in unknown)
            lines.append(f"{restart}{options}{place.where}  # {means}")
        return lines
    error = run["error"] or {}
    hint = error.get("hint") or ""
    if error.get("code") == "budget_exhausted" and "tenants set" not in hint:
        return [f"# the budget of this run stays as it is; for another run: {hint}"]
    if remedy := failures.remedy(run, place.where):
        return [*_commands(hint), remedy]
    return ["# this run will not do better: create another one, with another prompt, plan or tools"]


def _commands(hint: str) -> list[str]:
    """What an error's hint wants to be typed first."""
    return [part for part in hint.split("`")[1::2] if part.startswith("runwright ")]
