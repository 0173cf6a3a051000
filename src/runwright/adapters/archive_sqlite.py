"""The archive in a SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw

from runwright.adapters.archived import newest_id_at, packed, whole
from runwright.adapters.run_lists_sqlite import put_in_index
from runwright.adapters.run_tokens import tokens_of
from runwright.adapters.sqlite import Reader, Writer
from runwright.archive_port import Due, DuePage, Moved
from runwright.core.codec import Record, Tip
from runwright.core.ids import RunId
from runwright.crash_points import crash_here
from runwright.ports import History

# Events are of runs that are not archived, so walking along their ids finds what is due without an index of
# its own, which every run would have to pay for.
_DUE = """
WITH RECURSIVE hot (run_id) AS (
    SELECT (SELECT run_id FROM events WHERE run_id > ?1 AND run_id <= ?2 ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT run_id FROM events WHERE run_id > hot.run_id AND run_id <= ?2 ORDER BY run_id LIMIT 1)
    FROM hot WHERE run_id IS NOT NULL
    LIMIT ?4
)
SELECT hot.run_id, CASE WHEN status IN ('completed', 'failed', 'cancelled') AND completed_at <= ?3 THEN
    (SELECT sum(octet_length(body)) FROM events WHERE events.run_id = hot.run_id) END
FROM hot JOIN runs USING (run_id)"""
_OVER = """
SELECT 1 FROM runs
WHERE run_id = ? AND seq = ? AND head = ? AND status IN ('completed', 'failed', 'cancelled')"""
_TIP = "SELECT seq, head FROM runs WHERE run_id = ?"
_RECORDS = "SELECT seq, type, body, hash FROM events WHERE run_id = ? ORDER BY seq"
_CHAIN = "SELECT seq, hash FROM events WHERE run_id = ? ORDER BY seq"
_COPY = "INSERT OR REPLACE INTO run_archive (run_id, archived_at, document, marks) VALUES (?, ?, ?, ?)"
_COPIED = "SELECT document, marks, seq, head FROM run_archive JOIN runs USING (run_id) WHERE run_id = ?"
_DELETE = "DELETE FROM events WHERE run_id = ? AND seq = ? AND hash = ?"
_RUN_STATS = "INSERT OR REPLACE INTO run_stats VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_STEP_STATS = "INSERT OR REPLACE INTO step_stats VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteArchive:
    """`Archive` in the file of the journal."""

    def __init__(self, writer: Writer, reader: Reader, now_s: Callable[[], float]) -> None:
        self._writer, self._reader, self._now_s = writer, reader, now_s

    async def due(self, ended_before_s: float, after: RunId | None, walked_max: int) -> DuePage:
        given = (after or "", newest_id_at(ended_before_s), ended_before_s, walked_max)
        walked: list[Any] = await self._reader.aside(lambda con: con.execute(_DUE, given).fetchall())
        due = [Due(RunId(run_id), size) for run_id, size in walked if size is not None]
        return DuePage(due, RunId(walked[-1][0]) if len(walked) >= walked_max - 1 else None)

    async def hot(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        def work(con: apsw.Connection) -> list[History]:
            found = []
            for run_id in run_ids:
                tip = con.execute(_TIP, (run_id,)).fetchone()
                records = tuple(Record(*row) for row in con.execute(_RECORDS, (run_id,)))
                if tip and records:
                    found.append(History(run_id, Tip(*tip), records))
            return found

        return await self._reader.aside(work)

    async def copy(self, histories: Sequence[History]) -> None:
        documents = [(one, packed(one.run_id, one.records)) for one in histories]

        def work(con: apsw.Connection) -> None:
            for one, (document, marks) in documents:
                if con.execute(_OVER, (one.run_id, *one.tip)).fetchone():
                    con.execute(_COPY, (one.run_id, self._now_s(), document, marks))
            crash_here("archive.before_commit")

        await self._writer.submit(work)

    async def copies(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        def work(con: apsw.Connection) -> list[History]:
            found = [(run_id, con.execute(_COPIED, (run_id,)).fetchone()) for run_id in run_ids]
            read = [(run_id, row, whole(run_id, *row[:2])) for run_id, row in found if row is not None]
            return [History(run_id, Tip(*row[2:]), records) for run_id, row, records in read if records]

        return await self._reader.aside(work)

    async def settle(self, moved: Sequence[Moved]) -> int:
        def work(con: apsw.Connection) -> int:
            return sum(_settled(con, one) for one in moved)

        return await self._writer.submit(work)


def _settled(con: apsw.Connection, moved: Moved) -> bool:
    """Delete a run's events by id and hash, if they are those of its copy and it has not gone on."""
    run_id, tip, records = moved.history
    chain = [(record.seq, record.hash) for record in records]
    if not con.execute(_OVER, (run_id, *tip)).fetchone():
        return False
    if con.execute(_CHAIN, (run_id,)).fetchall() != chain:
        return False
    for number, (seq, recorded) in enumerate(chain):
        con.execute(_DELETE, (run_id, seq, recorded))
        if number == 0:
            crash_here("archive.mid_delete")
    put_in_index(con, run_id, tokens_of(moved.run.tenant, moved.prompt, moved.tools))
    con.execute(_RUN_STATS, (run_id, *moved.run))
    con.executemany(
        _STEP_STATS, [(run_id, one.step_number, moved.run.tenant, *one[1:]) for one in moved.steps]
    )
    return True
