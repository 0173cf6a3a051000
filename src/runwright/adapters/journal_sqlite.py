"""The journal in a SQLite file."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator, Sequence
from functools import partial
from typing import Any

import apsw

from runwright.adapters.archived_sqlite import (
    INSERT_EVENT,
    archived_page,
    archived_tip_hash,
    archived_whole,
    take_back,
)
from runwright.adapters.run_lists_sqlite import listed
from runwright.adapters.run_rows import KEY_LIFE_S, changing, document_columns, is_sound
from runwright.adapters.sqlite import Reader, Writer
from runwright.core.codec import EMPTY, Record, Tip, link
from runwright.core.errors import ClaimLost, KeyReused, RunCorrupt, RunMissing, StaleAppend
from runwright.core.ids import RunId, Tenant
from runwright.core.state import OVER, RunStatus
from runwright.crash_points import crash_here
from runwright.ports import Claim, Control, Created, History, IdempotencyKey, Page, RunFilter, RunRow

EXPIRED_KEYS_MAX = 4  # deleted with each new key: the table holds the keys of a day, and little more

_INSERT_RUN = """
INSERT INTO runs
    (run_id, tenant, created_at, epoch, worker, seq, head, status, started_at, completed_at, plan_hash, tools,
     witness)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_DOCUMENT = "INSERT INTO run_documents (run_id, prompt, document, witness) VALUES (?, ?, ?, ?)"
_FENCED = "UPDATE runs SET seq = ?, head = ? WHERE run_id = ? AND epoch = ? AND seq = ?"
_FENCED_ROW = """
UPDATE runs
SET seq = ?, head = ?, status = ?, started_at = ?, completed_at = ?, plan_hash = ?, tools = ?, witness = ?
WHERE run_id = ? AND epoch = ? AND seq = ?"""
_SET_DOCUMENT = "UPDATE run_documents SET prompt = ?, document = ?, witness = ? WHERE run_id = ?"
_CLAIM = """
UPDATE runs SET epoch = epoch + 1, worker = ?
WHERE run_id = ? AND status NOT IN ('completed', 'failed', 'cancelled')
RETURNING epoch, seq, head"""
_TIP = "SELECT epoch, seq, head, status FROM runs WHERE run_id = ?"
_OWN_TIP = "SELECT epoch, seq, head, status FROM runs WHERE run_id = ? AND tenant = ?"
_ROW = """
SELECT seq, head, witness, run_id, tenant, status, created_at, started_at, completed_at, plan_hash, tools
FROM runs WHERE run_id = ?"""
_DOCUMENT = "SELECT witness, run_id, prompt, document FROM run_documents WHERE run_id = ?"
_RECORDS = "SELECT seq, type, body, hash FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_CHAIN = "SELECT seq, body, hash FROM events WHERE run_id = ? ORDER BY seq"
_HASH = "SELECT hash FROM events WHERE run_id = ? AND seq = ?"
_KEY = "SELECT body_hash, run_id FROM idempotency_keys WHERE tenant = ? AND key = ? AND created_at > ?"
_PUT_KEY = """
INSERT OR REPLACE INTO idempotency_keys (tenant, key, body_hash, run_id, created_at) VALUES (?, ?, ?, ?, ?)"""
_DROP_KEYS = """
DELETE FROM idempotency_keys WHERE (tenant, key) IN
    (SELECT tenant, key FROM idempotency_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?)"""
# The statuses are those of the index. A run whose approval was answered keeps its status until a worker
# has heard the answer; it waits for nobody any more, and its newest event says so.
_UNFINISHED = """
SELECT run_id FROM runs
WHERE status IN ('pending', 'planning', 'awaiting_approval', 'running')
  AND (status <> 'awaiting_approval' OR 'run.awaiting_approval' <>
       (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq))
ORDER BY run_id"""
_NO_LIMIT = -1


