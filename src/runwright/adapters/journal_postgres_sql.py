"""The statements of the journal in PostgreSQL."""

from __future__ import annotations

# rows that a check of chains fetches at once
CHAINS_AT_ONCE = 200

# $1 to $22: columns of the new runs, their keys and first events, in the order of tenant and key; $23 now,
# $24 when keys die. A key is taken by whoever inserts it: another process waits for that transaction to end,
# so that two of them make one run. Each new key takes up to four expired ones with it. Returned are the
# runs that were made; of those that nobody drives yet, all workers are told.
CREATE = """
WITH new AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[],
        $7::text[], $8::float8[], $9::float8[], $10::float8[], $11::text[], $12::text[], $13::bytea[],
        $14::bytea[], $15::bytea[], $16::text[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[],
        $21::bytea[], $22::text[])
    AS new (run_id, tenant, status, epoch, seq, head, worker, created_at, started_at, completed_at, plan_hash,
        tools, prompt, folded, document, key, body_hash, witness, document_witness, hashes, body,
        type)
), keyed AS (
    INSERT INTO idempotency_keys AS known (tenant, key, body_hash, run_id, created_at)
    SELECT tenant, key, body_hash, run_id, $23 FROM new WHERE key IS NOT NULL
    ON CONFLICT (tenant, key) DO UPDATE
    SET body_hash = excluded.body_hash, run_id = excluded.run_id, created_at = excluded.created_at
    WHERE known.created_at <= $24
    RETURNING run_id
), forgotten AS (
    DELETE FROM idempotency_keys AS old USING (
        SELECT tenant, key FROM idempotency_keys WHERE created_at <= $24 ORDER BY created_at
        LIMIT 4 * (SELECT count(key) FROM new) FOR UPDATE SKIP LOCKED
    ) AS expired
    WHERE old.tenant = expired.tenant AND old.key = expired.key
        AND (old.tenant, old.key) NOT IN (SELECT tenant, key FROM new WHERE key IS NOT NULL)
), made AS (
    INSERT INTO runs (run_id, tenant, status, epoch, seq, head, worker, created_at, started_at, completed_at,
        plan_hash, tools, witness)
    SELECT run_id, tenant, status, epoch, seq, head, worker, created_at, started_at, completed_at,
        plan_hash, tools, witness
    FROM new WHERE key IS NULL OR run_id IN (SELECT run_id FROM keyed)
    RETURNING run_id, worker
), documents AS (
    INSERT INTO run_documents (run_id, prompt, folded, document, witness)
    SELECT run_id, prompt, folded, document, document_witness FROM new JOIN made USING (run_id)
), written AS (
    INSERT INTO events (run_id, seq, hashes, body, type)
    SELECT run_id, seq, hashes, body, type FROM new JOIN made USING (run_id)
)
SELECT run_id, CASE WHEN worker IS NULL THEN pg_notify('runwright_runs', '')::text END FROM made"""
KEYS = """
SELECT tenant, key, body_hash, run_id FROM idempotency_keys
JOIN unnest($1::text[], $2::text[]) AS asked (tenant, key) USING (tenant, key)"""

# $1 to $3: the fences; $4 to $7: what is to stand behind them, the hash of the newest event last. Returned
# are the runs that got in; NULL when all did. A row that somebody else has locked is waited for, and its
# fence is looked at again then, so no claim can come between; rows are taken in the order of run ids, so
# that two batches cannot wait for each other.
_FENCED = """
WITH own AS (
    UPDATE runs SET seq = new.last, head = substring(new.hashes FROM octet_length(new.hashes) - 15){show}
    FROM (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[],
            $7::text[]{types})
        AS asked (run_id, epoch, seq, last, hashes, body, type{names})
        ORDER BY run_id
    ) AS new
    WHERE runs.run_id = new.run_id AND runs.epoch = new.epoch AND runs.seq = new.seq
    RETURNING new.*
), written AS (
    INSERT INTO events (run_id, seq, hashes, body, type)
    SELECT run_id, last, hashes, body, type FROM own
){more}
SELECT CASE WHEN count(*) < cardinality($1) THEN coalesce(array_agg(run_id), '{{}}') END FROM own"""
APPEND = _FENCED.format(show="", types="", names="", more="")
# $8 to $15: what lists are to show of those runs where that has changed; of the others all of it is NULL
APPEND_AND_SHOW = _FENCED.format(
    show=""",
        status = coalesce(new.status, runs.status),
        started_at = CASE WHEN new.status IS NULL THEN runs.started_at ELSE new.started_at END,
        completed_at = CASE WHEN new.status IS NULL THEN runs.completed_at ELSE new.completed_at END,
        plan_hash = CASE WHEN new.status IS NULL THEN runs.plan_hash ELSE new.plan_hash END,
        tools = coalesce(new.tools, runs.tools),
        witness = coalesce(new.witness, runs.witness)""",
    types=""", $8::text[], $9::float8[], $10::float8[], $11::text[], $12::text[],
            $13::bytea[], $14::bytea[], $15::bytea[]""",
    names=""", status, started_at, completed_at, plan_hash,
            tools, witness, document, document_witness""",
    more=""", documents AS (
    UPDATE run_documents AS old SET document = own.document, witness = own.document_witness FROM own
    WHERE own.status IS NOT NULL AND old.run_id = own.run_id AND old.document IS DISTINCT FROM own.document
)""",
)
# The same for one run alone, in a third of the server's work.
APPEND_ONE = """
WITH own AS (
    UPDATE runs SET seq = $4, head = substring($5::bytea FROM octet_length($5::bytea) - 15)
    WHERE run_id = $1 AND epoch = $2 AND seq = $3 RETURNING run_id
)
INSERT INTO events (run_id, seq, hashes, body, type) SELECT run_id, $4, $5, $6, $7 FROM own"""
FENCES = "SELECT run_id, epoch, seq FROM runs WHERE run_id = ANY($1::uuid[])"
HASHES = """
SELECT run_id, seq, hashes FROM events
JOIN unnest($1::uuid[], $2::bigint[]) AS asked (run_id, seq) USING (run_id, seq)"""
HASH = "SELECT hashes FROM events WHERE run_id = $1 AND seq = $2"
ANY_EVENT = "SELECT FROM events WHERE run_id = $1 LIMIT 1"

