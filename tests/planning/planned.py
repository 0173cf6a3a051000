"""What the tests of the rules planner share: plans as plain data, tables, the values of planned calculations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from runwright.core.errors import NotUnderstood
from runwright.planning.rules.plan import plan_steps
from runwright.tools.calculator import evaluate

DATA = Path(__file__).parent.parent / "data"


def table(name: str) -> list[list[Any]]:
    """Return the rows of a table in `tests/data`, all groups one after the other."""
    groups = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return [row for rows in groups.values() for row in rows]


def groups(name: str) -> list[str]:
    """Return the names of the groups of a table."""
    return list(json.loads((DATA / f"{name}.json").read_text("utf-8")))


def rows_of(name: str, group: str) -> list[list[Any]]:
    """Return the rows of a group of a table."""
    rows: list[list[Any]] = json.loads((DATA / f"{name}.json").read_text("utf-8"))[group]
    return rows


def planned(prompt: str) -> list[list[Any]]:
    """Return the plan of a prompt: tool and input of each step."""
    return [[step.tool_name, step.tool_input] for step in plan_steps(prompt)]


def texts(prompt: str) -> list[str]:
    """Return the texts of the todos that a prompt adds, and nothing if it does anything else."""
    steps = plan_steps(prompt)
    return [str(s.tool_input["text"]) for s in steps] if all(s.tool_name == "todo_add" for s in steps) else []


def values(prompt: str) -> list[int | float]:
    """Return what the calculations of a prompt come to, with the real calculator and references put in."""
    found: dict[int, int | float] = {}
    for step in plan_steps(prompt):
        if step.tool_name != "calculator":
            continue
        expression = str(step.tool_input["expression"])
        for number, value in found.items():
            expression = expression.replace(f"{{step_{number}_output}}", f"({value})")
        found[step.step_number] = evaluate(expression)
    return list(found.values())


def refusal(prompt: str) -> str | None:
    """Return the message with which a prompt is refused, nothing if it is not."""
    try:
        plan_steps(prompt)
    except NotUnderstood as error:
        refused = error
    else:
        return None
    assert refused.hint, "a refusal says what can be asked"
    return refused.message


def calls(prompt: str) -> int:
    """Return how many calls of functions it takes to plan or refuse a prompt: work, without a clock."""
    count = 0

    def counted(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        refusal(prompt)
    finally:
        sys.setprofile(before)
    return count