class SqliteJournal:
    """`Journal` on one file that this process alone writes."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    async def create(
        self, row: RunRow, records: Sequence[Record], *, worker: str | None, key: IdempotencyKey | None
    ) -> Created:
        def work(con: apsw.Connection) -> Created:
            crash_here("create.before_insert")
            if key is not None:
                now_s = time.time()
                known = con.execute(_KEY, (row.tenant, key.key, now_s - KEY_LIFE_S)).fetchone()
                if known:
                    if known[0] != key.body_hash:
                        raise KeyReused
                    return Created(RunId(known[1]), fresh=False)
                con.execute(_DROP_KEYS, (now_s - KEY_LIFE_S, EXPIRED_KEYS_MAX))
                con.execute(_PUT_KEY, (row.tenant, key.key, key.body_hash, row.run_id, now_s))
            last, epoch = records[-1], 1 if worker is not None else 0
            born = (row.run_id, row.tenant, row.created_at_s, epoch, worker)
            con.execute(_INSERT_RUN, (*born, *changing(last, row)))
            con.execute(_INSERT_DOCUMENT, (row.run_id, *document_columns(row)))
            _insert(con, row.run_id, records)
            crash_here("create.before_commit")
            return Created(row.run_id, fresh=True)

        return await self._writer.submit(work)

    async def claim(self, run_id: RunId, worker: str) -> Claim | None:
        def work(con: apsw.Connection) -> Claim | None:
            row = con.execute(_CLAIM, (worker, run_id)).fetchone()
            if row is None:
                return None
            epoch, seq, head = row
            records = _records(con.execute(_RECORDS, (run_id, 0, _NO_LIMIT)).fetchall())
            crash_here("claim.before_commit")
            return Claim(epoch, History(run_id, Tip(seq, head), records))

        return await self._writer.submit(work)

    def append(
        self, run_id: RunId, epoch: int, tip: Tip, records: Sequence[Record], row: RunRow | None
    ) -> Awaitable[None]:
        return self._writer.submit(partial(_append, run_id, epoch, tip, records, row))

    async def control(self, tenant: Tenant, run_id: RunId, control: Control) -> History:
        def work(con: apsw.Connection) -> History:
            own = con.execute(_OWN_TIP, (run_id, tenant)).fetchone()
            if own is None:
                raise _missing(run_id)
            epoch, seq, head, status = own
            old = _records(con.execute(_RECORDS, (run_id, 0, _NO_LIMIT)).fetchall())
            tip = Tip(seq, head)
            kept = () if old else archived_page(partial(_all, con), run_id, 0)[1]
            old = old or kept
            new, row = control(History(run_id, tip, old))
            if not new:
                return History(run_id, tip, old)
            if status in OVER:
                take_back(con, run_id, kept)
            _advance(con, run_id, epoch, tip, new[-1], row)
            _insert(con, run_id, new)
            crash_here("control.before_commit", new)
            return History(run_id, Tip(new[-1].seq, new[-1].hash), (*old, *new))

        return await self._writer.submit(work)

    async def history(self, tenant: Tenant, run_id: RunId) -> History:
        page = await self.page(tenant, run_id, 0)
        return History(run_id, page.tip, page.records)

    async def page(
        self,
        tenant: Tenant,
        run_id: RunId,
        after_seq: int,
        limit: int | None = None,
        bytes_max: int | None = None,
    ) -> Page:
        with self._reader.snapshot():
            seq, head, status = self._own(tenant, run_id)
            after = EMPTY
            if after_seq >= seq:
                newest = self._reader.rows(_HASH, (run_id, seq))
                if (newest[0][0] if newest else archived_tip_hash(self._reader.rows, run_id)) != head:
                    raise RunCorrupt(f"the run's journal does not end at event {seq}")
                return Page(Tip(seq, head), (), Tip(seq, head), status, cut=False)
            if after_seq > 0:
                before = self._reader.rows(_HASH, (run_id, after_seq))
                after = Tip(after_seq, before[0][0] if before else b"")
            wanted = (run_id, after_seq, _NO_LIMIT if limit is None else limit)
            records, cut = _within(map(Record._make, self._reader.each(_RECORDS, wanted)), bytes_max)
            if not records:
                last, records, cut = archived_page(self._reader.rows, run_id, after_seq, limit, bytes_max)
                after = Tip(after_seq, last) if after_seq else EMPTY
        return Page(after, records, Tip(seq, head), status, cut=cut or len(records) == limit)

    def _own(self, tenant: Tenant, run_id: RunId) -> tuple[int, bytes, RunStatus]:
        """The seq, the hash and the status at which a run's journal ends.

        Raises   RunMissing, RunCorrupt
        """
        found = self._reader.rows(_ROW, (run_id,))
        if not found:
            if self._reader.rows(_HASH, (run_id, 1)) or archived_tip_hash(self._reader.rows, run_id):
                raise RunCorrupt("the run has events, and its row is missing")
            raise _missing(run_id)
        seq, head, witness, *own = found[0]
        if not is_sound(own, witness):
            raise RunCorrupt("the run's row was damaged or changed")
        if own[1] != tenant:
            raise _missing(run_id)
        return seq, head, own[2]

    async def runs(
        self, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
    ) -> Sequence[RunRow]:
        return await listed(self._reader, tenant, wanted, before, limit)

    async def damaged(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        def work(con: apsw.Connection) -> frozenset[RunId]:
            return frozenset(run_id for run_id in run_ids if not _is_whole(con, run_id))

        return await self._reader.aside(work)

    async def unfinished(self) -> Sequence[RunId]:
        return [RunId(row[0]) for row in self._reader.rows(_UNFINISHED)]


def _append(
    run_id: RunId,
    epoch: int,
    tip: Tip,
    records: Sequence[Record],
    row: RunRow | None,
    con: apsw.Connection,
) -> None:
    _advance(con, run_id, epoch, tip, records[-1], row)
    _insert(con, run_id, records)
    crash_here("append.before_commit", records)


def _advance(
    con: apsw.Connection, run_id: RunId, epoch: int, tip: Tip, last: Record, row: RunRow | None
) -> None:
    """Move the run's row from the tip to its new last record; refuse when either fence has moved."""
    if row is None:
        con.execute(_FENCED, (last.seq, last.hash, run_id, epoch, tip.seq))
    else:
        con.execute(_FENCED_ROW, (*changing(last, row), run_id, epoch, tip.seq))
    if con.changes() != 1:
        _refuse(con, run_id, epoch, tip)
    if row is not None:
        con.execute(_SET_DOCUMENT, (*document_columns(row), run_id))


