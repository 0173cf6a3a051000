"""What the journal in PostgreSQL writes in groups: new runs, claims, appends, each many in one statement."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from runwright.adapters import journal_postgres_sql as sql
from runwright.adapters.journal_postgres_rows import HASH_BYTES, PREFIX, columns, deflated, run_id_of
from runwright.adapters.postgres import Connection
from runwright.adapters.run_rows import KEY_LIFE_S, changing, document_columns
from runwright.core.codec import Record, Tip
from runwright.core.errors import ClaimLost, KeyReused, RunMissing, RunwrightError, StaleAppend
from runwright.core.ids import RunId
from runwright.crash_points import crash_here
from runwright.ports import Created, IdempotencyKey, RunRow

_AS_BEFORE = (None,) * 8
EVENTS_AT_ONCE = 1_000  # of runs that are being claimed, unless one alone has more


class Creation(NamedTuple):
    row: RunRow
    records: Sequence[Record]
    worker: str | None
    key: IdempotencyKey | None


class Claiming(NamedTuple):
    run_id: RunId
    worker: str


class Claimed(NamedTuple):
    """A claim that was made; `rows` are those of the run's events."""

    epoch: int
    tip: Tip
    rows: list[Sequence[Any]]


class Append(NamedTuple):
    run_id: RunId
    epoch: int
    tip: Tip
    records: Sequence[Record]
    row: RunRow | None


async def created(con: Connection, batch: Sequence[Creation]) -> list[Created | Exception]:
    """Create runs in one statement; a key that is in use makes its run's answer, or refuses it."""
    now_s = time.time()
    crash_here("create.before_insert")
    batch_in_order = sorted(batch, key=lambda one: (one.row.tenant, one.key.key if one.key else ""))
    runs = [
        (
            one.row.run_id[PREFIX:],
            one.row.tenant,
            one.row.status,
            1 if one.worker is not None else 0,
            one.records[-1].seq,
            one.records[-1].hash,
            one.worker,
            one.row.created_at_s,
            one.row.started_at_s,
            one.row.completed_at_s,
            one.row.plan_hash,
            _spaced(one.row.tools),
            one.row.prompt.encode(),
            _folded(one.row.prompt),
            one.row.document and deflated(one.row.document),
            one.key and one.key.key,
            one.key and one.key.body_hash,
            changing(one.records[-1], one.row)[-1],
            document_columns(one.row)[-1],
            *columns(one.row.run_id, one.records)[2:],
        )
        for one in batch_in_order
    ]
    crash_here("create.before_commit")
    made = await con.fetch(sql.CREATE, *zip(*runs, strict=True), now_s, now_s - KEY_LIFE_S)
    fresh = {row[0].hex for row in made}
    if len(fresh) == len(batch):
        return [Created(one.row.run_id, fresh=True) for one in batch]
    known = await _known(con, [one for one in batch if one.row.run_id[PREFIX:] not in fresh])
    return [
        Created(one.row.run_id, fresh=True) if one.row.run_id[PREFIX:] in fresh else known[one.row.run_id]
        for one in batch
    ]


async def _known(con: Connection, batch: Sequence[Creation]) -> dict[RunId, Created | Exception]:
    """What the keys of creations stand for."""
    tenants, keys = [one.row.tenant for one in batch], [one.key.key if one.key else "" for one in batch]
    rows = {(row[0], row[1]): row[2:] for row in await con.fetch(sql.KEYS, tenants, keys)}
    found: dict[RunId, Created | Exception] = {}
    for one in batch:
        assert one.key is not None, "a run without a key was not created"
        body_hash, uuid = rows[one.row.tenant, one.key.key]
        same = body_hash == one.key.body_hash
        found[one.row.run_id] = Created(run_id_of(uuid), fresh=False) if same else KeyReused()
    return found


async def creations_found(con: Connection, batch: Sequence[Creation]) -> dict[int, Created]:
    """The creations that are on file."""
    asked = [one.row.run_id[PREFIX:] for one in batch]
    found = {row[0].hex for row in await con.fetch(sql.TIPS, asked)}
    return {
        place: Created(batch[place].row.run_id, fresh=True)
        for place, uuid in enumerate(asked)
        if uuid in found
    }


async def claimed(con: Connection, batch: Sequence[Claiming]) -> list[Claimed | None]:
    """Claim runs in one statement; None for those that cannot be claimed.

    The new epochs are durable before the events are read, so none can be missing.
    """
    for _ in batch:
        crash_here("claim.before_commit")
    asked = [one.run_id[PREFIX:] for one in batch], [one.worker for one in batch]
    rows = await con.fetch(sql.CLAIM, *asked)
    found = {row[0]: Claimed(row[1], Tip(*row[2:]), []) for row in rows}
    for some in _read_at_once([(row[0], row[2]) for row in rows]):
        for uuid, *event in await con.fetch(sql.CLAIMED, *zip(*some, strict=True)):
            found[uuid].rows.append(event)
    return [found.get(UUID(one.run_id[PREFIX:])) for one in batch]


