"""The todo lists in a SQLite file, beside the journal and through the same writer.

What a call costs does not grow with the number of todos: counts are kept by triggers, pages and ends come
from indexes. Only a search for text reads every todo of its tenant, in parts, so that others get their turn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import apsw

from runwright.adapters.sqlite import Reader, Writer
from runwright.adapters.todo_lists import (
    ID_ATTEMPTS_MAX,
    SEARCH_ROWS,
    Holding,
    Matches,
    Search,
    fitting,
    folded,
    looked_for,
    random_id,
)
from runwright.core.errors import InvalidInput
from runwright.core.ids import Tenant
from runwright.ports import Todo, TodoList, TodoStatus

_ADDED = """
SELECT todo_id, text, created_at, completed_at FROM todos WHERE tenant = ? AND add_key = ?"""
_INSERT = """
INSERT INTO todos (todo_id, tenant, text, folded, created_at, add_key) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (todo_id) DO NOTHING"""
_GET = """
SELECT todo_id, text, created_at, completed_at FROM todos
WHERE todo_id = ? AND tenant = ? AND deleted_at IS NULL"""
# max: a clock that was set back must not make a todo that was done before it was added
_COMPLETE = """
UPDATE todos SET completed_at = coalesce(completed_at, max(created_at, ?))
WHERE todo_id = ? AND tenant = ? AND deleted_at IS NULL
RETURNING todo_id, text, created_at, completed_at"""
_DELETE = """
UPDATE todos
SET deleted_at = ?, delete_key = ?,
    left_count = (SELECT total - 1 FROM todo_counts AS counts WHERE counts.tenant = todos.tenant)
