"""Named places at which a process can be made to die or to stop, so that tests prove what survives it.

`crash_here` does nothing, unless the process was started with RUNWRIGHT_CRASH_AT. That is `POINT`, or
`POINT[TYPE]` for arrivals with a record of this type, and may end in `:TIMES` for a later arrival than the
first. The process then gets the signal that RUNWRIGHT_CRASH_BY names: KILL (the default), or STOP.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple, Protocol

POINTS = frozenset(
    {
        # a run is being accepted
        "create.before_insert",
        "create.before_commit",
        "create.after_commit",
        "create.before_reply",
        # it is being planned
        "plan.before_planner",
        "plan.after_planner",
        # a worker takes it up
        "claim.before_commit",
        "claim.after_commit",
        # what happens in it is being recorded; with the types of the records
        "append.before",
        "append.before_commit",
        "append.after_commit",
        "append.after_publish",
        # any transaction, with all that share it; nobody has been told of it yet
        "commit.before",
        "commit.after",
        # a tool is called
        "step.before_call",
        "step.after_call",
        "step.after_interrupt",
        # a tool of the crash tests has its effect
        "tool.before_effect",
        "tool.after_effect",
        # somebody cancels, restarts, approves or rejects; with the types of the records
        "control.before_commit",
        "control.after_commit",
        "control.before_reply",
        # an ended run is moved to the archive
        "archive.before_commit",
        "archive.after_commit",
        "archive.mid_delete",
        # the process was asked to end
        "drain.after_signal",
        "drain.after_release",
        "drain.after_cut",
        "drain.before_close",
        "drain.after_close",
    }
)
_SPEC = re.compile(r"([a-z_.]+)(?:\[([a-z_.]+)\])?(?::([0-9]+))?")


class Typed(Protocol):
    """What has a type of event, as a record does."""

    @property
    def type(self) -> str: ...


class Spec(NamedTuple):
    """Where a process dies: at the `times`-th arrival at a point, counted with records of a type, if any."""

    point: str
    type: str | None
    times: int


def spec_of(text: str) -> Spec:
    """Return what RUNWRIGHT_CRASH_AT says.

    Raises   ValueError when it names no point: a test that dies nowhere would prove nothing
    """
    found = _SPEC.fullmatch(text)
    if found is None or found[1] not in POINTS:
        raise ValueError(f"RUNWRIGHT_CRASH_AT={text!r} names no crash point; write POINT[TYPE]:TIMES")
    return Spec(found[1], found[2], int(found[3] or 1))


class Armed:
    """Sends this process a signal, once, at one arrival at one point."""

    def __init__(self, spec: Spec, number: signal.Signals) -> None:
        self._spec, self._signal, self._left = spec, number, spec.times
        self._lock = Lock()  # commits may be on a thread of their own

    def __call__(self, point: str, records: Sequence[Typed] = ()) -> None:
        """Count an arrival."""
        wanted = self._spec.type
        if point != self._spec.point or not (wanted is None or any(r.type == wanted for r in records)):
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)


def _pass(point: str, records: Sequence[Typed] = ()) -> None:
    """Nothing dies here."""


def _armed() -> Callable[..., None]:
    text = os.environ.get("RUNWRIGHT_CRASH_AT")
    if text is None:
        return _pass
    return Armed(spec_of(text), signal.Signals[f"SIG{os.environ.get('RUNWRIGHT_CRASH_BY', 'KILL')}"])


crash_here = _armed()
