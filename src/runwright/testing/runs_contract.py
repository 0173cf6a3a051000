"""What every journal must show of its runs: pages of one run, lists of many, and who waits for a worker.

Subclass `RunsContract` as `JournalContract`, with the fixture `journal`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, get_args

import pytest

from runwright.core import events as ev
from runwright.core.codec import Record, Tip, verified
from runwright.core.errors import RunMissing
from runwright.core.ids import RunId
from runwright.core.state import RunStatus
from runwright.ports import Journal, RunFilter, RunRow
from runwright.testing.journal_contract import ANNA, BERT, NOBODY, Born, adding, born, following, some, stored

NOTHING = RunFilter()
PROMPTS = [
    "Add 2 and 3",
    "ÄPFEL wiegen",
    "Add milk",
    "100% _done_",
    "日本語 test",
    "straße",
    "add 'quotes' \\",
]
TEXTS = ["add", "ADD 2", "äpfel", "Äpfel", "%", "_", "日本", "STRASSE", "'", "\\", "milk add", "nothing"]
TOOLS = [("calculator",), ("todo_add",), ("calculator", "todo_add"), ()]
STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)


def holds(row: RunRow, wanted: RunFilter) -> bool:
    """Return whether a row must be in the list, said once more and plainly."""
    return (
        wanted.status in (None, row.status)
        and (wanted.tool is None or wanted.tool in row.tools)
        and (wanted.since_s is None or row.created_at_s >= wanted.since_s)
        and (wanted.until_s is None or row.created_at_s <= wanted.until_s)
        and (wanted.text is None or wanted.text.casefold() in row.prompt.casefold())
    )


def spans_of(early_s: float, late_s: float) -> list[tuple[float | None, float | None]]:
    """Return spans of time: without an end, with one and with the other, with both, and one that is none."""
    return [(None, None), (early_s, None), (None, late_s), (early_s, late_s), (late_s, early_s)]


async def many(journal: Journal) -> list[RunRow]:
    """Return the rows of forty runs of one tenant, newest first, among those of another."""
    rows = []
    for number in range(40):
        run = await born(
            journal,
            status=STATUSES[number % 7],
            prompt=PROMPTS[number % 6 if number % 5 else 6],
            tools=TOOLS[number % 4],
            plan_hash="h" if number % 4 else None,
            started_at_s=1.5 if number % 2 else None,
        )
        await born(journal, BERT, prompt=run.row.prompt)
        rows.append(run.row)
    return rows[::-1]


class RunsContract:
    """What `Journal` shows; every test gets a journal of its own."""

    async def test_a_page_holds_what_is_behind_a_seq(self, journal: Journal) -> None:
        """Any stretch of a journal comes with the tip before it, so that it can be verified alone."""
        run = await born(journal, status="running")
        await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 6), None)
        whole = await stored(journal, run)

        for after_seq, limit in product(range(9), (1, 2, 7, 100, None)):
            page = await journal.page(ANNA, run.run_id, after_seq, limit)
            end = len(whole.records) if limit is None else after_seq + limit
            assert page.records == whole.records[after_seq:end]
            assert (page.tip, page.status) == (whole.tip, "running")
            verified(page.records, page.after, page.tip if end >= 7 > after_seq else None)

    async def test_a_page_ends_where_its_bytes_do(self, journal: Journal) -> None:
        """No more records than fit are read, and one in any case."""
        run = await born(journal)
        await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 6), None)
        size = [len(record.body) for record in (await stored(journal, run)).records]

        async def length(after_seq: int, bytes_max: int) -> int:
            return len((await journal.page(ANNA, run.run_id, after_seq, 5, bytes_max)).records)

        assert [await length(0, bytes_max) for bytes_max in (0, size[0], size[0] + 1, sum(size[:3]))] == [
            1,
            1,
            1,
            3,
        ]
        assert await length(0, 10_000) == 5
        assert await length(7, 0) == 0

    async def test_a_row_is_shown_as_it_was_given(self, journal: Journal) -> None:
        """Every column of a row is there from the creation on."""
        run = await born(
            journal,
            status="running",
            prompt="zwei\nZeilen \x00 日本 \U0001f600",
            started_at_s=12.345,
            plan_hash="abc",
            tools=("calculator", "todo_add"),
        )

        assert list(await journal.runs(ANNA, NOTHING, None, 9)) == [run.row]

    async def test_a_row_changes_with_an_append_or_a_control(self, journal: Journal) -> None:
        """What is given replaces what was shown, the document too; without a row nothing changes."""
        run = await born(journal)
        over = run.row._replace(
            status="failed", started_at_s=1.0, completed_at_s=2.0, plan_hash="p", tools=("a",), document=b"{}"
        )
        first = some(run.run_id, run.tip)
        await journal.append(run.run_id, 1, run.tip, first, over)
        tip = Tip(first[-1].seq, first[-1].hash)
        await journal.append(run.run_id, 1, tip, some(run.run_id, tip), None)
        shown = list(await journal.runs(ANNA, NOTHING, None, 9))
        again = over._replace(status="running", completed_at_s=None, document=None)
        await journal.control(ANNA, run.run_id, adding([ev.RunRestarted()], again))

        assert shown == [over]
        assert list(await journal.runs(ANNA, NOTHING, None, 9)) == [again]

    async def test_lists_are_newest_first_and_pages_meet(self, journal: Journal) -> None:
        """Whatever the size of a page, the pages together are the list, once."""
        rows = await many(journal)

        for limit in (1, 3, 39, 40, 100):
            seen: list[RunRow] = []
            while page := await journal.runs(ANNA, NOTHING, seen[-1].run_id if seen else None, limit):
                assert len(page) <= limit
                seen.extend(page)
            assert seen == rows

    async def test_every_filter_and_all_of_them_together(self, journal: Journal) -> None:
        """A list holds exactly the rows for which every condition holds; letter case does not matter."""
        rows = await many(journal)
        spans = spans_of(rows[30].created_at_s, rows[10].created_at_s)
        statuses: tuple[RunStatus | None, ...] = (None, "failed", "running")
        wanted = [
            RunFilter(status, tool, *span, text)
            for status, tool, span, text in product(statuses, (None, "calculator"), spans, (None, *TEXTS))
        ]
        wanted += [RunFilter(status=status) for status in STATUSES]
        wanted += [RunFilter(tool=tool) for tool in ("todo_add", "todo", "calc", "")]

        for one in wanted:
            found = list(await journal.runs(ANNA, one, None, 100))
            assert found == [row for row in rows if holds(row, one)], one

    async def test_a_filter_and_a_cursor_work_together(self, journal: Journal) -> None:
        """The next page of a filtered list goes on behind the last row of the one before."""
        rows = [row for row in await many(journal) if "calculator" in row.tools]
        wanted = RunFilter(tool="calculator")
        first = await journal.runs(ANNA, wanted, None, 4)
        rest = await journal.runs(ANNA, wanted, first[-1].run_id, 100)

        assert [*first, *rest] == rows

    async def test_unfinished_runs_are_found_oldest_first(self, journal: Journal) -> None:
        """Whoever is not over and waits for nobody is found, of every tenant."""
        await _awaiting(journal)
        wanted = []
        for tenant, status in product((ANNA, BERT), STATUSES):
            if status != "awaiting_approval":
                run = await born(journal, tenant, status=status)
                wanted += [run.run_id] if status in ("pending", "planning", "running") else []

        assert list(await journal.unfinished()) == wanted

    @pytest.mark.parametrize(
        "said",
        [ev.RunApproved(plan_hash="h"), ev.RunRejected(plan_hash="h"), ev.RunCancelling()],
        ids=["approved", "rejected", "cancelled"],
    )
    async def test_a_run_that_was_answered_is_not_forgotten(self, journal: Journal, said: ev.Fact) -> None:
        """A run waits for nobody any more once a person has spoken, even if no worker has heard it."""
        waiting, answered = [await _awaiting(journal) for _ in range(2)]
        await journal.control(ANNA, answered.run_id, adding([said], answered.row))

        assert list(await journal.unfinished()) == [answered.run_id]
        assert waiting.run_id != answered.run_id

    async def test_another_tenants_run_is_an_unknown_run(self, journal: Journal) -> None:
        """Every method of clients answers for a foreign id exactly as for one that does not exist."""
        run = await born(journal)
        asked: list[Callable[[RunId], Any]] = [
            lambda run_id: journal.history(BERT, run_id),
            lambda run_id: journal.page(BERT, run_id, 0),
            lambda run_id: journal.page(BERT, run_id, 1, 5),
            lambda run_id: journal.control(BERT, run_id, adding([ev.RunCancelling()], run.row)),
        ]

        for ask in asked:
            said = []
            for run_id in (run.run_id, NOBODY):
                with pytest.raises(RunMissing) as missing:
                    await ask(run_id)
                said.append(missing.value.message.replace(run_id, "…"))
            assert said[0] == said[1]
        assert list(await journal.runs(BERT, NOTHING, None, 9)) == []
        assert (await stored(journal, run)).tip == run.tip


async def _awaiting(journal: Journal) -> Born:
    """Return a run that waits for its approval, as its newest event says."""
    run = await born(journal, status="planning")
    asking: list[Record] = following(run.run_id, run.tip, [ev.RunAwaitingApproval(plan_hash="h")])
    row = run.row._replace(status="awaiting_approval")
    await journal.append(run.run_id, 1, run.tip, asking, row)
    return Born(row, (*run.records, *asking))
