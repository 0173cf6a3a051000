"""The state of a run while its events are told one after the other, and the time that it spends in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from runwright.cli.text import Colour, duration

Json = dict[str, Any]

# what a run can be doing at a moment, as people call it
TOOLS: Final = "tools at work"
PLANNING: Final = "planning"
WORKER: Final = "waiting for a worker"
PERSON: Final = "waiting for a person"
RETRY: Final = "waiting for a retry"
NOBODY: Final = "cut off by a crash"
OVER: Final = "over, until it was restarted"

_PROCESS_ENDED = "the process ended"
_OF_CRASHES = frozenset({"step.unknown", "step.cancelled", "step.failed"})


@dataclass(slots=True)
class Moment:
    """One line of a timeline.

    after_s    since the run was created
    ordinary   as it should be, so that many of its kind can be told as one
    """

    after_s: float
    text: str
    tone: Colour | None = None
    ordinary: bool = False


@dataclass(slots=True)
class Timeline:
    """A run as its events tell of it.

    spent_s   seconds by what the run was doing; together they are its whole time so far
    doing     what it is doing now; "" once it is over
    """

    moments: list[Moment] = field(default_factory=list)
    spent_s: dict[str, float] = field(default_factory=dict)
    doing: str = ""


class Teller:
    """Takes in events, those of the same moment together.

    open      the moments of attempts under way, by step number, and when they began
    due_s     when steps that wait are tried again, by step number
    """

    def __init__(self) -> None:
        self.told = Timeline()
        self.began_s = self.at_s = 0.0
        self.doing = WORKER
        self.names: dict[int, str] = {}
        self.open: dict[int, tuple[Moment, str, float]] = {}
        self.due_s: dict[int, float] = {}
        self.person_since_s: float | None = None
        self.has_begun = False

    def arrive(self, at_s: float, events: Sequence[Json]) -> None:
        """Move on to the moment of these events, and tell of a crash that they are the first sign of."""
        if not self.began_s:
            self.began_s = self.at_s = at_s
        crashed = any(self._tells_of_crash(event) for event in events)
        gap_s = at_s - self.at_s
        self._spend(at_s, crashed=crashed)
        if crashed:
            quiet = f"no sign of life for {lasted(gap_s)}"
            self.say(f"its process had ended: {quiet}, then it was taken up again", "yellow")

    def end(self, now_s: float) -> None:
        """Tell what is still under way."""
        if self.doing == OVER:
            return
        self._spend(max(now_s, self.at_s), crashed=False)
        self.told.doing = self._doing()
        if self.told.doing == RETRY:
            number = min(self.due_s, key=lambda one: self.due_s[one])
            self.told.doing += f" of {self.name(number)}, due in {lasted(self.due_s[number] - self.at_s)}"
        for moment, name, began_s in self.open.values():
            moment.text = f"{name}: at work for {lasted(self.at_s - began_s)}"
            moment.tone = "cyan"

    def say(self, text: str, tone: Colour | None = None, *, ordinary: bool = False) -> Moment:
        """Add a moment that begins now."""
        moment = Moment(max(0.0, self.at_s - self.began_s), text, tone, ordinary)
        self.told.moments.append(moment)
        return moment

    def name(self, number: int) -> str:
        """Return what a step is called."""
        return f"step {number} {self.names.get(number, '')}".rstrip()

    def _spend(self, until_s: float, *, crashed: bool) -> None:
        """Count the time since the moment before for what the run was doing."""
        doing, spent_s = self._doing(), until_s - self.at_s
        if spent_s <= 0:  # clocks of several computers need not agree
            return
        if crashed:
            doing = NOBODY
        elif doing == RETRY:
            late_s = min(spent_s, max(0.0, until_s - max(self.at_s, min(self.due_s.values()))))
            self._add(WORKER, late_s)
            spent_s -= late_s
        self._add(doing, spent_s)
        self.at_s = until_s

    def _add(self, doing: str, spent_s: float) -> None:
        if spent_s > 0:
            self.told.spent_s[doing] = self.told.spent_s.get(doing, 0.0) + spent_s

    def _doing(self) -> str:
        if self.doing != WORKER:
            return self.doing
        return TOOLS if self.open else RETRY if self.due_s else WORKER

    def _tells_of_crash(self, event: Json) -> bool:
        kind, data = event["type"], event["data"]
        if kind == "plan.started":
            return self.doing == PLANNING
        why = data.get("reason") or (data.get("error") or {}).get("message", "")
        return bool(data.get("after_crash")) or (kind in _OF_CRASHES and why.startswith(_PROCESS_ENDED))


def lasted(seconds: float) -> str:
    """Return a time as people say it."""
    return duration(1_000 * max(0.0, seconds))
