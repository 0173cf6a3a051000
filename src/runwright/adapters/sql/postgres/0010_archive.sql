-- Ended runs, moved out of `events`. A row of `runs` stays where it is, so lists never ask two tables.
CREATE TABLE run_archive (
    run_id       uuid  NOT NULL PRIMARY KEY,
    archived_at  double precision NOT NULL,
    document     bytea NOT NULL,  -- {"run_id":"run_…","events":[…]}, each event byte for byte as it was
    marks        bytea NOT NULL   -- of each event its hash, 16 bytes, and its length, 4 bytes
);

-- What became of each step, for questions about many runs; written when a run is archived.
CREATE TABLE step_stats (
    run_id        uuid   NOT NULL,
    step_number   bigint NOT NULL,
    tenant        text   NOT NULL,
    tool_name     text   NOT NULL,
    tool_version  text,
    status        text   NOT NULL,
    attempts      bigint NOT NULL,
    started_at    double precision,
    duration_ms   double precision,
    error_code    text,
    PRIMARY KEY (run_id, step_number)
);

-- What became of each run and what models took for it; written with the above.
CREATE TABLE run_stats (
    run_id             uuid NOT NULL PRIMARY KEY,
    tenant             text NOT NULL,
    status             text NOT NULL,
    created_at         double precision NOT NULL,
    completed_at       double precision NOT NULL,
    error_code         text,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    llm_calls          bigint NOT NULL,
    cost_usd           double precision  -- NULL: the price of a call is not known
);

-- questions are asked for a tenant and a time
CREATE INDEX run_stats_by_time ON run_stats (tenant, completed_at);
CREATE INDEX step_stats_by_tool ON step_stats (tenant, tool_name);
