-- Keys stay for good: without any the server would take everybody for the owner of this computer.
CREATE TABLE api_keys (
    key_id        TEXT NOT NULL PRIMARY KEY,
    tenant        TEXT NOT NULL,
    scopes        TEXT NOT NULL,  -- names, with blanks between
    digest        BLOB NOT NULL,  -- HMAC-SHA256 of the key, made with the pepper
    pepper_mark   BLOB NOT NULL,  -- of the pepper that it was made with
    created_at    REAL NOT NULL,
    expires_at    REAL,
    revoked_at    REAL,
    name          TEXT,
    last_used_at  REAL            -- written now and then, never for one request
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    digest      BLOB NOT NULL PRIMARY KEY,
    key_id      TEXT NOT NULL,
    expires_at  REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_age ON tickets (expires_at);
