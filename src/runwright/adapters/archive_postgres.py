"""The archive in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runwright.adapters.archived import newest_id_at, packed, whole
from runwright.adapters.journal_postgres_rows import PREFIX, records_of, run_id_of
from runwright.adapters.postgres import Connection, Database
from runwright.adapters.run_tokens import tokens_of
from runwright.archive_port import Due, DuePage, Moved
from runwright.core.codec import Tip
from runwright.core.ids import RunId
from runwright.crash_points import crash_here
from runwright.ports import History

# Events are of runs that are not archived, so walking along their ids finds what is due without an index of
# its own, which every run would have to pay for.
DUE = """
WITH RECURSIVE hot AS (
    (SELECT run_id, 1 AS place FROM events WHERE run_id > $1 AND run_id <= $2 ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT next.run_id, place + 1 FROM hot CROSS JOIN LATERAL (
        SELECT run_id FROM events WHERE run_id > hot.run_id AND run_id <= $2 ORDER BY run_id LIMIT 1
    ) AS next
    WHERE place < $4
)
SELECT hot.run_id, CASE WHEN status IN ('completed', 'failed', 'cancelled') AND completed_at <= $3 THEN
    (SELECT sum(octet_length(body)) FROM events WHERE events.run_id = hot.run_id) END
FROM hot LEFT JOIN runs USING (run_id) ORDER BY hot.run_id"""
HOT = """
SELECT r.run_id, r.seq, r.head, e.seq, e.hashes, e.body
FROM runs AS r JOIN events AS e USING (run_id) WHERE r.run_id = ANY($1::uuid[]) ORDER BY r.run_id, e.seq"""
# $1 run, $2 seq and $3 head of its journal: locked until the transaction ends, so that it cannot go on
OVER = """
SELECT run_id FROM runs
WHERE run_id = $1 AND seq = $2 AND head = $3 AND status IN ('completed', 'failed', 'cancelled') FOR UPDATE"""
COPY = """
INSERT INTO run_archive (run_id, archived_at, document, marks) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id) DO UPDATE
SET archived_at = excluded.archived_at, document = excluded.document, marks = excluded.marks"""
COPIES = """
SELECT run_id, document, marks, seq, head FROM run_archive JOIN runs USING (run_id)
WHERE run_id = ANY($1::uuid[])"""
ROWS = "SELECT seq, hashes, body FROM events WHERE run_id = $1 ORDER BY seq"
DELETE = """
DELETE FROM events USING unnest($2::bigint[], $3::bytea[]) AS kept (seq, hashes)
WHERE events.run_id = $1 AND events.seq = kept.seq AND events.hashes = kept.hashes"""
INDEX = """
INSERT INTO run_index (run_id, tokens) VALUES ($1, $2)
ON CONFLICT (run_id) DO UPDATE SET tokens = excluded.tokens"""
RUN_STATS = """
INSERT INTO run_stats (run_id, tenant, status, created_at, completed_at, error_code, prompt_tokens,
    completion_tokens, llm_calls, cost_usd)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"""
STEP_STATS = """
INSERT INTO step_stats (run_id, step_number, tenant, tool_name, tool_version, status, attempts, started_at,
    duration_ms, error_code)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"""
FIRST_ID = "0" * 32


class PostgresArchive:
    """`Archive` in the database of the journal."""

    def __init__(self, database: Database, now_s: Callable[[], float]) -> None:
        self._database, self._now_s = database, now_s

    async def due(self, ended_before_s: float, after: RunId | None, walked_max: int) -> DuePage:
        walked = await self._database.rows(
            DUE,
            after[PREFIX:] if after else FIRST_ID,
            newest_id_at(ended_before_s)[PREFIX:],
            ended_before_s,
            walked_max,
        )
        due = [Due(run_id_of(uuid), int(size)) for uuid, size in walked if size is not None]
        return DuePage(due, run_id_of(walked[-1][0]) if len(walked) >= walked_max else None)

    async def hot(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        found: dict[RunId, tuple[Tip, list[Any]]] = {}
        for uuid, seq, head, *row in await self._database.rows(HOT, [run_id[PREFIX:] for run_id in run_ids]):
            found.setdefault(run_id_of(uuid), (Tip(seq, head), []))[1].append(row)
        return [
            History(run_id, tip, tuple(records_of(run_id, rows))) for run_id, (tip, rows) in found.items()
        ]

    async def copy(self, histories: Sequence[History]) -> None:
        async with self._database.connection() as con, con.transaction():
            for one in sorted(histories):
                if await con.fetchval(OVER, one.run_id[PREFIX:], *one.tip):
                    document = packed(one.run_id, one.records)
                    await con.execute(COPY, one.run_id[PREFIX:], self._now_s(), *document)
            crash_here("archive.before_commit")

    async def copies(self, run_ids: Sequence[RunId]) -> Sequence[History]:
        rows = await self._database.rows(COPIES, [run_id[PREFIX:] for run_id in run_ids])
        read = [(run_id_of(uuid), Tip(*tip), document, marks) for uuid, document, marks, *tip in rows]
        found = [(run_id, tip, whole(run_id, document, marks)) for run_id, tip, document, marks in read]
        return [History(run_id, tip, records) for run_id, tip, records in found if records]

    async def settle(self, moved: Sequence[Moved]) -> int:
        settled = 0
        async with self._database.connection() as con, con.transaction():
            for one in sorted(moved, key=lambda one: one.history.run_id):
                settled += await _settled(con, one)
        return settled


async def _settled(con: Connection, moved: Moved) -> bool:
    """Delete a run's events by id and hash, if they are those of its copy and it has not gone on."""
    run_id, tip, records = moved.history
    uuid = run_id[PREFIX:]
    if not await con.fetchval(OVER, uuid, *tip):
        return False
    rows = await con.fetch(ROWS, uuid)
    if tuple(records_of(run_id, rows)) != records:
        return False
    await con.execute(DELETE, uuid, [row[0] for row in rows], [row[1] for row in rows])
    crash_here("archive.mid_delete")
    await con.execute(INDEX, uuid, tokens_of(moved.run.tenant, moved.prompt, moved.tools))
    await con.execute(RUN_STATS, uuid, *moved.run)
    steps = [(uuid, one.step_number, moved.run.tenant, *one[1:]) for one in moved.steps]
    await con.executemany(STEP_STATS, steps)
    return True
