"""What every store must do with what is not kept for ever, as tests.

Subclass `ExpiryContract` as `ArchiveContract`, with the fixture `expiry` besides.
"""

from __future__ import annotations

import time

import pytest

from runwright.archive_port import Archive
from runwright.core import events as ev
from runwright.core.errors import RunMissing
from runwright.expiry_port import Expiry, Leftovers
from runwright.ports import IdempotencyKey, Journal, RunFilter
from runwright.testing.archive_contract import ended, move
from runwright.testing.journal_contract import ANNA, BERT, adding, born, new_run, outcomes, stored

NOTHING = RunFilter()
NOW_S = 3_000.0


class ExpiryContract:
    """The behaviour of `Expiry`."""

    async def test_runs_that_ended_long_ago_are_deleted_with_everything(
        self, journal: Journal, archive: Archive, expiry: Expiry
    ) -> None:
        """Archived or not; others, those that go on, and those of another tenant stay as they are."""
        old = [await ended(journal, completed_at_s=2_000.0 + n) for n in range(5)]
        late = await ended(journal, completed_at_s=NOW_S + 1)
        going, other = await born(journal, status="running"), await born(journal, BERT)
        assert await move(archive, [old[0].run_id, old[3].run_id]) == 2
        kept = [await stored(journal, run) for run in (late, going, other)]
        found = await expiry.over(ANNA, NOW_S, None, 100)
        ids = [one.run_id for one in found]
        two = [one.run_id for one in await expiry.over(ANNA, NOW_S, ids[1], 2)]
        deleted = await expiry.delete(ANNA, [*ids, late.run_id, going.run_id, other.run_id], NOW_S)

        assert list(await expiry.tenants()) == [ANNA, BERT]
        assert ids == [run.run_id for run in old]
        assert two == ids[2:4]
        assert all(one.size > 100 for one in found)
        assert deleted == 5
        for run in old:
            with pytest.raises(RunMissing):
                await journal.history(ANNA, run.run_id)
        assert [await stored(journal, run) for run in (late, going, other)] == kept
        assert [row.run_id for row in await journal.runs(ANNA, NOTHING, None, 9)] == [
            going.run_id,
            late.run_id,
        ]
        assert await archive.copies(ids) == []

    async def test_a_run_that_was_restarted_is_not_deleted(self, journal: Journal, expiry: Expiry) -> None:
        """Whoever meant to delete it finds that it goes on."""
        run = await ended(journal)
        going = run.row._replace(status="running", completed_at_s=None, document=None)
        await journal.control(ANNA, run.run_id, adding([ev.RunRestarted()], going))

        assert await expiry.delete(ANNA, [run.run_id], NOW_S) == 0
        assert len((await stored(journal, run)).records) == 7

    async def test_another_tenants_run_is_not_deleted(self, journal: Journal, expiry: Expiry) -> None:
        """How long a run is kept is its own tenant's business."""
        run = await ended(journal)

        assert await expiry.delete(BERT, [run.run_id], NOW_S) == 0
        await stored(journal, run)

    async def test_two_that_delete_at_once_delete_each_run_once(
        self, journal: Journal, expiry: Expiry
    ) -> None:
        """None fails, and none counts what another one deleted."""
        ids = [(await ended(journal)).run_id for _ in range(20)]
        counts = await outcomes([expiry.delete(ANNA, ids, NOW_S) for _ in range(4)])

        assert sum(counts) == 20
        assert await expiry.over(ANNA, NOW_S, None, 100) == []

    async def test_keys_are_forgotten_after_their_day(self, journal: Journal, expiry: Expiry) -> None:
        """A few at a time, and none before."""
        for n in range(7):
            run = new_run()
            await journal.create(run.row, run.records, worker=None, key=IdempotencyKey(f"k{n}", b""))
        now_s, later_s = time.time(), time.time() + 25 * 3_600
        counted = await expiry.leftovers(now_s), await expiry.leftovers(later_s)
        forgotten = [await expiry.forget(at_s, 4) for at_s in (now_s, later_s, later_s, later_s)]

        assert counted == (Leftovers(0, 0), Leftovers(7, 0))
        assert [one.idempotency_keys for one in forgotten] == [0, 4, 3, 0]
