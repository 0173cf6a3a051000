-- What security rests on: added to, never changed. The triggers bind every role but those that may drop them.
CREATE TABLE audit (
    audit_id    bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          double precision NOT NULL,
    what        text    NOT NULL,
    result      text    NOT NULL,  -- ok, or the code of the refusal
    tenant      text,
    key_id      text,              -- of the key that it was done with
    who         text,              -- the user of the computer, on the command line
    address     text,
    request_id  text,
    subject     text,              -- what it was done to
    times       int     NOT NULL   -- how often, by the same caller within a minute
);

CREATE INDEX audit_by_time ON audit (at);

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit table is append-only, and keeps its rows for 30 days at least';
END
$$;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_is_kept_for_30_days BEFORE DELETE ON audit
    FOR EACH ROW WHEN (OLD.at > extract(epoch FROM now()) - 30 * 86400)
    EXECUTE FUNCTION refuse_change_of_audit();