WHERE todo_id = ? AND tenant = ? AND deleted_at IS NULL
RETURNING todo_id, text, created_at, completed_at, left_count"""
_DELETED = """
SELECT todo_id, text, created_at, completed_at, left_count FROM todos
WHERE todo_id = ? AND tenant = ? AND delete_key = ?"""

_POSITION = "SELECT position FROM todos WHERE todo_id = ? AND tenant = ?"
_COUNTS = "SELECT completed, total - completed FROM todo_counts WHERE tenant = ?"
_FIRST = "SELECT position FROM todos WHERE tenant = ? AND {status} ORDER BY position LIMIT 1"
_LAST = "SELECT position FROM todos WHERE tenant = ? AND {status} ORDER BY position DESC LIMIT 1"
_BEHIND = """
SELECT position FROM todos WHERE tenant = ? AND {status} AND position > ? ORDER BY position LIMIT ?"""
# word for word the conditions of the indexes
_STATUS: dict[TodoStatus, str] = {
    "all": "deleted_at IS NULL",
    "pending": "deleted_at IS NULL AND completed_at IS NULL",
    "completed": "deleted_at IS NULL AND completed_at IS NOT NULL",
}
_PART_END = """
SELECT max(position), count(*) FROM (
    SELECT position FROM todos
    WHERE tenant = ? AND deleted_at IS NULL AND position > ? ORDER BY position LIMIT ?
)"""
_FOUND = """
SELECT position, completed_at IS NOT NULL, folded FROM todos
WHERE tenant = ? AND deleted_at IS NULL AND position > ? AND position <= ? AND instr(folded, ?) > 0
ORDER BY position"""
_SIZES = """
SELECT position, octet_length(json_quote(text)) FROM todos
WHERE position IN (SELECT value FROM json_each(?)) AND tenant = ? ORDER BY position"""
_ROWS = """
SELECT position, todo_id, text, created_at, completed_at FROM todos
WHERE position IN (SELECT value FROM json_each(?)) AND tenant = ?"""


class SqliteTodos:
    """`Todos` on one file that this process alone writes."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        now_s: Callable[[], float],
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._writer, self._reader, self._now_s, self._new_id = writer, reader, now_s, new_id

    async def add(self, tenant: Tenant, text: str, key: str) -> Todo:
        now_s = self._now_s()

        def work(con: apsw.Connection) -> Todo:
            known = con.execute(_ADDED, (tenant, key)).fetchone()
            if known is not None:
                return Todo._make(known)
            for _ in range(ID_ATTEMPTS_MAX):
                todo_id = self._new_id()
                con.execute(_INSERT, (todo_id, tenant, text, folded(text), now_s, key))
                if con.changes() == 1:
                    return Todo(todo_id, text, now_s, None)
            raise AssertionError(f"{ID_ATTEMPTS_MAX} new todo ids in a row were taken already")

        return await self._writer.submit(work)

    async def get(self, tenant: Tenant, todo_id: str) -> Todo | None:
        rows = self._reader.rows(_GET, (todo_id, tenant))
        return Todo._make(rows[0]) if rows else None

    async def complete(self, tenant: Tenant, todo_id: str) -> Todo | None:
        now_s = self._now_s()

        def work(con: apsw.Connection) -> Todo | None:
            row = con.execute(_COMPLETE, (now_s, todo_id, tenant)).fetchone()
            return None if row is None else Todo._make(row)

        return await self._writer.submit(work)

    async def delete(self, tenant: Tenant, todo_id: str, key: str) -> tuple[Todo, int] | None:
        now_s = self._now_s()

        def work(con: apsw.Connection) -> tuple[Todo, int] | None:
            row = con.execute(_DELETE, (now_s, key, todo_id, tenant)).fetchone()
            if row is None:
                row = con.execute(_DELETED, (todo_id, tenant, key)).fetchone()
            return None if row is None else (Todo._make(row[:4]), row[4])

        return await self._writer.submit(work)

    async def list(
        self,
        tenant: Tenant,
        *,
        status: TodoStatus,
        query: str,
        limit: int,
        after: str | None,
        named: bool = False,
    ) -> TodoList:
        start = 0 if after is None else self._position(tenant, after)
        if query:
            wanted = looked_for(query, named=named)
            found = await self._search(tenant, wanted, Search(status, wanted, start, limit + 1))
            return self._shown(tenant, status, found, limit)
        with self._reader.snapshot():
            return self._shown(tenant, status, self._ends(tenant, status, start, limit + 1), limit)

    def _position(self, tenant: Tenant, todo_id: str) -> int:
        """Return the position of a todo, deleted or not: a page may end with one that is deleted later."""
        position = self._one(_POSITION, (todo_id, tenant))
        if position is None:
            raise InvalidInput("the cursor is not from a page of this list; use next_cursor as it was given")
        return position

    def _ends(self, tenant: Tenant, status: TodoStatus, start: int, behind_max: int) -> Matches:
        counts = self._reader.rows(_COUNTS, (tenant,))
        completed_count, pending_count = counts[0] if counts else (0, 0)
        condition = _STATUS[status]
        behind = self._reader.rows(_BEHIND.format(status=condition), (tenant, start, behind_max))
        return Matches(
            completed_count,
            pending_count,
            self._one(_FIRST.format(status=condition), (tenant,)),
            self._one(_LAST.format(status=condition), (tenant,)),
            [position for (position,) in behind],
        )

    async def _search(self, tenant: Tenant, wanted: Holding, search: Search) -> Matches:
        end, count = 0, SEARCH_ROWS
        while count == SEARCH_ROWS:
            if end:
                await asyncio.sleep(0)
            begin = end
            end, count = self._reader.rows(_PART_END, (tenant, begin, SEARCH_ROWS))[0]
            for position, completed, text in self._reader.rows(_FOUND, (tenant, begin, end, wanted.needle)):
                search.hear(position, bool(completed), text)
        return search.found()

    def _shown(self, tenant: Tenant, status: TodoStatus, matches: Matches, limit: int) -> TodoList:
        behind = json.dumps(matches.behind[:limit])
        positions = fitting(self._reader.rows(_SIZES, (behind, tenant)))
        wanted = {*positions, matches.first, matches.last} - {None}
        rows = self._reader.rows(_ROWS, (json.dumps([*wanted]), tenant))
        return matches.shown(status, positions, {row[0]: Todo._make(row[1:]) for row in rows})

    def _one(self, sql: str, bindings: tuple[Any, ...]) -> int | None:
        rows = self._reader.rows(sql, bindings)
        return rows[0][0] if rows else None