def _refuse(con: apsw.Connection, run_id: RunId, epoch: int, tip: Tip) -> None:
    actual = con.execute(_TIP, (run_id,)).fetchone()
    if actual is None:
        raise _missing(run_id)
    if actual[0] != epoch:
        raise ClaimLost(epoch, actual[0])
    raise StaleAppend(tip.seq, actual[1])


def _insert(con: apsw.Connection, run_id: RunId, records: Sequence[Record]) -> None:
    con.executemany(INSERT_EVENT, [(run_id, *record) for record in records])


def _all(con: apsw.Connection, sql: str, bindings: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return con.execute(sql, bindings).fetchall()


def _records(rows: Sequence[tuple[Any, ...]]) -> tuple[Record, ...]:
    return tuple(Record(*row) for row in rows)


def _is_whole(con: apsw.Connection, run_id: RunId) -> bool:
    """Whether a run's chain of hashes holds, from its first event to its row, and the row's witnesses."""
    con.execute("BEGIN")
    try:
        row, document = con.execute(_ROW, (run_id,)).fetchone(), con.execute(_DOCUMENT, (run_id,)).fetchone()
        if not (row and is_sound(row[3:], row[2]) and document and is_sound(document[1:], document[0])):
            return False
        seq, last = EMPTY
        for number, body, recorded in con.execute(_CHAIN, (run_id,)):
            seq, last = seq + 1, link(last, body)
            if number != seq or recorded != last:
                return False
        for record in () if seq else archived_whole(con, run_id):
            seq, last = seq + 1, link(last, record.body)
            if record.hash != last:
                return False
        return (row[0], row[1]) == (seq, last)
    except UnicodeDecodeError:
        return False
    finally:
        con.execute("COMMIT")


def _within(records: Iterator[Record], bytes_max: int | None) -> tuple[tuple[Record, ...], bool]:
    """The first records that fit, and the first of all in any case; and whether there are more."""
    taken: list[Record] = []
    size = 0
    for record in records:
        size += len(record.body)
        if taken and bytes_max is not None and size > bytes_max:
            return tuple(taken), True
        taken.append(record)
    return tuple(taken), False


def _missing(run_id: RunId) -> RunMissing:
    return RunMissing(f"there is no run {run_id}")
