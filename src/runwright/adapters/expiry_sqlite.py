"""Deleting what is not kept for ever, in a SQLite file."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from runwright.adapters.archived import newest_id_at
from runwright.adapters.run_lists_sqlite import drop_from_index
from runwright.adapters.run_rows import KEY_LIFE_S
from runwright.adapters.sqlite import Reader, Writer
from runwright.core.ids import RunId, Tenant
from runwright.expiry_port import Kept, Leftovers

# One step along the index for each tenant, however many runs it has.
_TENANTS = """
WITH RECURSIVE known (tenant) AS (
    SELECT (SELECT tenant FROM runs ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant FROM runs WHERE tenant > known.tenant ORDER BY tenant LIMIT 1)
    FROM known WHERE tenant IS NOT NULL
)
SELECT tenant FROM known WHERE tenant IS NOT NULL"""
_OVER = """
SELECT run_id,
    coalesce((SELECT sum(octet_length(body) + octet_length(hash)) FROM events AS e
              WHERE e.run_id = r.run_id), 0)
    + coalesce((SELECT octet_length(document) + octet_length(marks) FROM run_archive AS a
                WHERE a.run_id = r.run_id), 0)
    + coalesce((SELECT octet_length(prompt) + coalesce(octet_length(document), 0) FROM run_documents AS d
                WHERE d.run_id = r.run_id), 0)
FROM runs AS r
WHERE tenant = ? AND run_id > ? AND run_id <= ? AND status IN ('completed', 'failed', 'cancelled')
  AND completed_at <= ?
ORDER BY run_id LIMIT ?"""
_STILL = """
SELECT 1 FROM runs
WHERE run_id = ? AND tenant = ? AND status IN ('completed', 'failed', 'cancelled') AND completed_at <= ?"""
_DELETES = tuple(
    f"DELETE FROM {table} WHERE run_id = ?"  # noqa: S608  # own names
    for table in ("events", "run_archive", "run_stats", "step_stats", "run_documents", "runs")
)
_LEFTOVERS = """
SELECT (SELECT count(*) FROM idempotency_keys WHERE created_at <= ?1),
       (SELECT count(*) FROM tickets WHERE expires_at <= ?2)"""
_FORGET_KEYS = """
DELETE FROM idempotency_keys WHERE (tenant, key) IN
    (SELECT tenant, key FROM idempotency_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?)"""
_FORGET_TICKETS = """
DELETE FROM tickets WHERE digest IN
    (SELECT digest FROM tickets WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""


class SqliteExpiry:
    """`Expiry` in the file of the journal."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    async def tenants(self) -> Sequence[Tenant]:
        return [Tenant(row[0]) for row in self._reader.rows(_TENANTS)]

    async def over(
        self, tenant: Tenant, ended_before_s: float, after: RunId | None, limit: int
    ) -> Sequence[Kept]:
        given = (tenant, after or "", newest_id_at(ended_before_s), ended_before_s, limit)
        rows = await self._reader.aside(lambda con: con.execute(_OVER, given).fetchall())
        return [Kept(RunId(str(row[0])), int(row[1] or 0)) for row in rows]

    async def delete(self, tenant: Tenant, run_ids: Sequence[RunId], ended_before_s: float) -> int:
        def work(con: apsw.Connection) -> int:
            deleted = 0
            for run_id in run_ids:
                if con.execute(_STILL, (run_id, tenant, ended_before_s)).fetchone():
                    drop_from_index(con, run_id)
                    for delete in _DELETES:
                        con.execute(delete, (run_id,))
                    deleted += 1
            return deleted

        return await self._writer.submit(work)

    async def leftovers(self, now_s: float) -> Leftovers:
        return Leftovers(*self._reader.rows(_LEFTOVERS, (now_s - KEY_LIFE_S, now_s))[0])

    async def forget(self, now_s: float, limit: int) -> Leftovers:
        def work(con: apsw.Connection) -> Leftovers:
            con.execute(_FORGET_KEYS, (now_s - KEY_LIFE_S, limit))
            keys = con.changes()
            con.execute(_FORGET_TICKETS, (now_s, limit))
            return Leftovers(keys, con.changes())

        return await self._writer.submit(work)
