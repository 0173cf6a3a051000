"""Ended runs are moved to the archive: copied, committed, read back and compared, and only then deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from runwright.archive_port import Archive, Due, Moved, RunFigures, StepFigures
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import IllegalTransition, RunCorrupt
from runwright.core.ids import RunId
from runwright.core.run import fold
from runwright.core.state import Run
from runwright.crash_points import crash_here
from runwright.log import Log
from runwright.ports import History

log = Log("runwright.archive")

WALKED_MAX = 500  # runs that are looked at in one question
BATCH_RUNS_MAX = 20
BATCH_BYTES_MAX = 4 * 1024 * 1024  # one run is moved however large it is


class Pass(NamedTuple):
    """What one look along the journal came to.

    moved    runs that are in the archive alone now
    kept     runs that were due and stayed: damaged, or gone on meanwhile
    """

    moved: int
    kept: int


class Archiver:
    """Moves runs that have been over for a while; several at once do no harm."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._after: RunId | None = None
        self.moved = 0

    async def look(self, ended_before_s: float) -> tuple[Sequence[Due], bool]:
        """Return some runs that are due, going on where the last look ended; and whether it was the end."""
        page = await self._archive.due(ended_before_s, self._after, WALKED_MAX)
        self._after = page.walked_to
        return page.runs, page.walked_to is None

    async def move(self, run_ids: Sequence[RunId]) -> Pass:
        """Move some runs; return once that is durable.

        A run whose journal is damaged stays where it is.
        Raises   JournalUnavailable
        """
        archive = self._archive
        told = await asyncio.to_thread(_told, await archive.hot(run_ids))
        if not told:
            return Pass(0, len(run_ids))
        await archive.copy([history for history, _ in told.values()])
        crash_here("archive.after_commit")
        # what was read back is the journal, byte for byte, or nothing is deleted
        copies = [one for one in await archive.copies(list(told)) if one == told[one.run_id][0]]
        moved = [_moved(one, told[one.run_id][1]) for one in copies]
        settled = await archive.settle(moved)
        self.moved += settled
        return Pass(settled, len(run_ids) - settled)


def batches(due: Sequence[Due]) -> Iterator[list[RunId]]:
    """Yield the runs in batches that are bounded in number and bytes."""
    batch, size = list[RunId](), 0
    for one in due:
        if batch and (len(batch) >= BATCH_RUNS_MAX or size + one.size > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(one.run_id)
        size += one.size
    if batch:
        yield batch


def _told(histories: Sequence[History]) -> dict[RunId, tuple[History, Run]]:
    """The journals that are whole, with the runs that they tell of, as far as those are over."""
    return {one.run_id: (one, run) for one in histories if (run := _sound(one))}


def _sound(history: History) -> Run | None:
    """The run that a journal tells of, when it is whole and the run is over."""
    try:
        run = fold(history.run_id, verified(history.records, EMPTY, history.tip, history.run_id))
    except (RunCorrupt, IllegalTransition) as error:
        log.error("run.corrupt", run_id=history.run_id, error=error.message)
        return None
    return run if run.is_over else None


def _moved(copy: History, run: Run) -> Moved:
    tools = {step.tool_name for step in run.plan.steps} if run.plan else ()
    return Moved(copy, *_figures(run), run.created.prompt, sorted(tools))


def _figures(run: Run) -> tuple[RunFigures, list[StepFigures]]:
    of_run = RunFigures(
        run.tenant,
        run.status,
        run.created_at_s,
        run.created_at_s if run.completed_at_s is None else run.completed_at_s,
        run.error.code if run.error else None,
        run.usage.prompt_tokens,
        run.usage.completion_tokens,
        run.usage.llm_calls,
        run.usage.cost_usd,
    )
    if run.graph is None:
        return of_run, []
    steps = run.graph.steps
    return of_run, [
        StepFigures(
            state.step_number,
            steps[state.step_number - 1].tool_name,
            steps[state.step_number - 1].tool_version,
            state.status,
            state.attempts,
            state.started_at_s,
            state.duration_ms,
            state.error.code if state.error else None,
        )
        for state in run.steps
    ]
