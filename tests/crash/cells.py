"""What is to be tried: each crash point, with each type of record that passes it, in each way to break."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from runwright.crash_points import POINTS

Action = Literal["kill", "pause", "stop and kill", "drain"]
ACTIONS: tuple[Action, ...] = ("kill", "pause", "stop and kill")

# The shapes of runs in which records of a type pass a point; `crowd` fills the worker, so that runs wait.
SHAPES_OF_APPEND = {
    "plan.accepted": ("crowd", "prompt", "fan"),
    "plan.refused": ("crowd", *["refused"] * 4),
    "run.awaiting_approval": ("crowd", "approved", "rejected"),
    "run.started": ("approved", "crowd", "fan"),
    "step.started": ("fan",),
    "step.succeeded": ("fan",),
    "step.retrying": ("flaky",),
    "step.failed": ("stubborn",),
    "step.skipped": ("skipping",),
    "step.cancelled": ("cancelled",),
    "step.unknown": ("cancelled_unsafe",),
    "run.completed": ("fan", "threads"),
    "run.failed": ("stubborn",),
    "run.cancelled": ("cancelled",),
}
SHAPES_OF_CONTROL = {
    "run.cancelling": ("cancelled", "cancelled_unsafe"),
    "run.restarted": ("stubborn", "risky"),
    "run.approved": ("approved",),
    "run.rejected": ("rejected",),
}
SHAPES_OF_POINT = {
    "step.after_interrupt": ("cancelled", "cancelled_unsafe"),
    "control.before_reply": ("cancelled", "approved", "stubborn"),
    "tool.after_effect": ("unsafe_first", "risky", "unsafe_first"),
    "claim.before_commit": ("crowd", "fan"),
    "claim.after_commit": ("crowd", "fan"),
}
APPEND, CONTROL = "append.", "control."
OTHERS = (
    "risky",
    "fan",
    "flaky",
    "threads",
    "prompt",
    "cancelled",
    "approved",
    "stubborn",
    "keyless",
    "twins",
    "streamed",
)


class Cell(NamedTuple):
    """One fault: what happens to the server at which arrival at which point.

    role   of several processes, the one that is armed
    """

    point: str
    type: str | None
    action: Action
    times: int = 1
    role: Literal["api", "worker"] | None = None

    @property
    def title(self) -> str:
        return f"{self.role} {self.name}" if self.role else self.name

    @property
    def name(self) -> str:
        return self.point if self.type is None else f"{self.point}[{self.type}]"

    @property
    def spec(self) -> str | None:
        """As RUNWRIGHT_CRASH_AT says it; None: the server is only asked to end."""
        return None if self.action == "drain" else f"{self.name}:{self.times}"

    def shapes(self, dice: random.Random) -> list[str]:
        """Return shapes of runs among which the point is passed, and some others beside them."""
        if self.type is None:
            needed = SHAPES_OF_POINT.get(self.point, ("fan", "risky"))
        else:
            table = SHAPES_OF_APPEND if self.point.startswith(APPEND) else SHAPES_OF_CONTROL
            needed = table[self.type]
        return [*needed, *dice.sample(OTHERS, 4)]


ROLLING = Cell("drain", None, "drain")  # a server is asked to end while clients go on
ROLLING_RESTARTS = 20


def every_cell(dice: random.Random) -> list[Cell]:
    """Return all cells, each at an arrival that is left to chance where there are many."""
    cells = [
        Cell(point, kind, action, dice.randint(1, _arrivals(point, kind)))
        for point in sorted(POINTS)
        for kind in _types(point)
        for action in ACTIONS
    ]
    return [*cells, *[ROLLING] * ROLLING_RESTARTS]


def cluster_cells(dice: random.Random) -> list[Cell]:
    """Return the cells of several processes: each point in those that pass it."""
    cells = [cell._replace(role=role) for cell in every_cell(dice) for role in _roles(cell.point)]
    rolling = [cell for cell in cells if cell.action == "drain"]
    return [*(cell for cell in cells if cell.action != "drain"), *rolling[:10]]


def _roles(point: str) -> Sequence[Literal["api", "worker"]]:
    if point.startswith("archive."):
        return ("worker",)  # one of them has the duty, now this one and now that one
    if point.startswith(("commit.", "drain")):
        return ("api", "worker")
    return ("api",) if point.startswith(("create.", CONTROL)) else ("worker",)


def _arrivals(point: str, kind: str | None) -> int:
    """How often a point is passed at the least while a batch of clients is served."""
    if point.startswith("commit."):
        return 25
    often = point.startswith(("create.", "plan.", "tool.", "step.before_call", "step.after_call"))
    return 4 if often or kind in ("step.started", "step.succeeded") else 1


def _types(point: str) -> Sequence[str | None]:
    if point.startswith(APPEND):
        return tuple(SHAPES_OF_APPEND)
    if point.startswith(CONTROL) and point != "control.before_reply":
        return tuple(SHAPES_OF_CONTROL)
    return (None,)


def seeded(dice: random.Random, count: int) -> list[Cell]:
    """Return some cells: every point once at least, most of them kills, which cost the least."""
    cells = [cell for cell in every_cell(dice) if cell != ROLLING]
    dice.shuffle(cells)
    kills = [cell for cell in cells if cell.action == "kill"]
    first = {cell.point: cell for cell in kills}
    others = [cell for cell in cells if first[cell.point] != cell]
    return [*first.values(), *others][:count]
