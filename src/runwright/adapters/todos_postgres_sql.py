"""The statements of the todo lists in PostgreSQL."""

from __future__ import annotations

from runwright.ports import TodoStatus

# The row of the tenant's counts is locked before a position is given out or a todo is touched.
ADD = """
WITH asked AS MATERIALIZED (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::bigint[], $7::float8[])
    WITH ORDINALITY AS asked (todo_id, tenant, add_key, text, folded, json_bytes, created_at, number)
), locked AS (
    INSERT INTO todo_counts AS counts (tenant, total, completed)
    SELECT DISTINCT tenant, 0, 0 FROM asked ORDER BY tenant
    ON CONFLICT (tenant) DO UPDATE SET total = counts.total
    RETURNING tenant
)
INSERT INTO todos (todo_id, tenant, add_key, text, folded, json_bytes, created_at)
SELECT todo_id, tenant, add_key, text, folded, json_bytes, created_at FROM asked JOIN locked USING (tenant)
ORDER BY tenant, number
ON CONFLICT DO NOTHING
RETURNING todo_id"""
ADDED = """
SELECT tenant, add_key, todo_id, text, created_at, completed_at FROM todos
JOIN unnest($1::text[], $2::text[]) AS asked (tenant, add_key) USING (tenant, add_key)"""
GET = """
SELECT todo_id, text, created_at, completed_at FROM todos
WHERE todo_id = $1 AND tenant = $2 AND deleted_at IS NULL"""
# greatest: a clock that was set back must not make a todo that was done before it was added
COMPLETE = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::float8[]) AS asked (todo_id, tenant, now)
), locked AS MATERIALIZED (
    SELECT tenant FROM todo_counts WHERE tenant IN (SELECT tenant FROM asked) ORDER BY tenant FOR UPDATE
)
UPDATE todos SET completed_at = coalesce(completed_at, greatest(created_at, asked.now))
FROM asked JOIN locked USING (tenant)
WHERE todos.todo_id = asked.todo_id AND todos.tenant = asked.tenant AND deleted_at IS NULL
RETURNING todos.tenant, todos.todo_id, text, created_at, completed_at"""
DELETE = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[])
    WITH ORDINALITY AS asked (todo_id, tenant, delete_key, now, number)
), locked AS MATERIALIZED (
    SELECT tenant, total FROM todo_counts WHERE tenant IN (SELECT tenant FROM asked)
    ORDER BY tenant FOR UPDATE
), doomed AS MATERIALIZED (
    SELECT todos.position, asked.delete_key, asked.now, asked.number, locked.tenant, locked.total
    FROM asked JOIN locked USING (tenant) JOIN todos USING (todo_id, tenant)
    WHERE todos.deleted_at IS NULL ORDER BY tenant, number FOR UPDATE OF todos
), counted AS (
    SELECT *, total - row_number() OVER (PARTITION BY tenant ORDER BY number) AS left_count FROM doomed
)
UPDATE todos SET deleted_at = counted.now, delete_key = counted.delete_key, left_count = counted.left_count
FROM counted WHERE todos.tenant = counted.tenant AND todos.position = counted.position"""
DELETED = """
SELECT tenant, todo_id, text, created_at, completed_at, left_count FROM todos
JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (todo_id, tenant, delete_key)
    USING (todo_id, tenant, delete_key)"""

POSITION = "SELECT position FROM todos WHERE todo_id = $1 AND tenant = $2"
# word for word the conditions of the indexes
_STATUS: dict[TodoStatus, str] = {
    "all": "deleted_at IS NULL",
    "pending": "deleted_at IS NULL AND completed_at IS NULL",
    "completed": "deleted_at IS NULL AND completed_at IS NOT NULL",
}
# One statement sees one moment: counts and ends of the whole list, and a page of at most $3 and $4 bytes.
_LIST = """
SELECT counts.completed, counts.total, shown.*
FROM (SELECT $1::text AS tenant) AS asked
LEFT JOIN todo_counts AS counts USING (tenant)
LEFT JOIN LATERAL (
    (SELECT 'first' AS part, position, 0 AS found, todo_id, text, created_at, completed_at FROM todos
     WHERE tenant = asked.tenant AND {status} ORDER BY position LIMIT 1)
    UNION ALL
    (SELECT 'last', position, 0, todo_id, text, created_at, completed_at FROM todos
     WHERE tenant = asked.tenant AND {status} ORDER BY position DESC LIMIT 1)
    UNION ALL
    (SELECT 'page', position, found, todo_id, text, created_at, completed_at FROM (
        SELECT *, row_number() OVER so_far AS number, sum(json_bytes) OVER so_far AS size,
            count(*) OVER () AS found
        FROM (
            SELECT position, json_bytes, todo_id, text, created_at, completed_at FROM todos
            WHERE tenant = asked.tenant AND {status} AND position > $2 ORDER BY position LIMIT $3 + 1
        ) AS behind
        WINDOW so_far AS (ORDER BY position)
    ) AS sized
    WHERE number = 1 OR (number <= $3 AND size <= $4) ORDER BY position)
) AS shown ON true"""
PART = """
SELECT max(position), count(*), array_agg(position ORDER BY position) FILTER (WHERE holds),
    array_agg(completed_at IS NOT NULL ORDER BY position) FILTER (WHERE holds),
    array_agg(folded ORDER BY position) FILTER (WHERE holds)
FROM (
    SELECT position, completed_at, folded, position($3 IN folded) > 0 AS holds FROM todos
    WHERE tenant = $1 AND deleted_at IS NULL AND position > $2 ORDER BY position LIMIT $4
) AS part"""
SIZES = """
SELECT position, json_bytes FROM todos WHERE position = ANY($1::bigint[]) AND tenant = $2 ORDER BY position"""
ROWS = """
SELECT position, todo_id, text, created_at, completed_at FROM todos
WHERE position = ANY($1::bigint[]) AND tenant = $2"""


def lists(status: TodoStatus) -> str:
    """Return the query for a page of the todos with a status: tenant, position before it, limit, bytes."""
    return _LIST.format(status=_STATUS[status])
