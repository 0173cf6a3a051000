"""A second opinion: the same plan carried out step by step, one at a time, without the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from simulation.plans import RETRY, Condition, Node, output_of


class Fate(NamedTuple):
    """How a step ends when nothing but its own inputs can keep it from being carried out.

    calls   of its tool, until it ended
    """

    status: str
    output: Any = None
    calls: int = 0


def carried_out(nodes: Sequence[Node]) -> dict[int, Fate]:
    """Return the fate of every step; a failure stops only what waits for the failed step."""
    fates: dict[int, Fate] = {}
    left = {node.number: node for node in nodes}
    while left:
        node = next(n for n in left.values() if not needed(n) & set(left))
        fates[node.number] = _fate(left.pop(node.number), fates)
    return fates


def needed(node: Node) -> set[int]:
    """Return the steps that must have ended before this one starts."""
    return referenced(node) | set(node.depends_on)


def referenced(node: Node) -> set[int]:
    """Return the steps whose output this one needs."""
    broken = set() if node.broken is None else {node.broken}
    return {*node.wanted, *node.quoted} | broken | (_named(node.when) if node.when else set())


def _fate(node: Node, fates: dict[int, Fate]) -> Fate:
    if any(fates[n].status not in ("succeeded", "skipped") for n in needed(node)):
        return Fate("pending")
    if any(fates[n].status == "skipped" for n in referenced(node)):
        return Fate("skipped")
    if node.when is not None and not _true(node.when, fates):
        return Fate("skipped")
    if node.broken is not None:
        return Fate("failed")
    tool_input = {
        "wanted": [fates[n].output["n"] for n in node.wanted],
        "text": "=" + "-".join(str(fates[n].output["n"]) for n in node.quoted),
    }
    for call in range(1, RETRY.attempts_max + 1):
        ending = node.endings[min(call, len(node.endings)) - 1]
        if ending == "ok":
            return Fate("succeeded", output_of(node, tool_input), call)
        if ending == "timeout" and node.effects == "unsafe":
            return Fate("unknown", calls=call)
        if ending == "terminal" or node.effects == "unsafe":
            return Fate("failed", calls=call)
    return Fate("failed", calls=RETRY.attempts_max)


def _named(condition: Condition) -> set[int]:
    match condition:
        case ("not", inner):
            return _named(inner)
        case ("all" | "any", inner):
            return {n for part in inner for n in _named(part)}
        case _:
            return {condition[1]}


def _true(condition: Condition, fates: dict[int, Fate]) -> bool:
    match condition:
        case ("lt", step, limit):
            return bool(fates[step].output["n"] < limit)
        case ("has", step, field):
            return field in fates[step].output
        case ("not", inner):
            return not _true(inner, fates)
        case ("all", inner):
            return all(_true(part, fates) for part in inner)
        case ("any", inner):
            return any(_true(part, fates) for part in inner)
    raise AssertionError(condition)
