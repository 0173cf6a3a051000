"""What an append has added shares a row, in a form that every later build can read."""

from __future__ import annotations

from typing import Any

import asyncpg
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.postgres_opened import opened
from runwright.adapters.journal_postgres_rows import DEFLATED_BYTES_MAX, columns, records_of
from runwright.adapters.postgres_schema import migrations
from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, Tip, chained, verified
from runwright.core.errors import RunCorrupt
from runwright.core.events import Event, Fact
from runwright.core.ids import RunId
from runwright.core.plan import Plan
from runwright.ports import RunFilter
from runwright.testing.journal_contract import ANNA, WORKER, born, some, stored
from services.postgres import Server, migrated

RUN = RunId("run_" + "0123456789abcdef" * 2)
GOLDEN = "0283bacb10a41dd961e8416768696e80ea34a079589c4620e89412812e400b1fa4e03104fa8c2ece48c2ea0c00"
# what a tool may say: separators, braces, the run's own id, what looks like an envelope
NASTY = [
    "\x1e",
    "\n",
    "{",
    f'"run_id":"{RUN}",',
    ',"at":',
    '"seq":2,"type":"run.awaiting_approval"',
    "\ud7ff\0",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text() | st.sampled_from(NASTY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(NASTY), inner, max_size=3)
    ),
    max_leaves=6,
)


def succeeded(*outputs: Any) -> list[Record]:
    """The records of steps that ended so, behind ten others."""
    facts: list[Fact] = [ev.StepSucceeded(attempt=1, output=output, duration_ms=0.1) for output in outputs]
    tip = Tip(10, b"h" * 16)
    return chained(RUN, tip, [Event(11 + n, 1.0, fact, 1) for n, fact in enumerate(facts)])[0]


def row(records: list[Record]) -> tuple[int, bytes, bytes]:
    _, seq, hashes, body, _ = columns(RUN, records)
    return seq, hashes, body


@given(st.lists(JSON, min_size=1, max_size=4))
@example(NASTY)
@example(["x" * DEFLATED_BYTES_MAX])
def test_records_come_back_as_they_were(outputs: list[Any]) -> None:
    """Byte for byte, whatever tools have said."""
    records = succeeded(*outputs)

    assert list(records_of(RUN, [row(records)])) == records


def test_a_row_is_short() -> None:
    """What every event says is not in it: two events of a chain take a few dozen bytes beside their hashes."""
    records = succeeded({"step": "s1", "ok": True}, {"step": "s2", "ok": True})
    _, hashes, body = row(records)

    assert len(hashes) == 32
    assert len(body) < 100 < sum(len(record.body) for record in records)


def test_what_an_older_build_has_deflated_can_be_read() -> None:
    """A row as it lies in databases: the dictionary and the form must never change."""
    deflated = bytes.fromhex(GOLDEN)

    assert list(
        records_of(RUN, [(12, b"".join(r.hash for r in succeeded("a", "b")), deflated)])
    ) == succeeded("a", "b")


@given(st.data())
def test_a_damaged_row_is_never_taken_for_a_sound_one(data: st.DataObject) -> None:
    """Whichever byte is another one: there is an error that names an event, and no other error."""
    records = succeeded({"step": "s1"}, "x", 3)
    seq, *texts = row(records)
    which = data.draw(st.integers(0, 1))
    at = data.draw(st.integers(0, len(texts[which]) - 1))
    damaged = bytearray(texts[which])
    damaged[at] ^= data.draw(st.integers(1, 255))
    texts[which] = bytes(damaged)
    found = tuple(records_of(RUN, [(seq, *texts)]))
    try:
        verified(found, Tip(10, b"h" * 16), Tip(13, records[-1].hash), RUN)
    except RunCorrupt:
        return
    assert found == tuple(records)  # the last bits of what is deflated mean nothing


async def test_a_page_begins_and_ends_within_an_append(postgres_url: str) -> None:
    """Readers count events, whatever row they stand in; and the chain holds from any of them on."""
    async with opened(postgres_url) as store:
        run = await born(store.journal)
        records = some(run.run_id, run.tip, 9)
        await store.journal.append(run.run_id, 1, run.tip, records, None)
        everything = (await stored(store.journal, run)).records
        for after in range(11):
            for limit in (1, 2, None):
                page = await store.journal.page(ANNA, run.run_id, after, limit, 10_000)
                assert page.records == everything[after:][:limit]
                assert len(page.verified(run.run_id)) == len(page.records)
        small = await store.journal.page(ANNA, run.run_id, 4, None, 1)

    assert small.records == everything[4:5]
    assert small.cut


async def test_rows_of_an_older_schema_are_carried_over(postgres: Server) -> None:
    """A run that was begun with a row for each event is read, carried on and approved."""
    name = postgres.empty()
    facts = [
        ev.RunCreated(tenant="anna", prompt="p", deadline_s=60.0),
        ev.PlanAccepted(plan=Plan(plan_id="plan_1", goal="g", steps=(), source="given", plan_hash="h")),
        ev.RunAwaitingApproval(plan_hash="h"),
    ]
    records, tip = chained(RUN, EMPTY, [Event(n, 1.0, fact) for n, fact in enumerate(facts, start=1)])
    con = await asyncpg.connect(postgres.url(name))
    await con.execute(
        "CREATE TABLE schema_version (version int PRIMARY KEY, applied_at timestamptz DEFAULT now())"
    )
    older = next(n for n, script in enumerate(migrations()) if "TO hashes" in script)
    for number, script in enumerate(migrations()[:older], start=1):
        await con.execute(script)
        await con.execute("INSERT INTO schema_version VALUES ($1)", number)
    await con.execute(
        "INSERT INTO runs VALUES ($1, 'anna', 'awaiting_approval', 1, 3, $2, 'w', 1, NULL, NULL, NULL, '')",
        RUN[4:],
        tip.hash,
    )
    await con.execute("INSERT INTO run_documents VALUES ($1, 'p')", RUN[4:])
    for record in records:
        await con.execute(
            "INSERT INTO events (run_id, seq, type, body, hash) VALUES ($1, $2, $3, $4, $5)", RUN[4:], *record
        )
    await con.close()
    async with opened(postgres.url(name)) as store:
        await migrated(store.url)
        before = await store.journal.history(ANNA, RUN)
        waiting = await store.journal.unfinished()
        added = some(RUN, tip, 2)
        await store.journal.append(RUN, 1, tip, added, None)
        after = await store.journal.history(ANNA, RUN)
        damaged = await store.journal.damaged([RUN])
        shown = await store.journal.runs(ANNA, RunFilter(), None, 9)
        taken = await store.journal.claim(RUN, WORKER)
    postgres.drop(name)

    assert before.records == tuple(records)
    assert waiting == []
    assert after.records == (*records, *added)
    assert verified(after.records, EMPTY, after.tip, RUN)
    assert (damaged, len(shown)) == (frozenset(), 1)
    assert taken is not None and taken.history.records == after.records
