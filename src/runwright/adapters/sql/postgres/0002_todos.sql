-- `position` is the order of adding. A deleted todo keeps its row, so that an add or a delete that is repeated
-- after a crash, with the same key, finds what it did; and so that positions are never used twice.
-- Texts are UTF-8 in bytes, because a text of PostgreSQL cannot hold U+0000.
CREATE TABLE todos (
    position      bigint GENERATED ALWAYS AS IDENTITY,
    todo_id       text   NOT NULL UNIQUE,
    tenant        text   NOT NULL,
    text          bytea  NOT NULL,
    folded        bytea  NOT NULL,  -- the text as it is searched, without regard to letter case
    json_bytes    bigint NOT NULL,  -- of the text, as JSON: what it takes of a page
    created_at    double precision NOT NULL,
    completed_at  double precision,
    deleted_at    double precision,
    add_key       text   NOT NULL,
    delete_key    text,
    left_count    bigint,           -- how many todos the tenant had left after the delete
    -- by tenant, so that no plan can walk along the positions of all tenants
    PRIMARY KEY (tenant, position)
);

CREATE UNIQUE INDEX todos_added_once ON todos (tenant, add_key);
CREATE INDEX todos_in_order ON todos (tenant, position) WHERE deleted_at IS NULL;
CREATE INDEX todos_pending ON todos (tenant, position) WHERE deleted_at IS NULL AND completed_at IS NULL;
CREATE INDEX todos_completed ON todos (tenant, position) WHERE deleted_at IS NULL AND completed_at IS NOT NULL;

-- Counts by tenant, kept by triggers: a list costs the same however many todos there are. Whoever changes a
-- tenant's todos locks this row first, so positions are in the order of the commits.
CREATE TABLE todo_counts (
    tenant     text   NOT NULL PRIMARY KEY,
    total      bigint NOT NULL,
    completed  bigint NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION todos_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE todo_counts AS counts
    SET total = counts.total + more.total, completed = counts.completed + more.completed
    FROM (SELECT tenant, count(*) AS total, count(completed_at) AS completed FROM added GROUP BY tenant) AS more
    WHERE counts.tenant = more.tenant;
    RETURN NULL;
END $$;

CREATE FUNCTION todos_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE todo_counts AS counts
    SET total = counts.total + more.total, completed = counts.completed + more.completed
    FROM (
        SELECT tenant, sum(sign * (deleted_at IS NULL)::int) AS total,
            sum(sign * (deleted_at IS NULL AND completed_at IS NOT NULL)::int) AS completed
        FROM (SELECT 1 AS sign, * FROM after UNION ALL SELECT -1, * FROM before) AS changed
        GROUP BY tenant
    ) AS more
    WHERE counts.tenant = more.tenant AND (more.total <> 0 OR more.completed <> 0);
    RETURN NULL;
END $$;

CREATE TRIGGER todos_added AFTER INSERT ON todos
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION todos_added();
CREATE TRIGGER todos_changed AFTER UPDATE ON todos
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION todos_changed();
