-- One row a run, kept for good. Narrow on purpose: every append updates it.
CREATE TABLE runs (
    run_id        TEXT    NOT NULL PRIMARY KEY,
    tenant        TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,  -- the fence: raised by every claim
    seq           INTEGER NOT NULL,  -- of the newest event; with `head` the witness against a lost tail
    head          BLOB    NOT NULL,  -- hash of the newest event
    worker        TEXT,
    created_at    REAL    NOT NULL,
    started_at    REAL,
    completed_at  REAL,
    plan_hash     TEXT,
    tools         TEXT    NOT NULL   -- names of the plan's tools, each between blanks
) STRICT, WITHOUT ROWID;

-- run ids begin with the time, so newest first is run_id descending
CREATE INDEX runs_of_tenant ON runs (tenant, run_id);
CREATE INDEX runs_by_status ON runs (tenant, status, run_id);
CREATE INDEX runs_unfinished ON runs (run_id) WHERE status IN ('pending', 'planning', 'awaiting_approval', 'running');

-- What is long or written once: the prompt, and of an ended run the run object without its execution log.
CREATE TABLE run_documents (
    run_id    TEXT NOT NULL PRIMARY KEY,
    prompt    TEXT NOT NULL,
    document  BLOB
) STRICT, WITHOUT ROWID;

-- The truth. `body` is the event as clients see it; `hash` chains it to the event before.
CREATE TABLE events (
    run_id  TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    hash    BLOB    NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT;

CREATE TABLE idempotency_keys (
    tenant      TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_hash   BLOB NOT NULL,
    run_id      TEXT NOT NULL,
    created_at  REAL NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
