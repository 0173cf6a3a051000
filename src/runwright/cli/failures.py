"""Every failure as one line for a person, and the exit status that goes with it."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

from runwright.cli.text import Paint
from runwright.core.errors import Invalid, LimitReached, RunwrightError
from runwright.visible import visible

DONE, FAILED, USAGE = 0, 1, 2

# what happens again in the same way when the run is carried on
_SETTLED = frozenset({"not_understood", "invalid_plan", "plan_refused", "rejected", "run_too_large"})


class Unusable(Invalid):
    """The command cannot be carried out as it was written."""

    code = "usage"


def report(error: RunwrightError) -> int:
    """Print an error on stderr and return the exit status: 2 where what was asked has to change."""
    paint = Paint(sys.stderr)
    for line in getattr(error, "lines", (error.message,)):
        print(f"{paint('error:', 'red', 'bold')} {visible(line)}{_hinted(error.hint)}", file=sys.stderr)
    return USAGE if isinstance(error, Invalid | LimitReached) else FAILED


def report_fault(error: Exception) -> int:
    """Print what went wrong inside the command line itself; return the exit status.

    The traceback is for those who ask for it with RUNWRIGHT_LOG_LEVEL=debug.
    """
    if os.environ.get("RUNWRIGHT_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
        return FAILED
    text = visible(str(error).partition("\n")[0][:300])
    paint = Paint(sys.stderr)
    print(
        f"{paint('error:', 'red', 'bold')} a fault of Runwright itself: {type(error).__name__}: {text} "
        "(RUNWRIGHT_LOG_LEVEL=debug shows where)",
        file=sys.stderr,
    )
    return FAILED


def why(run: dict[str, Any]) -> str:
    """Return the one error that matters of a run that did not complete, with its hint, on one line."""
    error = run["error"]
    if error is None:
        return f"the run is {run['status']}"
    step = _step(run, error.get("step_number"))
    return visible(f"{step}{error['message']}") + _hinted(error.get("hint"))


def remedy(run: dict[str, Any], where: str) -> str:
    """Return what can be done about a run that did not complete; "" when there is nothing but a new run.

    where   what a command needs to find the run, such as ` --server http://…`
    """
    error = run["error"] or {}
    if "restart" not in run["eligible_actions"] or error.get("code") in _SETTLED:
        return ""
    unknown = [e["step_number"] for e in run["execution_log"] if e["status"] == "unknown"]
    verdicts = "".join(f" --resolve {number}=retry" for number in unknown)
    return f"runwright runs restart {run['run_id']}{verdicts}{where}"


def _step(run: dict[str, Any], number: int | None) -> str:
    if number is None or run["plan"] is None:
        return ""
    name = next((s["tool_name"] for s in run["plan"]["steps"] if s["step_number"] == number), None)
    return f"step {number} ({name}): " if name else f"step {number}: "


def _hinted(hint: str | None) -> str:
    return f" ({visible(hint)})" if hint else ""
