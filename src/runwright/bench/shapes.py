"""The plans that are measured, and how Runwright is given them.

A shape is what the raw executor runs: the name of a step, how long its tool sleeps, and what it waits for.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

Shape: TypeAlias = dict[str, tuple[float, tuple[str, ...]]]


async def work(name: str, sleep_s: float = 0.0) -> dict[str, Any]:
    """Sleep if asked, and say so: the tool of every workload."""
    if sleep_s:
        await asyncio.sleep(sleep_s)
    return {"step": name, "ok": True}


def chain(steps: int, sleep_s: float = 0.0) -> Shape:
    """Return steps of which each waits for the one before it."""
    return {f"s{n}": (sleep_s, (f"s{n - 1}",) if n else ()) for n in range(steps)}


def fan_out(width: int, sleep_s: float) -> Shape:
    """Return independent steps, and `join`, which waits for all of them."""
    wide: Shape = {f"s{n}": (sleep_s, ()) for n in range(width)}
    return {**wide, "join": (0.0, tuple(wide))}


def two_ways(unit_s: float) -> Shape:
    """Return a plan whose critical path is 3 units; whoever waits for whole levels needs 4."""
    return {
        "a": (unit_s, ()),
        "b": (unit_s, ("a",)),
        "c": (2 * unit_s, ()),
        "d": (unit_s, ("b",)),
        "e": (unit_s, ("c",)),
    }


def critical_path_s(shape: Shape) -> float:
    """Return the seconds of the longest way through a shape whose steps stand behind what they wait for."""
    ends: dict[str, float] = {}
    for name, (sleep_s, needs) in shape.items():
        ends[name] = sleep_s + max((ends[need] for need in needs), default=0.0)
    return max(ends.values())


def given_plan(shape: Shape, **tool_input: Any) -> dict[str, Any]:
    """Return the shape as a plan for Runwright; every step gets `tool_input` beside its name and sleep."""
    numbers = {name: number for number, name in enumerate(shape, start=1)}
    steps = [
        {
            "step_number": numbers[name],
            "tool_name": "work",
            "tool_input": {"name": name, "sleep_s": sleep_s, **tool_input},
            "depends_on": [numbers[need] for need in needs],
        }
        for name, (sleep_s, needs) in shape.items()
    ]
    return {"goal": "measure", "steps": steps}
