"""Deleting what is not kept for ever, in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence

from runwright.adapters.archived import newest_id_at
from runwright.adapters.journal_postgres_rows import PREFIX, run_id_of
from runwright.adapters.postgres import Database
from runwright.adapters.run_rows import KEY_LIFE_S
from runwright.core.ids import RunId, Tenant
from runwright.expiry_port import Kept, Leftovers

# One step along the index for each tenant, however many runs it has.
TENANTS = """
WITH RECURSIVE known AS (
    (SELECT tenant FROM runs ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant FROM runs WHERE tenant > known.tenant ORDER BY tenant LIMIT 1)
    FROM known WHERE known.tenant IS NOT NULL
)
SELECT tenant FROM known WHERE tenant IS NOT NULL"""
OVER = """
SELECT run_id,
    coalesce((SELECT sum(octet_length(body) + octet_length(hashes)) FROM events AS e
              WHERE e.run_id = r.run_id), 0)
    + coalesce((SELECT pg_column_size(document) + octet_length(marks) FROM run_archive AS a
                WHERE a.run_id = r.run_id), 0)
    + coalesce((SELECT octet_length(prompt) + coalesce(pg_column_size(document), 0) FROM run_documents AS d
                WHERE d.run_id = r.run_id), 0)
FROM runs AS r
WHERE tenant = $1 AND run_id > $2 AND run_id <= $3 AND status IN ('completed', 'failed', 'cancelled')
  AND completed_at <= $4
ORDER BY run_id LIMIT $5"""
# the rows are locked first, in the order in which appends lock them: a run that somebody restarts just now is
# waited for and left alone
DELETE = """
WITH ended AS MATERIALIZED (
    SELECT run_id FROM runs
    WHERE run_id = ANY($1::uuid[]) AND tenant = $2 AND status IN ('completed', 'failed', 'cancelled')
      AND completed_at <= $3
    ORDER BY run_id FOR UPDATE
), of_events AS (
    DELETE FROM events USING ended WHERE events.run_id = ended.run_id
), of_archive AS (
    DELETE FROM run_archive USING ended WHERE run_archive.run_id = ended.run_id
), of_index AS (
    DELETE FROM run_index USING ended WHERE run_index.run_id = ended.run_id
), of_runs AS (
    DELETE FROM run_stats USING ended WHERE run_stats.run_id = ended.run_id
), of_steps AS (
    DELETE FROM step_stats USING ended WHERE step_stats.run_id = ended.run_id
), of_documents AS (
    DELETE FROM run_documents USING ended WHERE run_documents.run_id = ended.run_id
), gone AS (
    DELETE FROM runs USING ended WHERE runs.run_id = ended.run_id RETURNING runs.run_id
)
SELECT count(*) FROM gone"""
LEFTOVERS = """
SELECT (SELECT count(*) FROM idempotency_keys WHERE created_at <= $1),
       (SELECT count(*) FROM tickets WHERE expires_at <= $2)"""
FORGET_KEYS = """
WITH gone AS (
    DELETE FROM idempotency_keys WHERE (tenant, key) IN (
        SELECT tenant, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) RETURNING key
)
SELECT count(*) FROM gone"""
FORGET_TICKETS = """
WITH gone AS (
    DELETE FROM tickets WHERE digest IN (
        SELECT digest FROM tickets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING digest
)
SELECT count(*) FROM gone"""
FIRST_ID = "0" * 32


class PostgresExpiry:
    """`Expiry` in the database of the journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> Sequence[Tenant]:
        return [Tenant(row[0]) for row in await self._database.rows(TENANTS)]

    async def over(
        self, tenant: Tenant, ended_before_s: float, after: RunId | None, limit: int
    ) -> Sequence[Kept]:
        first, last = after[PREFIX:] if after else FIRST_ID, newest_id_at(ended_before_s)[PREFIX:]
        rows = await self._database.rows(OVER, tenant, first, last, ended_before_s, limit)
        return [Kept(run_id_of(row[0]), int(row[1])) for row in rows]

    async def delete(self, tenant: Tenant, run_ids: Sequence[RunId], ended_before_s: float) -> int:
        bare = [run_id[PREFIX:] for run_id in run_ids]
        [(deleted,)] = await self._database.rows(DELETE, bare, tenant, ended_before_s)
        return int(deleted)

    async def leftovers(self, now_s: float) -> Leftovers:
        [row] = await self._database.rows(LEFTOVERS, now_s - KEY_LIFE_S, now_s)
        return Leftovers(*row)

    async def forget(self, now_s: float, limit: int) -> Leftovers:
        [(keys,)] = await self._database.rows(FORGET_KEYS, now_s - KEY_LIFE_S, limit)
        [(tickets,)] = await self._database.rows(FORGET_TICKETS, now_s, limit)
        return Leftovers(keys, tickets)
