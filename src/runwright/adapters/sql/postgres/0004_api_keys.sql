-- Keys stay for good: without any the server would take everybody for the owner of this computer.
CREATE TABLE api_keys (
    key_id        text  NOT NULL PRIMARY KEY,
    tenant        text  NOT NULL,
    scopes        text  NOT NULL,  -- names, with blanks between
    digest        bytea NOT NULL,  -- HMAC-SHA256 of the key, made with the pepper
    pepper_mark   bytea NOT NULL,  -- of the pepper that it was made with
    created_at    double precision NOT NULL,
    expires_at    double precision,
    revoked_at    double precision,
    name          text,
    last_used_at  double precision -- written now and then, never for one request
);

-- The pepper of those who set none: all processes on one database must have the same.
CREATE TABLE key_pepper (
    one     boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    pepper  bytea   NOT NULL
);

CREATE TABLE tickets (
    digest      bytea NOT NULL PRIMARY KEY,
    key_id      text  NOT NULL,
    expires_at  double precision NOT NULL
);

CREATE INDEX tickets_by_age ON tickets (expires_at);
