"""The statements that share runs out over PostgreSQL."""

from __future__ import annotations

CHANNEL = "runwright_runs"

_OF_NOBODY = "worker IS NULL AND status IN ('pending', 'planning', 'awaiting_approval', 'running')"

# $1 the worker, $2 its lease, $3 whether it takes runs up
RENEW = """
INSERT INTO workers (name, alive_until, drives) VALUES ($1, clock_timestamp() + $2, $3)
ON CONFLICT (name) DO UPDATE SET alive_until = excluded.alive_until, drives = excluded.drives"""

# $1 the worker, $2 how many runs, $3 and $4 how many runs of which tenants it has in hand, $5 how many of one
# tenant it may have, $6 runs that it is to leave to others. Tenants are found by stepping through the index,
# so what one of them piles up costs the others nothing; their runs are mixed in the order of how many each
# would have.
_TAKE = f"""
WITH RECURSIVE waiting AS (
    (SELECT tenant FROM runs WHERE {_OF_NOBODY} ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (
        SELECT tenant FROM runs WHERE {_OF_NOBODY} AND tenant > waiting.tenant ORDER BY tenant LIMIT 1
    ) FROM waiting WHERE waiting.tenant IS NOT NULL
), held AS (
    SELECT * FROM unnest($3::text[], $4::bigint[]) AS held (tenant, runs)
), fair AS (
    SELECT run_id, place + coalesce(held.runs, 0) AS place
    FROM waiting LEFT JOIN held USING (tenant) CROSS JOIN LATERAL (
        SELECT run_id, row_number() OVER (ORDER BY run_id) AS place
        FROM runs WHERE {_OF_NOBODY} AND runs.tenant = waiting.tenant AND run_id <> ALL($6::uuid[])
        ORDER BY run_id
        LIMIT least($2::bigint, greatest(0, $5::bigint - coalesce(held.runs, 0)){{within}})
    ) AS first
    ORDER BY 2, run_id LIMIT $2
), locked AS MATERIALIZED (
    SELECT run_id FROM runs JOIN fair USING (run_id) WHERE {_OF_NOBODY} FOR UPDATE OF runs SKIP LOCKED
)
UPDATE runs SET worker = $1 FROM locked WHERE runs.run_id = locked.run_id RETURNING runs.run_id
"""  # noqa: S608  # nothing in it comes from outside
TAKE = _TAKE.format(within="")
# $7 how many runs of one tenant all workers may have together. Those of a tenant are counted no further than
# that; a run that was taken and not claimed yet is still pending.
_IN_HAND = "SELECT FROM runs WHERE tenant = waiting.tenant AND worker IS NOT NULL AND status = '{}' LIMIT $7"
TAKE_WITHIN = _TAKE.format(
    within=f""", greatest(0, $7::bigint - (
            SELECT count(*) FROM (
                ({_IN_HAND.format("pending")}) UNION ALL ({_IN_HAND.format("planning")})
                UNION ALL ({_IN_HAND.format("running")})
            ) AS in_hand
        ))"""  # noqa: S608  # nothing in it comes from outside
)
# $1 how many are counted at most
WAITING = f"""
SELECT tenant, count(*) FROM (SELECT tenant FROM runs WHERE {_OF_NOBODY} LIMIT $1) AS waiting
GROUP BY tenant"""  # noqa: S608  # nothing in it comes from outside

# $1 the lock that one process of all gets. What dead workers drove is nobody's; what waits for a person
# waits on. Workers that are long dead are forgotten.
SWEEP = """
WITH chosen AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock($1) AS chosen
), forgotten AS (
    DELETE FROM workers USING chosen WHERE chosen AND alive_until < clock_timestamp() - interval '1 hour'
), freed AS (
    UPDATE runs SET worker = NULL FROM chosen
    WHERE chosen AND status IN ('pending', 'planning', 'awaiting_approval', 'running')
      AND NOT EXISTS (SELECT FROM workers WHERE name = worker AND alive_until > clock_timestamp())
      AND worker IS NOT NULL
      AND (status <> 'awaiting_approval' OR 'run.awaiting_approval' <>
           (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq))
    RETURNING run_id
)
SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify('runwright_runs', '')::text END FROM freed"""

# $1 the worker, $2 its lease, $3 whether it takes runs up, $4 the lock of the sweep, $5 the run, $6 the epoch
# of its claim; a sweep may have taken the run from it, for anybody. One statement: a worker that is stopped
# while it holds the lock of the sweep would keep everybody from taking anything over.
HOLD = """
WITH locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock($4)
), renewed AS (
    INSERT INTO workers (name, alive_until, drives) SELECT $1, clock_timestamp() + $2, $3 FROM locked
    ON CONFLICT (name) DO UPDATE SET alive_until = excluded.alive_until, drives = excluded.drives
    RETURNING name
)
UPDATE runs SET worker = name FROM renewed
WHERE run_id = $5 AND epoch = $6 AND (worker IS NULL OR worker = name) RETURNING true"""

# $1 the run, $2 the worker that lacks its tools
LEAVE_RUN = """
WITH left_over AS (UPDATE runs SET worker = NULL WHERE run_id = $1 AND worker = $2 RETURNING run_id)
SELECT pg_notify('runwright_runs', '') FROM left_over"""

# $1 the worker; of its runs, those to which somebody else has added something last
TOLD = """
SELECT run_id FROM runs
WHERE worker = $1 AND status IN ('pending', 'planning', 'awaiting_approval', 'running')
  AND (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq)
      IN ('run.cancelling', 'run.approved', 'run.rejected', 'run.restarted')"""

# $1 the worker, $2 the runs that it keeps
GIVE_BACK = """
WITH freed AS (
    UPDATE runs SET worker = NULL
    WHERE worker = $1 AND status IN ('pending', 'planning', 'awaiting_approval', 'running')
      AND run_id <> ALL($2::uuid[])
      AND (status <> 'awaiting_approval' OR 'run.awaiting_approval' <>
           (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq))
    RETURNING run_id
)
SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify('runwright_runs', '')::text END FROM freed"""
LEAVE = "DELETE FROM workers WHERE name = $1"
ALIVE = """
SELECT count(*), count(*) FILTER (WHERE drives) FROM workers WHERE alive_until > clock_timestamp()"""

# Ids of runs grow with their time, so the first one waits the longest; the index knows each tenant's first.
FIRST_WAITING = f"""
WITH RECURSIVE waiting AS (
    (SELECT tenant, run_id FROM runs WHERE {_OF_NOBODY} ORDER BY tenant, run_id LIMIT 1)
    UNION ALL
    SELECT next.tenant, next.run_id FROM waiting CROSS JOIN LATERAL (
        SELECT tenant, run_id FROM runs WHERE {_OF_NOBODY} AND tenant > waiting.tenant
        ORDER BY tenant, run_id LIMIT 1
    ) AS next
)
SELECT run_id FROM waiting ORDER BY run_id LIMIT 1"""  # noqa: S608  # nothing in it comes from outside
