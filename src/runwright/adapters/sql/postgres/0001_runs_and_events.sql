-- One row a run, kept for good. Narrow on purpose: every append updates it, so room is left for that in place.
-- A run id is kept without its prefix `run_`: 16 bytes instead of 36 in every row and index.
CREATE TABLE runs (
    run_id        uuid   NOT NULL PRIMARY KEY,
    tenant        text   NOT NULL,
    status        text   NOT NULL,
    epoch         bigint NOT NULL,  -- the fence: raised by every claim
    seq           bigint NOT NULL,  -- of the newest event; with `head` the witness against a lost tail
    head          bytea  NOT NULL,  -- hash of the newest event
    worker        text,
    created_at    double precision NOT NULL,
    started_at    double precision,
    completed_at  double precision,
    plan_hash     text,
    tools         text   NOT NULL   -- names of the plan's tools, each between blanks
) WITH (fillfactor = 50);

-- run ids begin with the time, so newest first is run_id descending
CREATE INDEX runs_of_tenant ON runs (tenant, run_id);
CREATE INDEX runs_by_status ON runs (tenant, status, run_id);
CREATE INDEX runs_unfinished ON runs (run_id) WHERE status IN ('pending', 'planning', 'awaiting_approval', 'running');

-- What is long or written once. Prompts are UTF-8 in bytes, because a text of PostgreSQL cannot hold U+0000.
CREATE TABLE run_documents (
    run_id    uuid  NOT NULL PRIMARY KEY,
    prompt    bytea NOT NULL,
    folded    bytea,            -- the prompt without regard to letter case, where that is another text
    document  bytea             -- of an ended run: the run object without its execution log
);

-- The truth. `body` is the event as clients see it; `hash` chains it to the event before.
CREATE TABLE events (
    run_id  uuid   NOT NULL,
    seq     bigint NOT NULL,
    type    text   NOT NULL,
    body    bytea  NOT NULL,
    hash    bytea  NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE idempotency_keys (
    tenant      text  NOT NULL,
    key         text  NOT NULL,
    body_hash   bytea NOT NULL,
    run_id      uuid  NOT NULL,
    created_at  double precision NOT NULL,
    PRIMARY KEY (tenant, key)
);
