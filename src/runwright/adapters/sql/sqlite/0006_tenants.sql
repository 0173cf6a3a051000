-- What an operator has set; a tenant without a row has no limits of its own.
CREATE TABLE tenants (
    tenant         TEXT NOT NULL PRIMARY KEY,
    tokens_max     INTEGER,        -- of language models, within a period; NULL: no limit
    cost_usd_max   REAL,
    llm_calls_max  INTEGER,
    period         TEXT NOT NULL   -- day or month, in UTC
) STRICT, WITHOUT ROWID;

-- What language models took, by day in UTC.
CREATE TABLE model_use (
    tenant          TEXT NOT NULL,
    day             TEXT NOT NULL,
    tokens          INTEGER NOT NULL,
    cost_usd        REAL NOT NULL,
    llm_calls       INTEGER NOT NULL,
    unpriced_calls  INTEGER NOT NULL,  -- of those: calls whose price nobody knows
    PRIMARY KEY (tenant, day)
) STRICT, WITHOUT ROWID;

-- What calls that are under way may take at most; one whose process died is over at its end.
CREATE TABLE reservations (
    reservation_id  TEXT NOT NULL PRIMARY KEY,
    tenant          TEXT NOT NULL,
    tokens          INTEGER NOT NULL,
    cost_usd        REAL NOT NULL,
    expires_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_by_tenant ON reservations (tenant);