# $1 the runs, $2 their workers; rows are taken in the order of run ids, as appends take them
CLAIM = """
UPDATE runs SET epoch = epoch + 1, worker = new.worker
FROM (SELECT * FROM unnest($1::uuid[], $2::text[]) AS asked (run_id, worker) ORDER BY run_id) AS new
WHERE runs.run_id = new.run_id AND status NOT IN ('completed', 'failed', 'cancelled')
  AND (runs.worker IS NULL OR runs.worker = new.worker OR
       NOT EXISTS (SELECT FROM workers WHERE name = runs.worker AND alive_until > clock_timestamp()))
RETURNING runs.run_id, epoch, seq, head"""
CLAIMED = """
SELECT run_id, seq, hashes, body FROM events
JOIN unnest($1::uuid[], $2::bigint[]) AS asked (run_id, last) USING (run_id)
WHERE seq <= last ORDER BY run_id, seq"""
HISTORY = "SELECT seq, hashes, body FROM events WHERE run_id = $1 AND seq <= $2 ORDER BY seq"
LOCK = "SELECT epoch, seq, head, status FROM runs WHERE run_id = $1 AND tenant = $2 FOR UPDATE"
# whoever drives the run, and whoever follows it, is to look at it; $2: it is for anybody to take
CONTROLLED = """
WITH free AS (UPDATE runs SET worker = NULL WHERE run_id = $1 AND $2)
SELECT pg_notify('runwright_runs', replace($1::uuid::text, '-', ''))"""

# One statement sees one moment: the row with its witness, and the events from the one at $2 on, or from the
# newest where nothing is behind $2.
_PAGE = """
SELECT r.seq, r.head, r.status, r.witness, r.tenant, r.created_at, r.started_at, r.completed_at, r.plan_hash,
    r.tools, e.seq, e.hashes, e.body, e.found
FROM runs AS r LEFT JOIN LATERAL ({page}) AS e ON true
WHERE r.run_id = $1
ORDER BY e.seq"""
_ROWS = """
    SELECT seq, hashes, body{found} FROM events
    WHERE run_id = r.run_id AND seq >= least($2, r.seq) ORDER BY seq LIMIT $3::bigint + 1"""
PAGE = _PAGE.format(page=_ROWS.format(found=", 0 AS found"))
# The same as far as the bodies fit in $4 bytes, and two rows in any case: the event at $2 may be the last of
# the first. And how many rows there were to fit.
_FITTING = """
    SELECT * FROM (
        SELECT *, row_number() OVER so_far AS number, sum(octet_length(body)) OVER so_far AS size,
            count(*) OVER () AS found
        FROM ({rows}) AS wanted
        WINDOW so_far AS (ORDER BY seq)
    ) AS sized
    WHERE number <= 2 OR size <= $4"""
PAGE_BYTES = _PAGE.format(page=_FITTING.format(rows=_ROWS.format(found="")))

TIP = "SELECT seq, head, status FROM runs WHERE run_id = $1"
WITNESSED = """
SELECT r.run_id, r.seq, r.head, r.witness, r.tenant, r.status, r.created_at, r.started_at, r.completed_at,
    r.plan_hash, r.tools, d.witness, d.prompt, d.document
FROM runs AS r JOIN run_documents AS d USING (run_id) WHERE r.run_id = ANY($1::uuid[])"""
TIPS = "SELECT run_id, seq, head FROM runs WHERE run_id = ANY($1::uuid[])"
CHAINS = "SELECT run_id, seq, hashes, body FROM events WHERE run_id = ANY($1::uuid[]) ORDER BY run_id, seq"
# The statuses are those of the index. A run whose approval was answered keeps its status until a worker
# has heard the answer; it waits for nobody any more, and its newest event says so.
UNFINISHED = """
SELECT run_id FROM runs
WHERE status IN ('pending', 'planning', 'awaiting_approval', 'running')
  AND (status <> 'awaiting_approval' OR 'run.awaiting_approval' <>
       (SELECT type FROM events WHERE events.run_id = runs.run_id AND events.seq = runs.seq))
ORDER BY run_id"""
