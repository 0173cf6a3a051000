-- A hash over what the chain of events does not cover; empty in rows that an older build wrote.
ALTER TABLE runs ADD COLUMN witness bytea NOT NULL DEFAULT '';
ALTER TABLE run_documents ADD COLUMN witness bytea NOT NULL DEFAULT '';
