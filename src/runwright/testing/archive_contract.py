"""What every archive must do, as tests: whoever reads a run must not notice that it was moved.

Subclass `ArchiveContract` as `JournalContract`, with the fixtures `journal` and `archive` on one store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import product

import pytest

from runwright.archive_port import Archive, Moved, RunFigures, StepFigures
from runwright.core import events as ev
from runwright.core.codec import EMPTY, verified
from runwright.core.errors import RunMissing
from runwright.core.ids import RunId
from runwright.core.state import RunStatus
from runwright.ports import History, Journal, RunFilter, RunRow
from runwright.testing.journal_contract import ANNA, BERT, NOBODY, Born, adding, born, following, some, stored
from runwright.testing.runs_contract import PROMPTS, TEXTS, TOOLS, holds, spans_of

LATER_S = 4_000_000_000.0
NOTHING = RunFilter()
FIGURES = RunFigures(ANNA, "failed", 1_000.0, 2_000.0, "tool_failed")
WORDS = ("prompt", ("a",))
STEPS = [StepFigures(1, "calculator", "1.0.0", "succeeded", 1, 1_000.0, 2.5, None)]


async def ended(journal: Journal, length: int = 6, completed_at_s: float = 2_000.0) -> Born:
    """Return a run that is over, with so many records and a document."""
    run = await born(journal, status="running")
    row = run.row._replace(
        status="failed", started_at_s=1_500.0, completed_at_s=completed_at_s, tools=("a",), document=b"{}"
    )
    records = some(run.run_id, run.tip, length - 1)
    await journal.append(run.run_id, 1, run.tip, records, row)
    return Born(row, (*run.records, *records))


async def due(archive: Archive, ended_before_s: float = LATER_S, walked_max: int = 100) -> list[RunId]:
    """Return all runs that are due, however few are looked at in one question."""
    found, after = list[RunId](), None
    while True:
        page = await archive.due(ended_before_s, after, walked_max)
        found += [one.run_id for one in page.runs]
        after = page.walked_to
        if after is None:
            return found


async def move(archive: Archive, run_ids: Sequence[RunId]) -> int:
    """Move runs to the archive; return how many were."""
    await archive.copy(await archive.hot(run_ids))
    copies = await archive.copies(run_ids)
    return await archive.settle([Moved(one, FIGURES, STEPS, *WORDS) for one in copies])


async def in_journal(archive: Archive, run: Born) -> int:
    """Return how many records of a run are in the journal itself."""
    return sum(len(history.records) for history in await archive.hot([run.run_id]))


async def reads(journal: Journal, run: Born) -> list[object]:
    """Return what every way of reading a run gives."""
    pages = [
        await journal.page(ANNA, run.run_id, after, limit, bytes_max)
        for after, limit, bytes_max in product(range(9), (1, 2, 100, None), (None, 1, 700, 10**6))
    ]
    rows = await journal.runs(ANNA, NOTHING, None, 9)
    return [*pages, await journal.history(ANNA, run.run_id), rows, await journal.damaged([run.run_id])]


class ArchiveContract:
    """The behaviour of `Archive`, and of a `Journal` whose runs are in it."""

    async def test_whoever_reads_a_run_does_not_notice_that_it_was_moved(
        self, journal: Journal, archive: Archive
    ) -> None:
        """Pages, whole journals, lists and the check for damage are the same, before, between and after."""
        run = await ended(journal)
        before = await reads(journal, run)
        await archive.copy(await archive.hot([run.run_id]))
        between = await reads(journal, run)
        moved = await move(archive, [run.run_id])

        assert moved == 1
        assert await archive.hot([run.run_id, NOBODY]) == []
        assert between == before
        assert await reads(journal, run) == before
        verified((await stored(journal, run)).records, EMPTY, run.tip, run.run_id)

    async def test_runs_are_due_once_they_have_been_over_for_a_while(
        self, journal: Journal, archive: Archive
    ) -> None:
        """Not those that go on, nor those that ended later; by id, in pages of any size."""
        old = [await ended(journal, completed_at_s=2_000.0 + n) for n in range(7)]
        late = await ended(journal, completed_at_s=3_000.0)
        await born(journal, status="running")
        moved = await move(archive, [old[2].run_id])
        left = [run.run_id for run in old if run != old[2]]

        assert moved == 1
        for walked_max in (2, 3, 100):
            assert await due(archive, 2_999.0, walked_max) == left
        assert await due(archive) == [*left, late.run_id]
        page = await archive.due(2_999.0, None, 100)
        assert 0 < page.runs[0].size <= sum(len(record.body) for record in old[0].records)

    async def test_a_run_that_goes_on_is_taken_back(self, journal: Journal, archive: Archive) -> None:
        """A control finds the whole journal and adds to it; the run is claimed, and moved again."""
        run = await ended(journal)
        await move(archive, [run.run_id])
        again = run.row._replace(status="running", completed_at_s=None, document=None)
        found = await journal.control(ANNA, run.run_id, adding([ev.RunRestarted()], again))
        claim = await journal.claim(run.run_id, "next")

        assert found.records[: len(run.records)] == run.records
        assert await archive.copies([run.run_id]) == []
        assert claim is not None
        assert claim.history == found == await stored(journal, run)
        records = some(run.run_id, found.tip)
        await journal.append(run.run_id, claim.epoch, found.tip, records, run.row)
        whole = await stored(journal, run)
        assert await move(archive, [run.run_id]) == 1
        assert await stored(journal, run) == whole
        assert (len(whole.records), await in_journal(archive, run)) == (8, 0)

    async def test_a_control_that_refuses_leaves_a_run_in_the_archive(
        self, journal: Journal, archive: Archive
    ) -> None:
        """It sees the whole journal and changes nothing."""
        run = await ended(journal)
        await move(archive, [run.run_id])
        seen = await journal.control(ANNA, run.run_id, lambda found: ((), run.row))

        assert seen == History(run.run_id, run.tip, run.records)
        assert await in_journal(archive, run) == 0

    async def test_a_run_that_went_on_meanwhile_is_not_touched(
        self, journal: Journal, archive: Archive
    ) -> None:
        """Between each two moves of an archiver a restart may come: no event of the run is deleted."""
        copied, read, both = [await ended(journal) for _ in range(3)]
        ids = [one.run_id for one in (copied, read, both)]
        histories = await archive.hot(ids)

        async def restart(run: Born) -> None:
            going = run.row._replace(status="running", completed_at_s=None, document=None)
            await journal.control(ANNA, run.run_id, adding([ev.RunRestarted()], going))

        await restart(copied)
        await archive.copy(histories)
        await restart(read)
        moved = [Moved(one, FIGURES, (), *WORDS) for one in histories]
        await restart(both)

        assert await archive.copies(ids) == []
        assert await archive.settle(moved) == 0
        for run in (copied, read, both):
            assert len((await stored(journal, run)).records) == 7

    async def test_copies_written_twice_and_deletes_done_twice_are_one(
        self, journal: Journal, archive: Archive
    ) -> None:
        """Two archivers at once, each with all of it, leave every run once and whole."""
        runs = [await ended(journal, 3) for _ in range(12)]
        before = [await stored(journal, run) for run in runs]
        ids = [run.run_id for run in runs]
        counts = await asyncio.gather(*(move(archive, ids) for _ in range(4)))

        assert sum(counts) == 12
        assert await due(archive) == []
        assert [await stored(journal, run) for run in runs] == before
        assert len(await archive.copies(ids)) == 12

    async def test_a_moved_run_is_no_other_tenants_run(self, journal: Journal, archive: Archive) -> None:
        """A foreign id is answered as one that does not exist."""
        run = await ended(journal)
        await move(archive, [run.run_id])

        for run_id in (run.run_id, NOBODY):
            with pytest.raises(RunMissing):
                await journal.page(BERT, run_id, 0)
            with pytest.raises(RunMissing):
                await journal.control(BERT, run_id, adding([ev.RunCancelling()], run.row))

    async def test_events_that_are_not_those_of_the_copy_are_not_deleted(
        self, journal: Journal, archive: Archive
    ) -> None:
        """What an archiver believes must be what is there, seq by seq and hash by hash."""
        run = await ended(journal)
        await archive.copy(await archive.hot([run.run_id]))
        other = tuple(following(run.run_id, EMPTY, [ev.StepSkipped(reason="x")] * 6))
        wrong = [other, run.records[:-1], (*run.records[:2], other[2], *run.records[3:])]
        given = [Moved(History(run.run_id, run.tip, records), FIGURES, (), *WORDS) for records in wrong]

        assert [await archive.settle([one]) for one in given] == [0, 0, 0]
        assert await in_journal(archive, run) == 6

    async def test_lists_find_runs_in_the_archive_and_beside_it(
        self, journal: Journal, archive: Archive
    ) -> None:
        """Every filter, alone and with others, page by page, finds what a look at each row would find."""
        rows = await _many(journal, archive)
        spans = spans_of(rows[25].created_at_s, rows[8].created_at_s)
        statuses: tuple[RunStatus | None, ...] = (None, "failed")
        wanted = [
            RunFilter(status, tool, *span, text)
            for status, tool, span, text in product(
                statuses, (None, "calculator", "todo"), spans, (None, *TEXTS)
            )
        ]

        for number, one in enumerate(wanted):
            right = [row for row in rows if holds(row, one)]
            assert list(await journal.runs(ANNA, one, None, 100)) == right, one
            if number % 5 == 0:
                pages, before = list[RunRow](), None
                while page := await journal.runs(ANNA, one, before, 7):
                    pages += page
                    before = page[-1].run_id
                assert pages == right, one


async def _many(journal: Journal, archive: Archive) -> list[RunRow]:
    """Return the rows of runs of one tenant, newest first, two thirds of them archived, among another's."""
    rows = []
    for number in range(36):
        run = await born(journal, prompt=PROMPTS[number % 7], tools=TOOLS[number % 4], status="running")
        await born(journal, BERT, prompt=run.row.prompt)
        status: RunStatus = "failed" if number % 2 else "completed"
        row = run.row._replace(status=status, completed_at_s=2_000.0)
        await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), row)
        rows.append(row)
        if number % 3:
            histories = await archive.hot([run.run_id])
            await archive.copy(histories)
            moved = [Moved(one, FIGURES, STEPS, row.prompt, row.tools) for one in histories]
            assert await archive.settle(moved) == 1
    return rows[::-1]
