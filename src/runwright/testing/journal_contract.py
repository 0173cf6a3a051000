"""What every journal must do, as tests.

Subclass `JournalContract` in a test module and give it two fixtures: `journal`, a fresh and empty journal,
and `reopened`, a function that closes the journal and returns it as a new process would find it. It runs
under pytest with pytest-asyncio. What lists show is in `runs_contract`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest

from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, Tip, chained, verified
from runwright.core.errors import ClaimLost, IllegalTransition, KeyReused, RunMissing, StaleAppend
from runwright.core.events import Event, Fact
from runwright.core.ids import RunId, Tenant
from runwright.core.state import RunStatus
from runwright.ports import Claim, Control, Created, History, IdempotencyKey, Journal, RunRow

ANNA, BERT = Tenant("anna"), Tenant("bert")
NOBODY = RunId("run_00000000000000000000000000000000")
WORKER = "worker-1"
_numbers = count(1)


class Born(NamedTuple):
    """A run as it was written at its creation."""

    row: RunRow
    records: tuple[Record, ...]

    @property
    def run_id(self) -> RunId:
        return self.row.run_id

    @property
    def tip(self) -> Tip:
        return Tip(self.records[-1].seq, self.records[-1].hash)


def new_run(tenant: Tenant = ANNA, **columns: Any) -> Born:
    """Return a run with its first event, not stored yet; ids begin with the time, as those of the product.

    Runs are born a millisecond apart from 1,000 s on: however many tests there are, all before 1,500 s.
    """
    number = next(_numbers)
    row = RunRow(
        RunId(f"run_{1_000_000 + number:012x}{number:020x}"),
        tenant,
        "pending",
        f"prompt {number}",
        1_000.0 + number / 1_000,
    )
    row = row._replace(**columns)
    first = ev.RunCreated(tenant=tenant, prompt=row.prompt, deadline_s=60.0, metadata={"n": number})
    return Born(row, tuple(following(row.run_id, EMPTY, [first])))


def following(run_id: RunId, tip: Tip, facts: Sequence[Fact]) -> list[Record]:
    """Return records of facts that stand behind the tip."""
    events = [Event(seq, 1_000.0, fact) for seq, fact in enumerate(facts, start=tip.seq + 1)]
    return chained(run_id, tip, events)[0]


def some(run_id: RunId, tip: Tip, length: int = 1) -> list[Record]:
    """Return any records that stand behind the tip; none looks like another."""
    return following(run_id, tip, [ev.StepSkipped(reason=str(next(_numbers))) for _ in range(length)])


def adding(facts: Sequence[Fact], row: RunRow) -> Control:
    """Return a control that adds these facts, whatever it finds."""
    return lambda found: (following(found.run_id, found.tip, facts), row)


async def born(
    journal: Journal, tenant: Tenant = ANNA, *, worker: str | None = WORKER, **columns: Any
) -> Born:
    """Return a new run, stored, and claimed with epoch 1 unless there is no worker."""
    run = new_run(tenant, **columns)
    await journal.create(run.row, run.records, worker=worker, key=None)
    return run


async def stored(journal: Journal, run: Born) -> History:
    """Return what the journal holds of a run, once its chain has been verified."""
    history = await journal.history(run.row.tenant, run.run_id)
    verified(history.records, EMPTY, history.tip)
    return history


async def outcomes(works: Sequence[Awaitable[Any]]) -> list[Any]:
    """Return results and errors of work that is asked for at the same moment."""
    return await asyncio.gather(*works, return_exceptions=True)


class JournalContract:
    """The behaviour of `Journal`; every test gets a journal of its own."""

    async def test_a_new_run_is_stored_as_it_was_given(self, journal: Journal) -> None:
        """Its records come back byte for byte, with the tip that they end at."""
        run = new_run()
        made = await journal.create(run.row, run.records, worker=None, key=None)

        assert made == Created(run.run_id, fresh=True)
        assert await journal.history(ANNA, run.run_id) == History(run.run_id, run.tip, run.records)

    async def test_a_run_may_be_born_claimed(self, journal: Journal) -> None:
        """With a worker the epoch is 1 from the start; without one the first claim makes it 1."""
        claimed, unclaimed = await born(journal), await born(journal, worker=None)
        await journal.append(claimed.run_id, 1, claimed.tip, some(claimed.run_id, claimed.tip), None)
        claim = await journal.claim(unclaimed.run_id, WORKER)

        assert claim == Claim(1, History(unclaimed.run_id, unclaimed.tip, unclaimed.records))

    async def test_a_key_makes_one_run(self, journal: Journal) -> None:
        """The same key with the same body gives the first run; nothing else is written."""
        first, second = new_run(), new_run()
        key = IdempotencyKey("once", b"body")
        await journal.create(first.row, first.records, worker=None, key=key)
        again = await journal.create(second.row, second.records, worker=None, key=key)

        assert again == Created(first.run_id, fresh=False)
        with pytest.raises(RunMissing):
            await journal.history(ANNA, second.run_id)

    async def test_a_key_with_another_body_is_refused(self, journal: Journal) -> None:
        """The key belongs to the body that it came with, for its tenant alone."""
        first, second, third = new_run(), new_run(), new_run(BERT)
        await journal.create(first.row, first.records, worker=None, key=IdempotencyKey("k", b"one"))
        other = IdempotencyKey("k", b"two")
        with pytest.raises(KeyReused):
            await journal.create(second.row, second.records, worker=None, key=other)
        of_another = await journal.create(third.row, third.records, worker=None, key=other)

        assert of_another == Created(third.run_id, fresh=True)
        with pytest.raises(RunMissing):
            await journal.history(ANNA, second.run_id)

    async def test_many_creations_with_one_key_make_one_run(self, journal: Journal) -> None:
        """Of creations at the same moment one is fresh, and all others answer with its id."""
        runs, key = [new_run() for _ in range(40)], IdempotencyKey("once", b"body")
        made = await outcomes([journal.create(r.row, r.records, worker=None, key=key) for r in runs])

        assert sum(one.fresh for one in made) == 1
        assert len({one.run_id for one in made}) == 1

    async def test_every_claim_raises_the_epoch(self, journal: Journal) -> None:
        """A claim gives the whole journal and shuts out every worker before it."""
        run = await born(journal)
        claims = await outcomes([journal.claim(run.run_id, f"worker-{n}") for n in range(5)])
        newest = Claim(6, History(run.run_id, run.tip, run.records))

        assert sorted(claim.epoch for claim in claims) == [2, 3, 4, 5, 6]
        assert newest in claims
        with pytest.raises(ClaimLost) as lost:
            await journal.append(run.run_id, 5, run.tip, some(run.run_id, run.tip), None)
        assert (lost.value.epoch, lost.value.actual_epoch) == (5, 6)
        assert await stored(journal, run) == newest.history
        await journal.append(run.run_id, 6, run.tip, some(run.run_id, run.tip), None)

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    async def test_a_run_that_is_over_is_not_claimed(self, journal: Journal, status: RunStatus) -> None:
        """Neither is one that does not exist; the epoch of an ended run stays as it is."""
        run = await born(journal)
        end = some(run.run_id, run.tip)
        await journal.append(run.run_id, 1, run.tip, end, run.row._replace(status=status))
        tip = Tip(end[-1].seq, end[-1].hash)

        assert await journal.claim(run.run_id, WORKER) is None
        assert await journal.claim(NOBODY, WORKER) is None
        await journal.append(run.run_id, 1, tip, some(run.run_id, tip), None)

    async def test_an_append_stands_behind_the_tip(self, journal: Journal) -> None:
        """Records of an append are all there, in order; the next append stands behind them."""
        run = await born(journal)
        more = some(run.run_id, run.tip, 3)
        await journal.append(run.run_id, 1, run.tip, more, None)

        assert await stored(journal, run) == History(run.run_id, Tip(4, more[-1].hash), (*run.records, *more))

    async def test_an_append_to_an_old_tip_is_refused(self, journal: Journal) -> None:
        """Nothing of it is written, and the error tells both seqs."""
        run = await born(journal)
        await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 2), None)
        with pytest.raises(StaleAppend) as stale:
            await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 5), None)

        assert (stale.value.expected_seq, stale.value.actual_seq) == (1, 3)
        assert len((await stored(journal, run)).records) == 3
        with pytest.raises(RunMissing):
            await journal.append(NOBODY, 1, run.tip, some(NOBODY, run.tip), None)

    async def test_of_appends_to_one_tip_one_is_written(self, journal: Journal) -> None:
        """Two drivers of one epoch cannot both be believed."""
        run = await born(journal)
        works = [journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None) for _ in range(20)]
        found = await outcomes(works)

        assert sum(one is None for one in found) == 1
        assert sum(isinstance(one, StaleAppend) for one in found) == 19
        assert len((await stored(journal, run)).records) == 2

    async def test_a_control_event_stands_behind_what_is_there(self, journal: Journal) -> None:
        """It needs no epoch and takes none away: the worker rereads and goes on."""
        run = await born(journal)
        added = await journal.control(ANNA, run.run_id, adding([ev.RunCancelling()], run.row))
        with pytest.raises(StaleAppend):
            await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip), None)
        page = await journal.page(ANNA, run.run_id, run.tip.seq)
        await journal.append(run.run_id, 1, page.tip, some(run.run_id, page.tip), None)

        assert added == History(run.run_id, page.tip, (*run.records, *page.records))
        assert [record.type for record in page.records] == ["run.cancelling"]
        assert len((await stored(journal, run)).records) == 3

    async def test_a_control_that_refuses_writes_nothing(self, journal: Journal) -> None:
        """Its error reaches the caller; a control without records changes nothing either."""
        run = await born(journal)

        def refuse(found: History) -> tuple[Sequence[Record], RunRow]:
            raise IllegalTransition(f"refused at {found.tip.seq}")

        with pytest.raises(IllegalTransition, match="refused at 1"):
            await journal.control(ANNA, run.run_id, refuse)
        nothing = await journal.control(ANNA, run.run_id, lambda found: ((), run.row))

        assert nothing == await stored(journal, run) == History(run.run_id, run.tip, run.records)

    async def test_controls_and_appends_race_without_a_gap(self, journal: Journal) -> None:
        """Every control is written; an append is written, or refused and tried again behind the control."""
        run = await born(journal)

        async def work() -> None:
            for _ in range(15):
                tip = (await journal.history(ANNA, run.run_id)).tip
                try:
                    await journal.append(run.run_id, 1, tip, some(run.run_id, tip, 2), None)
                except StaleAppend:
                    continue

        async def client() -> None:
            for _ in range(5):
                await journal.control(ANNA, run.run_id, adding([ev.RunCancelling()], run.row))

        await asyncio.gather(work(), *(client() for _ in range(4)))
        history = await stored(journal, run)
        kinds = [record.type for record in history.records]

        assert kinds.count("run.cancelling") == 20
        assert kinds.count("step.skipped") % 2 == 0
        assert [record.seq for record in history.records] == list(range(1, len(kinds) + 1))

    async def test_one_bad_piece_of_work_fails_alone(self, journal: Journal) -> None:
        """Work of the same moment is written although a neighbour is refused or breaks down."""
        runs = [await born(journal) for _ in range(6)]

        def broken(found: History) -> tuple[Sequence[Record], RunRow]:
            raise ZeroDivisionError

        works = [journal.append(r.run_id, 1, r.tip, some(r.run_id, r.tip), None) for r in runs[:4]]
        stale = journal.append(runs[4].run_id, 9, runs[4].tip, some(runs[4].run_id, runs[4].tip), None)
        found = await outcomes([*works[:2], stale, journal.control(ANNA, runs[5].run_id, broken), *works[2:]])

        assert [type(one) for one in found if one is not None] == [ClaimLost, ZeroDivisionError]
        assert [(await stored(journal, run)).tip.seq for run in runs] == [2, 2, 2, 2, 1, 1]

    async def test_what_was_answered_outlives_the_process(
        self, journal: Journal, reopened: Callable[[], Awaitable[Journal]]
    ) -> None:
        """Runs, epochs and keys are found by the next process as they were left."""
        run, key = new_run(), IdempotencyKey("k", b"body")
        await journal.create(run.row, run.records, worker=WORKER, key=key)
        await journal.append(run.run_id, 1, run.tip, some(run.run_id, run.tip, 3), None)
        before = await stored(journal, run)
        later = await reopened()
        again = new_run()

        assert await stored(later, run) == before
        assert await later.create(again.row, again.records, worker=None, key=key) == (run.run_id, False)
        claim = await later.claim(run.run_id, WORKER)
        assert claim == Claim(2, before)
