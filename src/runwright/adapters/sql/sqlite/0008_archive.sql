-- Ended runs, moved out of `events`. A row of `runs` stays where it is, so lists never ask two tables.
CREATE TABLE run_archive (
    run_id       TEXT NOT NULL PRIMARY KEY,
    archived_at  REAL NOT NULL,
    document     BLOB NOT NULL,  -- {"run_id":"run_…","events":[…]}, each event byte for byte as it was
    marks        BLOB NOT NULL   -- of each event its hash, 16 bytes, and its length, 4 bytes
) STRICT;

-- What became of each step, for questions about many runs; written when a run is archived.
CREATE TABLE step_stats (
    run_id        TEXT    NOT NULL,
    step_number   INTEGER NOT NULL,
    tenant        TEXT    NOT NULL,
    tool_name     TEXT    NOT NULL,
    tool_version  TEXT,
    status        TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    started_at    REAL,
    duration_ms   REAL,
    error_code    TEXT,
    PRIMARY KEY (run_id, step_number)
) STRICT, WITHOUT ROWID;

-- What became of each run and what models took for it; written with the above.
CREATE TABLE run_stats (
    run_id             TEXT NOT NULL PRIMARY KEY,
    tenant             TEXT NOT NULL,
    status             TEXT NOT NULL,
    created_at         REAL NOT NULL,
    completed_at       REAL NOT NULL,
    error_code         TEXT,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    llm_calls          INTEGER NOT NULL,
    cost_usd           REAL  -- NULL: the price of a call is not known
) STRICT, WITHOUT ROWID;

-- questions are asked for a tenant and a time
CREATE INDEX run_stats_by_time ON run_stats (tenant, completed_at);
CREATE INDEX step_stats_by_tool ON step_stats (tenant, tool_name);
