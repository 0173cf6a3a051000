"""The journal in a SQLite file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from runwright.adapters.sqlite import Reader, Writer
from runwright.core.codec import EMPTY, Record, Tip, link
from runwright.core.errors import ClaimLost, KeyReused, RunMissing, StaleAppend
from runwright.core.ids import RunId, Tenant
from runwright.ports import Claim, Control, Created, History, IdempotencyKey, Page, RunFilter, RunRow

KEY_LIFE_S = 24 * 3_600.0

_INSERT_RUN = """
INSERT INTO runs
    (run_id, tenant, created_at, epoch, worker, seq, head, status, started_at, completed_at, plan_hash, tools)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_DOCUMENT = "INSERT INTO run_documents (run_id, prompt, document) VALUES (?, ?, ?)"
_INSERT_EVENT = "INSERT INTO events (run_id, seq, type, body, hash) VALUES (?, ?, ?, ?, ?)"
_FENCED = "UPDATE runs SET seq = ?, head = ? WHERE run_id = ? AND epoch = ? AND seq = ?"
_FENCED_ROW = """
UPDATE runs
SET seq = ?, head = ?, status = ?, started_at = ?, completed_at = ?, plan_hash = ?, tools = ?
WHERE run_id = ? AND epoch = ? AND seq = ?"""
_SET_DOCUMENT = "UPDATE run_documents SET document = ? WHERE run_id = ?"
_CLAIM = """
UPDATE runs SET epoch = epoch + 1, worker = ?
WHERE run_id = ? AND status NOT IN ('completed', 'failed', 'cancelled')
RETURNING epoch, seq, head"""
_TIP = "SELECT epoch, seq, head, status FROM runs WHERE run_id = ?"
_OWN_TIP = "SELECT epoch, seq, head, status FROM runs WHERE run_id = ? AND tenant = ?"
_RECORDS = "SELECT seq, type, body, hash FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_CHAIN = "SELECT seq, body, hash FROM events WHERE run_id = ? ORDER BY seq"
_HASH = "SELECT hash FROM events WHERE run_id = ? AND seq = ?"
_KEY = "SELECT body_hash, run_id FROM idempotency_keys WHERE tenant = ? AND key = ? AND created_at > ?"
_PUT_KEY = """
INSERT OR REPLACE INTO idempotency_keys (tenant, key, body_hash, run_id, created_at) VALUES (?, ?, ?, ?, ?)"""
# The statuses are those of the index. A run whose approval was answered keeps its status until a worker
# has heard the answer; it waits for nobody any more, and its newest event says so.
_UNFINISHED = """
SELECT run_id FROM runs
WHERE status IN ('pending', 'planning', 'awaiting_approval', 'running')
  AND (status <> 'awaiting_approval' OR 'run.awaiting_approval' <>
       (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq))
ORDER BY run_id"""
_RUNS = """
SELECT r.run_id, r.tenant, r.status, d.prompt, r.created_at, r.started_at, r.completed_at, r.plan_hash,
       r.tools, d.document
FROM runs AS r JOIN run_documents AS d USING (run_id)
WHERE r.tenant = :tenant AND r.run_id < :before{conditions}
ORDER BY r.run_id DESC LIMIT :limit"""
_CONDITIONS = {
    "status": " AND r.status = :status",
    "tool": " AND instr(r.tools, :tool) > 0",
    "since": " AND r.created_at >= :since",
    "until": " AND r.created_at <= :until",
    "text": " AND instr(casefold(d.prompt), :text) > 0",
}
_NO_LIMIT = -1
_AFTER_EVERY_ID = "~"


