-- The processes that drive runs, by the name that `runs.worker` holds. Whoever does not renew its row in time
-- is taken for dead, by the clock of this server; what it drove belongs to nobody then.
CREATE TABLE workers (
    name         text        NOT NULL PRIMARY KEY,
    alive_until  timestamptz NOT NULL
);

-- `runs.worker` is NULL where anybody may take the run. An ended run, and one that waits for a person, keeps
-- the name of the last worker: nobody has to take it.
CREATE INDEX runs_of_nobody ON runs (tenant, run_id)
    WHERE worker IS NULL AND status IN ('pending', 'planning', 'awaiting_approval', 'running');
