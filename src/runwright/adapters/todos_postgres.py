"""The todo lists in a PostgreSQL database, beside the journal.

What a call costs does not grow with the number of todos: counts are kept by triggers, pages and ends come
from indexes. Only a search for text reads every todo of its tenant, in parts, so that others get their turn.
Every change names its call by a key, so a change whose commit was cut off is simply made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from runwright.adapters import todos_postgres_sql as sql
from runwright.adapters.postgres import Connection, Database
from runwright.adapters.postgres_commit import GroupCommit, Room
from runwright.adapters.todo_lists import (
    ID_ATTEMPTS_MAX,
    PAGE_BYTES_MAX,
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


class _Add(NamedTuple):
    tenant: Tenant
    key: str
    text: str
    now_s: float
    new_id: Callable[[], str]


class _Complete(NamedTuple):
    tenant: Tenant
    todo_id: str
    now_s: float


class _Delete(NamedTuple):
    tenant: Tenant
    todo_id: str
    key: str
    now_s: float


_Change: TypeAlias = _Add | _Complete | _Delete
_Done: TypeAlias = tuple[Todo, int] | None


class PostgresTodos:
    """`Todos` on a database that any number of processes may write."""

    def __init__(
        self,
        database: Database,
        room: Room,
        now_s: Callable[[], float],
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._database, self._now_s, self._new_id = database, now_s, new_id
        self.changes = GroupCommit[_Change, _Done](
            database,
            room,
            perform=_changed,
            read_back=_to_be_repeated,
            key=lambda one: (one.tenant, one.key if isinstance(one, _Add) else one.todo_id),
        )

    async def close(self) -> None:
        """Let what waits be committed; whatever comes later is refused."""
        await self.changes.close()

    async def add(self, tenant: Tenant, text: str, key: str) -> Todo:
        added = await self.changes.submit(_Add(tenant, key, text, self._now_s(), self._new_id), len(text))
        assert added is not None
        return added[0]

    async def get(self, tenant: Tenant, todo_id: str) -> Todo | None:
        if "\0" in todo_id:
            return None
        rows = await self._database.rows(sql.GET, todo_id, tenant)
        return _todo(rows[0]) if rows else None

    async def complete(self, tenant: Tenant, todo_id: str) -> Todo | None:
        if "\0" in todo_id:
            return None
        done = await self.changes.submit(_Complete(tenant, todo_id, self._now_s()), len(todo_id))
        return None if done is None else done[0]

    async def delete(self, tenant: Tenant, todo_id: str, key: str) -> tuple[Todo, int] | None:
        if "\0" in todo_id:
            return None
        return await self.changes.submit(_Delete(tenant, todo_id, key, self._now_s()), len(todo_id))

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
        start = 0 if after is None else await self._position(tenant, after)
        if query:
            wanted = looked_for(query, named=named)
            found = await self._search(tenant, wanted, Search(status, wanted, start, limit + 1))
            return await self._shown(tenant, status, found, limit)
        rows = await self._database.rows(sql.lists(status), tenant, start, limit, PAGE_BYTES_MAX)
        completed, total = rows[0][0] or 0, rows[0][1] or 0
        parts: dict[str, list[int]] = {"first": [], "last": [], "page": []}
        todos = {}
        behind = 0
        for _, _, part, position, number, *columns in rows:
            if part is not None:
                parts[part].append(position)
                todos[position] = _todo(columns)
                behind = max(behind, number)
        ends = [next(iter(parts[part]), None) for part in ("first", "last")]
        matches = Matches(completed, total - completed, ends[0], ends[1], range(behind))
        return matches.shown(status, parts["page"], todos)

    async def _position(self, tenant: Tenant, todo_id: str) -> int:
        """Return the position of a todo, deleted or not: a page may end with one that is deleted later."""
        rows = [] if "\0" in todo_id else await self._database.rows(sql.POSITION, todo_id, tenant)
        if not rows:
            raise InvalidInput("the cursor is not from a page of this list; use next_cursor as it was given")
        return int(rows[0][0])

    async def _search(self, tenant: Tenant, wanted: Holding, search: Search) -> Matches:
        end, count, needle = 0, SEARCH_ROWS, wanted.needle.encode()
        while count == SEARCH_ROWS:
            [part] = await self._database.rows(sql.PART, tenant, end, needle, SEARCH_ROWS)
            end, count, *found = part
            for position, completed, text in zip(*(column or () for column in found), strict=True):
                search.hear(position, completed, text.decode())
        return search.found()

    async def _shown(self, tenant: Tenant, status: TodoStatus, matches: Matches, limit: int) -> TodoList:
        positions = fitting(await self._database.rows(sql.SIZES, matches.behind[:limit], tenant))
        wanted = [one for one in (*positions, matches.first, matches.last) if one is not None]
        rows = await self._database.rows(sql.ROWS, wanted, tenant)
        return matches.shown(status, positions, {row[0]: _todo(row[1:]) for row in rows})


async def _to_be_repeated(con: Connection, batch: Sequence[_Change]) -> dict[int, _Done]:
    return {}


async def _changed(con: Connection, batch: Sequence[_Change]) -> list[_Done | Exception]:
    """Make changes, in one statement for those of a kind."""
    adds = [one for one in batch if isinstance(one, _Add)]
    completes = [one for one in batch if isinstance(one, _Complete)]
    deletes = [one for one in batch if isinstance(one, _Delete)]
    done: dict[_Change, _Done | Exception] = {}
    if adds:
        done |= await _added(con, adds)
    if completes:
        rows = await con.fetch(
            sql.COMPLETE, *_columns((one.todo_id, one.tenant, one.now_s) for one in completes)
        )
        found = {(row[0], row[1]): (_todo(row[1:]), 0) for row in rows}
        done |= {one: found.get((one.tenant, one.todo_id)) for one in completes}
    if deletes:
        await con.execute(
            sql.DELETE, *_columns((one.todo_id, one.tenant, one.key, one.now_s) for one in deletes)
        )
        rows = await con.fetch(sql.DELETED, *_columns((one.todo_id, one.tenant, one.key) for one in deletes))
        gone = {(row[0], row[1]): (_todo(row[1:5]), row[5]) for row in rows}
        done |= {one: gone.get((one.tenant, one.todo_id)) for one in deletes}
    return [done[one] for one in batch]


async def _added(con: Connection, batch: Sequence[_Add]) -> dict[_Change, _Done | Exception]:
    done: dict[_Change, _Done | Exception] = {}
    for _ in range(ID_ATTEMPTS_MAX):
        left = [one for one in batch if one not in done]
        ids = [one.new_id() for one in left]
        rows = [
            (todo_id, one.tenant, one.key, *_texts(one.text), one.now_s)
            for todo_id, one in zip(ids, left, strict=True)
        ]
        made = {row[0] for row in await con.fetch(sql.ADD, *_columns(rows))}
        for todo_id, one in zip(ids, left, strict=True):
            if todo_id in made:
                done[one] = Todo(todo_id, one.text, one.now_s, None), 0
        if len(done) < len(batch):
            repeated = [one for one in left if one not in done]
            found = await con.fetch(sql.ADDED, *_columns((one.tenant, one.key) for one in repeated))
            known = {(row[0], row[1]): (_todo(row[2:]), 0) for row in found}
            done |= {one: known[one.tenant, one.key] for one in repeated if (one.tenant, one.key) in known}
        if len(done) == len(batch):
            return done
    taken = AssertionError(f"{ID_ATTEMPTS_MAX} new todo ids in a row were taken already")
    return done | {one: taken for one in batch if one not in done}


def _texts(text: str) -> tuple[bytes, bytes, int]:
    """A text as it is kept, as it is searched, and its size as JSON."""
    return text.encode(), folded(text).encode(), len(msgspec.json.encode(text))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _todo(columns: Sequence[Any]) -> Todo:
    todo_id, text, created_at_s, completed_at_s = columns
    return Todo(todo_id, text.decode(), created_at_s, completed_at_s)
