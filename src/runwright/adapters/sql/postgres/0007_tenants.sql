-- What an operator has set; a tenant without a row has no limits of its own.
CREATE TABLE tenants (
    tenant         text NOT NULL PRIMARY KEY,
    tokens_max     bigint,            -- of language models, within a period; NULL: no limit
    cost_usd_max   double precision,
    llm_calls_max  bigint,
    period         text NOT NULL      -- day or month, in UTC
);

-- What language models took, by day in UTC.
CREATE TABLE model_use (
    tenant          text   NOT NULL,
    day             text   NOT NULL,
    tokens          bigint NOT NULL,
    cost_usd        double precision NOT NULL,
    llm_calls       bigint NOT NULL,
    unpriced_calls  bigint NOT NULL,  -- of those: calls whose price nobody knows
    PRIMARY KEY (tenant, day)
);

-- What calls that are under way may take at most; one whose process died is over at its end.
CREATE TABLE reservations (
    reservation_id  text   NOT NULL PRIMARY KEY,
    tenant          text   NOT NULL,
    tokens          bigint NOT NULL,
    cost_usd        double precision NOT NULL,
    expires_at      double precision NOT NULL
);

CREATE INDEX reservations_by_tenant ON reservations (tenant);
