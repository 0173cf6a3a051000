"""The todo lists in a SQLite file keep the contract, outlive the process and stay quick as they grow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from runwright.adapters import todos_sqlite
from runwright.adapters.sqlite import Reader, Writer
from runwright.adapters.todo_lists import PAGE_BYTES_MAX, SEARCH_ROWS, random_id
from runwright.adapters.todos_sqlite import SqliteTodos
from runwright.core.ids import Tenant
from runwright.ports import TodoStatus
from runwright.testing.todos_contract import (
    ANNA,
    BERT,
    STATUSES,
    TodosContract,
    added,
    fresh_key,
    listed,
    texts,
)


class Opened:
    """The todos of a file with the connections under them."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path, inline_max_s=60, waiting_max=1_000)
        self.writer.migrate()
        self.reader = Reader(path)
        self.todos = SqliteTodos(self.writer, self.reader, time.time)

    async def close(self) -> None:
        """Close both connections."""
        self.reader.close()
        await self.writer.close()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Opened]:
    """The todos of a file, closed in the end."""
    store = Opened(path)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Opened]:
    """The todos of a new file."""
    async with opened(tmp_path / "todos.db") as store:
        yield store


class TestSqliteTodos(TodosContract):
    """The contract, on a file in a temporary folder."""

    @pytest.fixture
    def todos(self, store: Opened) -> SqliteTodos:
        return store.todos


async def test_durable(tmp_path: Path) -> None:
    """What was added, completed and deleted is so after the file was closed and opened again."""
    key = fresh_key()
    async with opened(tmp_path / "todos.db") as store:
        made = await added(store.todos, "stays", "is done", "goes")
        done = await store.todos.complete(ANNA, made[1].todo_id)
        gone = await store.todos.delete(ANNA, made[2].todo_id, key)
    async with opened(tmp_path / "todos.db") as store:
        page = await listed(store.todos)
        again = await store.todos.delete(ANNA, made[2].todo_id, key)
        await added(store.todos, "new")
        longer = await listed(store.todos)

    assert page.page == (made[0], done)
    assert (page.match_count, page.completed_count, page.pending_count) == (2, 1, 1)
    assert gone == again == (made[2], 2)
    assert texts(longer) == ["stays", "is done", "new"]


async def test_seen_by_another_connection_once_it_returns(store: Opened, tmp_path: Path) -> None:
    """A todo is in the file, for every connection, when `add` returns."""
    await added(store.todos, "now")
    other = Reader(tmp_path / "todos.db")
    rows = other.rows("SELECT text FROM todos")
    other.close()

    assert rows == [("now",)]


async def test_adds_share_a_commit(store: Opened) -> None:
    """A hundred adds that wait at the same moment cost one commit."""
    before = store.writer.commits
    await asyncio.gather(*(store.todos.add(ANNA, str(n), fresh_key()) for n in range(100)))

    assert store.writer.commits == before + 1


async def test_ids() -> None:
    """An id is `todo_` and twelve characters that need no shift key and are never 0, 1, 8 or 9."""
    ids = {random_id() for _ in range(1_000)}

    assert len(ids) == 1_000
    assert {len(one) for one in ids} == {len("todo_") + 12}
    assert {sign for one in ids for sign in one.removeprefix("todo_")} == set(
        "abcdefghijklmnopqrstuvwxyz234567"
    )


async def test_an_id_that_is_taken_is_not_used_again(store: Opened) -> None:
    """When a new id is taken, by another tenant or by a deleted todo, the next one is tried."""
    ids: Iterator[str] = iter(["todo_a", "todo_b", "todo_a", "todo_b", "todo_c"])
    todos = SqliteTodos(store.writer, store.reader, time.time, lambda: next(ids))
    theirs, gone = (*await added(todos, "theirs", tenant=BERT), *await added(todos, "gone"))
    await todos.delete(ANNA, gone.todo_id, fresh_key())
    (todo,) = await added(todos, "mine")

    assert todo.todo_id == "todo_c"
    assert await todos.get(BERT, "todo_a") == theirs
    assert texts(await listed(todos)) == ["mine"]


async def test_ids_that_never_change_are_an_error(store: Opened) -> None:
    """A source of ids that repeats itself for ever ends in an error; nothing is added, nobody is harmed."""
    todos = SqliteTodos(store.writer, store.reader, time.time, lambda: "todo_a")
    await added(todos, "first")
    adds = todos.add(ANNA, "second", fresh_key()), store.todos.add(BERT, "fine", fresh_key())
    stuck, fine = await asyncio.gather(*adds, return_exceptions=True)

    assert isinstance(stuck, AssertionError)
    assert texts(await listed(todos)) == ["first"]
    assert (await listed(todos, tenant=BERT)).page == (fine,)


async def test_a_clock_that_is_set_back(store: Opened) -> None:
    """Todos keep the order of adding, and none is done before it was added, when the clock goes back."""
    clock = count(1_000, -100)
    todos = SqliteTodos(store.writer, store.reader, lambda: float(next(clock)))
    made = await added(todos, "a", "b")
    done = await todos.complete(ANNA, made[0].todo_id)

    assert [todo.created_at_s for todo in made] == [1_000.0, 900.0]
    assert texts(await listed(todos)) == ["a", "b"]
    assert done is not None
    assert done.completed_at_s == 1_000.0


