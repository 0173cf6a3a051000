-- What archived runs are found by: see `run_tokens`. Written when a run is archived.
CREATE TABLE run_positions (
    position  INTEGER PRIMARY KEY,
    run_id    TEXT NOT NULL UNIQUE
) STRICT;

CREATE VIRTUAL TABLE run_index USING fts5(
    tokens, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