def _read_at_once(journals: Sequence[tuple[UUID, int]]) -> Iterator[list[tuple[UUID, int]]]:
    """Runs, with how many events they have, in parts that are not too much for one answer."""
    some, size = list[tuple[UUID, int]](), 0
    for journal in journals:
        if some and size + journal[1] > EVENTS_AT_ONCE:
            yield some
            some, size = [], 0
        some.append(journal)
        size += journal[1]
    if some:
        yield some


async def claims_found(con: Connection, batch: Sequence[Claiming]) -> dict[int, Claimed | None]:
    """None of them: a claim that may have been made is made again, and raises the epoch once more."""
    return {}


async def appended(con: Connection, batch: Sequence[Append]) -> list[Exception | None]:
    for one in batch:
        crash_here("append.before_commit", one.records)
    return await written(con, batch)


async def written(con: Connection, batch: Sequence[Append]) -> list[Exception | None]:
    """Append to runs in one statement, under the fence of each."""
    if len(batch) == 1 and batch[0].row is None:
        return [await _written_alone(con, batch[0])]
    appends = [_fenced(one) for one in batch]
    if any(one.row is not None for one in batch):
        appends = [(*fenced, *_shown(one)) for fenced, one in zip(appends, batch, strict=True)]
        own = await con.fetchval(sql.APPEND_AND_SHOW, *zip(*appends, strict=True))
    else:
        own = await con.fetchval(sql.APPEND, *zip(*appends, strict=True))
    if own is None:
        return [None] * len(batch)
    done = {uuid.hex for uuid in own}
    refusals = await _refusals(con, [one for one in batch if one.run_id[PREFIX:] not in done])
    return [refusals.get(one.run_id) for one in batch]


async def _written_alone(con: Connection, one: Append) -> Exception | None:
    if await con.execute(sql.APPEND_ONE, *_fenced(one)) != "INSERT 0 0":
        return None
    return (await _refusals(con, [one]))[one.run_id]


async def _refusals(con: Connection, refused: Sequence[Append]) -> dict[RunId, Exception]:
    rows = await con.fetch(sql.FENCES, [one.run_id[PREFIX:] for one in refused])
    actual = {row[0].hex: (row[1], row[2]) for row in rows}
    return {one.run_id: _refusal(one, actual) for one in refused}


def _refusal(one: Append, actual: dict[str, tuple[int, int]]) -> RunwrightError:
    if one.run_id[PREFIX:] not in actual:
        return missing(one.run_id)
    epoch, seq = actual[one.run_id[PREFIX:]]
    return ClaimLost(one.epoch, epoch) if epoch != one.epoch else StaleAppend(one.tip.seq, seq)


async def appends_found(con: Connection, batch: Sequence[Append]) -> dict[int, None]:
    """The appends that are on file: their last record is there, with their hash."""
    asked = [one.run_id[PREFIX:] for one in batch], [one.records[-1].seq for one in batch]
    found = {(row[0].hex, row[1]): row[2] for row in await con.fetch(sql.HASHES, *asked)}
    return {
        place: None
        for place, one in enumerate(batch)
        if found.get((one.run_id[PREFIX:], one.records[-1].seq), b"")[-HASH_BYTES:] == one.records[-1].hash
    }


def _fenced(one: Append) -> tuple[Any, ...]:
    """The fence of an append, and what is to stand behind it."""
    uuid, last, *added = columns(one.run_id, one.records)
    return uuid, one.epoch, one.tip.seq, last, *added


def _shown(one: Append) -> tuple[Any, ...]:
    """What lists are to show of a run from now on, if that has changed."""
    if one.row is None:
        return _AS_BEFORE
    _, document, witness = document_columns(one.row)
    return (*changing(one.records[-1], one.row)[2:], document and deflated(document), witness)


def _spaced(tools: Sequence[str]) -> str:
    return f" {' '.join(tools)} " if tools else ""


def _folded(prompt: str) -> bytes | None:
    folded = prompt.casefold()
    return None if folded == prompt else folded.encode()


def size_of(records: Sequence[Record]) -> int:
    return sum(len(record.body) for record in records)


def missing(run_id: RunId) -> RunMissing:
    return RunMissing(f"there is no run {run_id}")
