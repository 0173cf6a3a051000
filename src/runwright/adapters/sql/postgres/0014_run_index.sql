-- What archived runs are found by: see `run_tokens`. Written when a run is archived.
CREATE TABLE run_index (
    run_id  uuid      NOT NULL PRIMARY KEY,
    tokens  integer[] NOT NULL
);

-- what was added and is not in the index proper yet is read by every question: it stays small
CREATE INDEX run_index_by_token ON run_index USING gin (tokens) WITH (gin_pending_list_limit = 256);
