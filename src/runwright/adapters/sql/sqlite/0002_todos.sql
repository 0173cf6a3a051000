-- `position` is the order of adding. A deleted todo keeps its row, so that an add or a delete that is repeated
-- after a crash, with the same key, finds what it did; and so that positions are never used twice.
CREATE TABLE todos (
    position      INTEGER PRIMARY KEY,
    todo_id       TEXT NOT NULL UNIQUE,
    tenant        TEXT NOT NULL,
    text          TEXT NOT NULL,
    folded        TEXT NOT NULL,  -- the text as it is searched, without regard to letter case
    created_at    REAL NOT NULL,
    completed_at  REAL,
    deleted_at    REAL,
    add_key       TEXT,
    delete_key    TEXT,
    left_count    INTEGER         -- how many todos the tenant had left after the delete
) STRICT;

CREATE UNIQUE INDEX todos_added_once ON todos (tenant, add_key) WHERE add_key IS NOT NULL;
CREATE INDEX todos_in_order ON todos (tenant, position) WHERE deleted_at IS NULL;
CREATE INDEX todos_pending ON todos (tenant, position) WHERE deleted_at IS NULL AND completed_at IS NULL;
CREATE INDEX todos_completed ON todos (tenant, position) WHERE deleted_at IS NULL AND completed_at IS NOT NULL;

-- Counts by tenant, kept by triggers: a list costs the same however many todos there are.
CREATE TABLE todo_counts (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    total      INTEGER NOT NULL,
    completed  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER todo_added AFTER INSERT ON todos BEGIN
    INSERT INTO todo_counts (tenant, total, completed) VALUES (NEW.tenant, 1, NEW.completed_at IS NOT NULL)
    ON CONFLICT (tenant) DO UPDATE SET total = total + 1, completed = completed + excluded.completed;
END;

CREATE TRIGGER todo_changed AFTER UPDATE OF completed_at, deleted_at ON todos BEGIN
    UPDATE todo_counts
    SET total = total + (NEW.deleted_at IS NULL) - (OLD.deleted_at IS NULL),
        completed = completed
            + (NEW.deleted_at IS NULL AND NEW.completed_at IS NOT NULL)
            - (OLD.deleted_at IS NULL AND OLD.completed_at IS NOT NULL)
    WHERE tenant = NEW.tenant;
END;