async def test_a_text_with_the_null_character(store: Opened) -> None:
    """A null character is a character like any other, in texts and in queries."""
    (todo,) = await added(store.todos, "before\x00behind")

    assert await store.todos.get(ANNA, todo.todo_id) == todo
    assert (await listed(store.todos, query="BEHIND")).page == (todo,)
    assert (await listed(store.todos, query="\x00b")).page == (todo,)


async def fill(store: Opened, tenant: Tenant, numbers: range) -> None:
    """Add todos with these numbers and complete every second one."""
    for start in range(numbers.start, numbers.stop, 200):
        adds = (
            store.todos.add(tenant, f"todo {n:05}", fresh_key())
            for n in range(start, min(start + 200, numbers.stop))
        )
        made = await asyncio.gather(*adds)
        await asyncio.gather(*(store.todos.complete(tenant, todo.todo_id) for todo in made[::2]))


async def test_a_page_is_never_empty(store: Opened) -> None:
    """A text that is too long for any page has a page of its own."""
    made = await added(store.todos, "x" * (PAGE_BYTES_MAX + 1), "short")
    page = await listed(store.todos)
    behind = await listed(store.todos, after=page.next_after)

    assert page.page == (made[0],)
    assert behind.page == (made[1],)


async def test_a_search_lets_others_in(store: Opened) -> None:
    """A search of more todos than one part holds gives others their turn, and counts every todo once."""
    await fill(store, ANNA, range(2 * SEARCH_ROWS))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    began = turns
    page = await listed(store.todos, query="todo", limit=5)
    task.cancel()

    assert turns - began == 2
    assert page.match_count == 2 * SEARCH_ROWS
    assert texts(page) == [f"todo {n:05}" for n in range(5)]


@pytest.mark.parametrize("status", STATUSES)
async def test_a_list_costs_the_same_however_long_it_is(store: Opened, status: TodoStatus) -> None:
    """SQLite does as much for pages out of 2,000 todos, beside those of another tenant, as out of 200."""
    steps = count()
    store.reader._con.set_progress_handler(lambda: next(steps) < 0, 1)

    async def cost() -> int:
        before = next(steps)
        page = await listed(store.todos, status=status, limit=20)
        await listed(store.todos, status=status, limit=20, after=page.next_after)
        return next(steps) - before

    costs = []
    for numbers in (range(200), range(200, 2_000)):
        await fill(store, ANNA, numbers)
        await fill(store, BERT, numbers)
        # statements are prepared anew now and then, which is work too
        costs.append(min([await cost() for _ in range(3)]))

    assert costs[0] > 100
    assert costs[1] == costs[0]


async def test_a_write_costs_the_same_however_long_the_list_is(store: Opened) -> None:
    """SQLite does as much to add, complete and delete a todo among 2,000 as among 200."""
    steps, costs = count(), []
    store.writer._con.set_progress_handler(lambda: next(steps) < 0, 1)

    async def cost() -> int:
        before = next(steps)
        (todo,) = await added(store.todos, "one more")
        await store.todos.complete(ANNA, todo.todo_id)
        await store.todos.delete(ANNA, todo.todo_id, fresh_key())
        return next(steps) - before

    for numbers in (range(200), range(200, 2_000)):
        await fill(store, ANNA, numbers)
        costs.append(min([await cost() for _ in range(3)]))

    assert costs[0] > 100
    assert costs[1] == costs[0]


_QUERIES = {
    "added": todos_sqlite._ADDED,
    "get": todos_sqlite._GET,
    "complete": todos_sqlite._COMPLETE,
    "delete": todos_sqlite._DELETE,
    "deleted": todos_sqlite._DELETED,
    "position": todos_sqlite._POSITION,
    "counts": todos_sqlite._COUNTS,
    "part end": todos_sqlite._PART_END,
    "found": todos_sqlite._FOUND,
    "sizes": todos_sqlite._SIZES,
    "rows": todos_sqlite._ROWS,
} | {
    f"{name} {status}": sql.format(status=condition)
    for name, sql in (
        ("first", todos_sqlite._FIRST),
        ("last", todos_sqlite._LAST),
        ("behind", todos_sqlite._BEHIND),
    )
    for status, condition in todos_sqlite._STATUS.items()
}


def query_plan(store: Opened, sql: str) -> list[str]:
    """The lines of what SQLite is going to do."""
    bindings = (None,) * sql.count("?")
    return [row[3] for row in store.writer._con.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]


@pytest.mark.parametrize("name", _QUERIES)
async def test_every_query_uses_an_index(store: Opened, name: str) -> None:
    """No statement reads a table from end to end or sorts what it finds."""
    plan = query_plan(store, _QUERIES[name])

    assert any(line.startswith("SEARCH") for line in plan)
    assert not [
        line
        for line in plan
        if line.startswith("SCAN") and not line.startswith(("SCAN json_each", "SCAN (sub"))
    ]
    assert not [line for line in plan if "TEMP B-TREE" in line]


@pytest.mark.parametrize("name", ["first pending", "last pending", "behind pending", "behind completed"])
async def test_a_status_has_an_index_of_its_own(store: Opened, name: str) -> None:
    """Todos of one status are found without reading those of the other."""
    plan = query_plan(store, _QUERIES[name])

    assert f"USING INDEX todos_{name.split()[1]} (tenant=?" in plan[0]
