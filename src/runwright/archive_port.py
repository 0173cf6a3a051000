"""The port of what has ended: moving runs to the archive, and deleting them when their time is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from runwright.core.ids import RunId, Tenant
from runwright.ports import History


class Due(NamedTuple):
    """An ended run whose events are still in the journal, and what they take there, in bytes."""

    run_id: RunId
    size: int


class DuePage(NamedTuple):
    """What was found on some way along the runs that have events in the journal.

    walked_to  how far it went; None: to the end
    """

    runs: Sequence[Due]
    walked_to: RunId | None


class StepFigures(NamedTuple):
    """One step of an ended run, for questions about many."""

    step_number: int
    tool_name: str
    tool_version: str | None
    status: str
    attempts: int
    started_at_s: float | None
    duration_ms: float | None
    error_code: str | None


class RunFigures(NamedTuple):
    """An ended run, for questions about many; `cost_usd` is None where a price is not known."""

    tenant: Tenant
    status: str
    created_at_s: float
    completed_at_s: float
    error_code: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    llm_calls: int = 0
    cost_usd: float | None = 0.0


class Moved(NamedTuple):
    """A run whose copy in the archive was found to be the journal."""

    history: History
    run: RunFigures
    steps: Sequence[StepFigures]
    prompt: str
    tools: Sequence[str]


class Archive(Protocol):
    """Keeps ended runs, one document each; whoever reads a run's journal gets it from there.

    Every method may be called by several processes at once, and again after a crash: nothing is lost or kept
    twice. All raise JournalUnavailable when the store cannot be reached or is full.
    """

    async def due(self, ended_before_s: float, after: RunId | None, walked_max: int) -> DuePage:
        """Return runs that ended before a time and have events in the journal, by id, behind `after`.

        walked_max  runs that are looked at, due or not
        """

    async def hot(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        """Return what the journal itself has of these runs, as far as they are there."""

    async def copy(self, histories: Sequence[History]) -> None:
        """Write copies, over older ones, of the runs that are still over and at the tips given."""

    async def copies(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        """Return the copies that are committed, those left out whose document is not whole."""

    async def settle(self, moved: Sequence[Moved]) -> int:
        """Delete from the journal the events that are in the archive; return of how many runs.

        A run is left alone that has gone on since, or whose events are not those of the copy.
        """
