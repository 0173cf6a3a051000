"""The todo lists in a SQLite file, beside the journal and through the same writer.

What a call costs does not grow with the number of todos: counts are kept by triggers, pages and ends come
from indexes. Only a search for text reads every todo of its tenant, in parts, so that others get their turn.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import apsw

from runwright.adapters.sqlite import Reader, Writer
from runwright.core.errors import InvalidInput
from runwright.core.ids import Tenant
from runwright.ports import Todo, TodoList, TodoStatus

ID_CHARACTERS = 12
ID_ATTEMPTS_MAX = 5
# Texts of one page, as JSON: with first, last and everything around them it stays below 1 MiB.
PAGE_BYTES_MAX = 400_000
# Todos that a search reads before others get their turn.
SEARCH_ROWS = 1_000

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


class _Holding:
    """Texts that hold what is looked for, anywhere."""

    def __init__(self, query: str) -> None:
        self.needle = query

    def matches(self, text: str) -> bool:
        return True


class _Named(_Holding):
    """Texts that a person may have meant by these words: they begin with a word, and blanks do not count.

    `cat` names "feed the cat" and "buy cat food", and not "plan vacation".
    """

    def __init__(self, query: str) -> None:
        self._words = " ".join(query.split())
        super().__init__(self._words.partition(" ")[0])

    def matches(self, text: str) -> bool:
        line = " ".join(text.split())
        at = line.find(self._words)
        while at > 0 and _inside_a_word(line[at - 1], line[at]):
            at = line.find(self._words, at + 1)
        return at >= 0


class _Matches(NamedTuple):
    """What a list is about, by position.

    behind   the matches behind the cursor, up to one more than the page may hold
    """

    completed_count: int
    pending_count: int
    first: int | None
    last: int | None
    behind: Sequence[int]


def random_id() -> str:
    """Return a new todo id: 60 random bits in base32."""
    return "todo_" + base64.b32encode(secrets.token_bytes(10))[:ID_CHARACTERS].decode().lower()


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
                con.execute(_INSERT, (todo_id, tenant, text, _folded(text), now_s, key))
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
            wanted = _Named(_folded(query)) if named else _Holding(_folded(query))
            found = await self._search(tenant, status, wanted, start, limit + 1)
            return self._shown(tenant, status, found, limit)
        with self._reader.snapshot():
            return self._shown(tenant, status, self._ends(tenant, status, start, limit + 1), limit)

    def _position(self, tenant: Tenant, todo_id: str) -> int:
        """Return the position of a todo, deleted or not: a page may end with one that is deleted later."""
        position = self._one(_POSITION, (todo_id, tenant))
        if position is None:
            raise InvalidInput("the cursor is not from a page of this list; use next_cursor as it was given")
        return position

    def _ends(self, tenant: Tenant, status: TodoStatus, start: int, behind_max: int) -> _Matches:
        counts = self._reader.rows(_COUNTS, (tenant,))
        completed_count, pending_count = counts[0] if counts else (0, 0)
        condition = _STATUS[status]
        behind = self._reader.rows(_BEHIND.format(status=condition), (tenant, start, behind_max))
        return _Matches(
            completed_count,
            pending_count,
            self._one(_FIRST.format(status=condition), (tenant,)),
            self._one(_LAST.format(status=condition), (tenant,)),
            [position for (position,) in behind],
        )

    async def _search(
        self, tenant: Tenant, status: TodoStatus, wanted: _Holding, start: int, behind_max: int
    ) -> _Matches:
        counts = [0, 0]
        first: int | None = None
        last: int | None = None
        behind: list[int] = []
        end, count = 0, SEARCH_ROWS
        while count == SEARCH_ROWS:
            if end:
                await asyncio.sleep(0)
            begin = end
            end, count = self._reader.rows(_PART_END, (tenant, begin, SEARCH_ROWS))[0]
            rows = self._reader.rows(_FOUND, (tenant, begin, end, wanted.needle))
            for position, completed, text in rows:
                if not wanted.matches(text):
                    continue
                counts[completed] += 1
                if status == "all" or (status == "completed") == completed:
                    first, last = first or position, position
                    if position > start and len(behind) < behind_max:
                        behind.append(position)
        pending_count, completed_count = counts
        return _Matches(completed_count, pending_count, first, last, behind)

    def _shown(self, tenant: Tenant, status: TodoStatus, matches: _Matches, limit: int) -> TodoList:
        behind = matches.behind
        positions = _fitting(self._reader.rows(_SIZES, (json.dumps(behind[:limit]), tenant)))
        wanted = {*positions, matches.first, matches.last} - {None}
        rows = self._reader.rows(_ROWS, (json.dumps([*wanted]), tenant))
        todos = {row[0]: Todo._make(row[1:]) for row in rows}
        counts = {"completed": matches.completed_count, "pending": matches.pending_count}
        return TodoList(
            page=tuple(todos[position] for position in positions),
            next_after=todos[positions[-1]].todo_id if len(positions) < len(behind) else None,
            first=None if matches.first is None else todos[matches.first],
            last=None if matches.last is None else todos[matches.last],
            match_count=sum(counts.values()) if status == "all" else counts[status],
            completed_count=counts["completed"],
            pending_count=counts["pending"],
        )

    def _one(self, sql: str, bindings: tuple[Any, ...]) -> int | None:
        rows = self._reader.rows(sql, bindings)
        return rows[0][0] if rows else None


def _folded(text: str) -> str:
    """Return text as it is compared: without letter case, accents as one character where there is one."""
    return unicodedata.normalize("NFC", text.casefold())


def _inside_a_word(before: str, first: str) -> bool:
    """Whether no word begins between two characters; scripts without letter case have no blanks to go by."""
    joined = before.isalnum() and first.isalnum()
    return joined and (before.isdigit() or before.lower() != before.upper())


def _fitting(sizes: Iterable[tuple[Any, ...]]) -> list[int]:
    """Return the positions that fit on a page, at least one of them; `sizes` are pairs with bytes."""
    fitting: list[int] = []
    bytes_left = PAGE_BYTES_MAX
    for position, size in sizes:
        bytes_left -= size
        if bytes_left < 0 and fitting:
            break
        fitting.append(position)
    return fitting
