-- Keys are of use for a day; each new one takes a few of the oldest with it.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
