"""A turn of a run: what is recorded, and what is done once it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from runwright.core.events import Event, Fact
from runwright.core.policy import Limits
from runwright.core.run import evolve
from runwright.core.state import Run
from runwright.core.tool import Toolbox, ToolContract


class MakePlan(NamedTuple):
    """Ask the planner."""


class CallTool(NamedTuple):
    """Call the tool of a step; its start is on record."""

    step_number: int
    attempt: int
    tool_input: dict[str, Any]
    contract: ToolContract


class InterruptStep(NamedTuple):
    """Cut off the tool of a step, for a reason that a person can read."""

    step_number: int
    reason: str


class ForgetStep(NamedTuple):
    """Cut off the tool of a step that counts no more, and hear nothing of it."""

    step_number: int


class InterruptPlanning(NamedTuple):
    """Cut off the planner."""


Command: TypeAlias = MakePlan | CallTool | InterruptStep | ForgetStep | InterruptPlanning


class Turn(NamedTuple):
    """One turn of a run.

    run        as it is once the events are recorded
    wake_at_s  when to decide again although nothing has happened; None: never
    """

    run: Run
    events: tuple[Event, ...]
    commands: tuple[Command, ...]
    wake_at_s: float | None


class Draft:
    """A turn being put together: every event is applied at once, so that the next sees its effect."""

    __slots__ = ("commands", "events", "limits", "now_s", "run", "tools")

    def __init__(
        self, run: Run, now_s: float, tools: Toolbox, limits: Limits, events: Iterable[Event] = ()
    ) -> None:
        self.run, self.now_s, self.tools, self.limits = run, now_s, tools, limits
        self.events = list(events)
        self.commands: list[Command] = []

    def record(self, fact: Fact, step_number: int | None = None) -> None:
        event = Event(self.run.seq + 1, self.now_s, fact, step_number)
        self.run = evolve(self.run, event)
        self.events.append(event)

    def turn(self) -> Turn:
        return Turn(self.run, tuple(self.events), tuple(self.commands), _wake_at_s(self.run, self.now_s))


def _wake_at_s(run: Run, now_s: float) -> float | None:
    """The next retry or deadline. One that is due already waits for an outcome: a timer for it would spin."""
    if run.is_over or run.status == "awaiting_approval":
        return None
    wake_at_s = run.deadline_at_s if run.deadline_at_s > now_s else None
    for number in run.retrying:
        retry_at_s = run.steps[number - 1].retry_at_s
        if retry_at_s is not None and retry_at_s > now_s and (wake_at_s is None or retry_at_s < wake_at_s):
            wake_at_s = retry_at_s
    return wake_at_s
