-- What security rests on: added to, never changed. The triggers bind every program that writes to this file.
CREATE TABLE audit (
    audit_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at          REAL    NOT NULL,
    what        TEXT    NOT NULL,
    result      TEXT    NOT NULL,  -- ok, or the code of the refusal
    tenant      TEXT,
    key_id      TEXT,              -- of the key that it was done with
    who         TEXT,              -- the user of the computer, on the command line
    address     TEXT,
    request_id  TEXT,
    subject     TEXT,              -- what it was done to
    times       INTEGER NOT NULL   -- how often, by the same caller within a minute
) STRICT;

CREATE INDEX audit_by_time ON audit (at);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit table is append-only');
END;

-- an INSERT OR REPLACE would be a change
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id) BEGIN
    SELECT RAISE(ABORT, 'the audit table is append-only');
END;

CREATE TRIGGER audit_is_kept_for_30_days BEFORE DELETE ON audit
WHEN OLD.at > unixepoch('subsec') - 30 * 86400 BEGIN
    SELECT RAISE(ABORT, 'the audit table keeps its rows for 30 days at least');
END;