class SqliteJournal:
    """`Journal` on one file that this process alone writes."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    async def create(
        self, row: RunRow, records: Sequence[Record], *, worker: str | None, key: IdempotencyKey | None
    ) -> Created:
        def work(con: apsw.Connection) -> Created:
            if key is not None:
                now_s = time.time()
                known = con.execute(_KEY, (row.tenant, key.key, now_s - KEY_LIFE_S)).fetchone()
                if known:
                    if known[0] != key.body_hash:
                        raise KeyReused
                    return Created(RunId(known[1]), fresh=False)
                con.execute(_PUT_KEY, (row.tenant, key.key, key.body_hash, row.run_id, now_s))
            last, epoch = records[-1], 1 if worker is not None else 0
            born = (row.run_id, row.tenant, row.created_at_s, epoch, worker)
            con.execute(_INSERT_RUN, (*born, *_changing(last, row)))
            con.execute(_INSERT_DOCUMENT, (row.run_id, row.prompt, row.document))
            _insert(con, row.run_id, records)
            return Created(row.run_id, fresh=True)

        return await self._writer.submit(work)

    async def claim(self, run_id: RunId, worker: str) -> Claim | None:
        def work(con: apsw.Connection) -> Claim | None:
            row = con.execute(_CLAIM, (worker, run_id)).fetchone()
            if row is None:
                return None
            epoch, seq, head = row
            records = _records(con.execute(_RECORDS, (run_id, 0, _NO_LIMIT)).fetchall())
            return Claim(epoch, History(run_id, Tip(seq, head), records))

        return await self._writer.submit(work)

    async def append(
        self, run_id: RunId, epoch: int, tip: Tip, records: Sequence[Record], row: RunRow | None
    ) -> None:
        def work(con: apsw.Connection) -> None:
            _advance(con, run_id, epoch, tip, records[-1], row)
            _insert(con, run_id, records)

        await self._writer.submit(work)

    async def control(self, tenant: Tenant, run_id: RunId, control: Control) -> History:
        def work(con: apsw.Connection) -> History:
            own = con.execute(_OWN_TIP, (run_id, tenant)).fetchone()
            if own is None:
                raise _missing(run_id)
            epoch, seq, head, _ = own
            old = _records(con.execute(_RECORDS, (run_id, 0, _NO_LIMIT)).fetchall())
            tip = Tip(seq, head)
            new, row = control(History(run_id, tip, old))
            if not new:
                return History(run_id, tip, old)
            _advance(con, run_id, epoch, tip, new[-1], row)
            _insert(con, run_id, new)
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
            own = self._reader.rows(_OWN_TIP, (run_id, tenant))
            if not own:
                raise _missing(run_id)
            _, seq, head, status = own[0]
            after = EMPTY
            if after_seq >= seq:
                return Page(Tip(seq, head), (), Tip(seq, head), status, cut=False)
            if after_seq > 0:
                before = self._reader.rows(_HASH, (run_id, after_seq))
                after = Tip(after_seq, before[0][0] if before else b"")
            wanted = (run_id, after_seq, _NO_LIMIT if limit is None else limit)
            records, cut = _within(map(Record._make, self._reader.each(_RECORDS, wanted)), bytes_max)
        return Page(after, records, Tip(seq, head), status, cut=cut or len(records) == limit)

    async def runs(
        self, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
    ) -> Sequence[RunRow]:
        given: dict[str, Any] = {
            "status": wanted.status,
            "tool": None if wanted.tool is None else f" {wanted.tool} ",
            "since": wanted.since_s,
            "until": wanted.until_s,
            "text": wanted.text.casefold() if wanted.text else None,
        }
        bound = {name: value for name, value in given.items() if value is not None}
        sql = _RUNS.format(conditions="".join(_CONDITIONS[name] for name in bound))
        by_index = bound.keys() <= {"status"}
        bound |= {"tenant": tenant, "before": before or _AFTER_EVERY_ID, "limit": limit}
        if by_index:
            rows = self._reader.rows(sql, bound)
        else:
            rows = await self._reader.aside(lambda con: con.execute(sql, bound).fetchall())
        return [RunRow._make((*columns[:8], tuple(columns[8].split()), columns[9])) for columns in rows]

    async def damaged(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        def work(con: apsw.Connection) -> frozenset[RunId]:
            return frozenset(run_id for run_id in run_ids if not _is_whole(con, run_id))

        return await self._reader.aside(work)

    async def unfinished(self) -> Sequence[RunId]:
        return [RunId(row[0]) for row in self._reader.rows(_UNFINISHED)]


def _advance(
    con: apsw.Connection, run_id: RunId, epoch: int, tip: Tip, last: Record, row: RunRow | None
) -> None:
    """Move the run's row from the tip to its new last record; refuse when either fence has moved."""
    if row is None:
        con.execute(_FENCED, (last.seq, last.hash, run_id, epoch, tip.seq))
    else:
        con.execute(_FENCED_ROW, (*_changing(last, row), run_id, epoch, tip.seq))
    if con.changes() != 1:
        _refuse(con, run_id, epoch, tip)
    if row is not None:
        con.execute(_SET_DOCUMENT, (row.document, run_id))


def _changing(last: Record, row: RunRow) -> tuple[Any, ...]:
    tools = f" {' '.join(row.tools)} " if row.tools else ""
    return (last.seq, last.hash, row.status, row.started_at_s, row.completed_at_s, row.plan_hash, tools)


def _refuse(con: apsw.Connection, run_id: RunId, epoch: int, tip: Tip) -> None:
    actual = con.execute(_TIP, (run_id,)).fetchone()
    if actual is None:
        raise _missing(run_id)
    if actual[0] != epoch:
        raise ClaimLost(epoch, actual[0])
    raise StaleAppend(tip.seq, actual[1])


def _insert(con: apsw.Connection, run_id: RunId, records: Sequence[Record]) -> None:
    con.executemany(_INSERT_EVENT, [(run_id, *record) for record in records])


def _records(rows: Sequence[tuple[Any, ...]]) -> tuple[Record, ...]:
    return tuple(Record(*row) for row in rows)


def _is_whole(con: apsw.Connection, run_id: RunId) -> bool:
    """Whether a run's chain of hashes holds, from its first event to the witness in its row."""
    con.execute("BEGIN")
    try:
        row = con.execute(_TIP, (run_id,)).fetchone()
        seq, last = EMPTY
        for number, body, recorded in con.execute(_CHAIN, (run_id,)):
            seq, last = seq + 1, link(last, body)
            if number != seq or recorded != last:
                return False
        return row is not None and (row[1], row[2]) == (seq, last)
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
