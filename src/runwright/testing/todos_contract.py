"""What every store of todos must do, as tests.

Subclass `TodosContract` in a test module and give it a fixture `todos` with a fresh, empty store. It runs
under pytest with pytest-asyncio.
"""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from runwright.core.errors import InvalidInput
from runwright.core.ids import Tenant
from runwright.ports import Todo, TodoList, Todos, TodoStatus

STATUSES: tuple[TodoStatus, ...] = ("all", "pending", "completed")
ANNA, BERT = Tenant("anna"), Tenant("bert")
TEXTS = [
    "  blanks before, between  and behind ",
    "two\nlines\r\nand\ttabs",
    "日本語 🎯 test",
    "👩‍👩‍👧 family, e\u0301 apart, é together",
    "\u202eright to left\u202c and \u200bno width",
    '\'; DROP TABLE todos; -- "quoted" \\ {step_1_output} %s ? :name',
    "y" * 32_768,
    "0",
]
SEARCHED = ["Buy milk", "milkshake", "Hauptstraße fegen", "café au lait", "η οδός", "日本語", "100% done_"]
SEARCHES = {
    "": [0, 1, 2, 3, 4, 5, 6],
    "MILK": [0, 1],
    "buy m": [0],
    "milk buy": [],
    "strasse": [2],
    "CAFÉ": [3],
    "cafe\u0301 AU": [3],
    "ΟΔΌΣ": [4],
    "日本": [5],
    "100%": [6],
    "_": [6],
    "*": [],
}
_keys = count(1)


def fresh_key() -> str:
    """Return a key that no call has used."""
    return f"key-{next(_keys)}"


async def added(todos: Todos, *texts: str, tenant: Tenant = ANNA) -> list[Todo]:
    """Return todos with these texts, added one after the other."""
    return [await todos.add(tenant, text, fresh_key()) for text in texts]


async def listed(
    todos: Todos,
    *,
    tenant: Tenant = ANNA,
    status: TodoStatus = "all",
    query: str = "",
    limit: int = 100,
    after: str | None = None,
) -> TodoList:
    """Return one page; the first hundred of all todos where nothing else is asked for."""
    return await todos.list(tenant, status=status, query=query, limit=limit, after=after)


async def pages(todos: Todos, *, status: TodoStatus = "all", query: str = "", limit: int) -> list[TodoList]:
    """Return all pages, from the first to the one that names no next."""
    found = [await listed(todos, status=status, query=query, limit=limit)]
    while (after := found[-1].next_after) is not None:
        found.append(await listed(todos, status=status, query=query, limit=limit, after=after))
        assert found[-1].page, "a page behind a cursor is empty"
    return found


def texts(page: TodoList) -> list[str]:
    """Return the texts of a page."""
    return [todo.text for todo in page.page]


@pytest.mark.asyncio
class TodosContract:
    """The behaviour of `Todos`; every test gets an empty store."""

    @pytest.fixture
    def todos(self) -> Todos:
        raise NotImplementedError("give the subclass a fixture `todos` with an empty store")

    async def test_nothing_is_there_at_first(self, todos: Todos) -> None:
        """The list of a tenant nobody has heard of is empty."""
        assert await listed(todos) == TodoList((), None, None, None, 0, 0, 0)

    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    async def test_text_is_kept(self, todos: Todos, text: str) -> None:
        """A text comes back code point for code point, by id and in lists."""
        (todo,) = await added(todos, text)

        assert todo.text == text
        assert await todos.get(ANNA, todo.todo_id) == todo
        assert (await listed(todos)).page == (todo,)

    async def test_order_is_the_order_of_adding(self, todos: Todos) -> None:
        """Todos stand in the order in which they were added, with distinct ids."""
        made = await added(todos, "c", "a", "b", "a")

        assert list((await listed(todos)).page) == made
        assert len({todo.todo_id for todo in made}) == len(made)

    async def test_an_add_with_the_same_key_adds_once(self, todos: Todos) -> None:
        """An add that is repeated with its key answers the same todo, at once or later."""
        key = fresh_key()
        made = await asyncio.gather(*(todos.add(ANNA, "once", key) for _ in range(20)))
        again = await todos.add(ANNA, "once", key)

        assert {*made, again} == {made[0]}
        assert (await listed(todos)).match_count == 1

    async def test_a_repeated_add_brings_nothing_back(self, todos: Todos) -> None:
        """An add that is repeated after its todo was completed or deleted answers it and changes nothing."""
        key = fresh_key()
        made = await todos.add(ANNA, "once", key)
        done = await todos.complete(ANNA, made.todo_id)
        repeated = await todos.add(ANNA, "once", key)
        await todos.delete(ANNA, made.todo_id, fresh_key())
        late = await todos.add(ANNA, "once", key)

        assert repeated == done
        assert late.todo_id == made.todo_id
        assert (await listed(todos)).match_count == 0

    async def test_keys_belong_to_a_tenant(self, todos: Todos) -> None:
        """Two tenants that use the same key get a todo each."""
        key = fresh_key()
        one, other = await todos.add(ANNA, "one", key), await todos.add(BERT, "other", key)

        assert one.todo_id != other.todo_id
        assert (one.text, other.text) == ("one", "other")

    async def test_complete(self, todos: Todos) -> None:
        """A completed todo says when, not before it was added; completing it again leaves that as it was."""
        (todo,) = await added(todos, "buy milk")
        done = await todos.complete(ANNA, todo.todo_id)
        again = await todos.complete(ANNA, todo.todo_id)

        assert done is not None
        assert done.completed_at_s is not None
        assert done.completed_at_s >= done.created_at_s
        assert done == todo._replace(completed_at_s=done.completed_at_s)
        assert again == done == await todos.get(ANNA, todo.todo_id)

    async def test_delete(self, todos: Todos) -> None:
        """A deleted todo is answered once more, with how many are left, and is gone everywhere."""
        first, second, third = await added(todos, "a", "b", "c")
        done = await todos.complete(ANNA, second.todo_id)
        answer = await todos.delete(ANNA, second.todo_id, fresh_key())

        assert answer == (done, 2)
        assert await todos.get(ANNA, second.todo_id) is None
        assert await todos.complete(ANNA, second.todo_id) is None
        assert await todos.delete(ANNA, second.todo_id, fresh_key()) is None
        assert await listed(todos) == TodoList((first, third), None, first, third, 2, 0, 2)
        assert (await listed(todos, query="b")).match_count == 0

    async def test_a_delete_with_the_same_key_answers_the_same(self, todos: Todos) -> None:
        """A delete that is repeated with its key answers the same, whatever happened to the list since."""
        todo, other = await added(todos, "a", "b")
        key = fresh_key()
        answer = await todos.delete(ANNA, todo.todo_id, key)
        await added(todos, "c", "d")
        await todos.delete(ANNA, other.todo_id, fresh_key())

        assert answer == (todo, 1)
        assert await todos.delete(ANNA, todo.todo_id, key) == answer
        assert await todos.delete(ANNA, other.todo_id, key) is None
        assert (await listed(todos)).match_count == 2

    @pytest.mark.parametrize(
        "todo_id", ["", "todo_aaaaaaaaaaaa", "abc-123", "' OR 1=1 --", "日本"], ids=ascii
    )
    async def test_unknown_ids(self, todos: Todos, todo_id: str) -> None:
        """An id that nobody has is None to everybody, and no cursor."""
        await added(todos, "a")

        assert await todos.get(ANNA, todo_id) is None
        assert await todos.complete(ANNA, todo_id) is None
        assert await todos.delete(ANNA, todo_id, fresh_key()) is None
        with pytest.raises(InvalidInput):
            await listed(todos, after=todo_id)

    async def test_tenants_never_meet(self, todos: Todos) -> None:
        """Another tenant's todo is not seen, found, counted, completed, deleted or taken for a cursor."""
        own, theirs = (await added(todos, "mine"))[0], (await added(todos, "mine too", tenant=BERT))[0]
        page = await listed(todos, query="mine")

        assert page == TodoList((own,), None, own, own, 1, 0, 1)
        assert await todos.get(ANNA, theirs.todo_id) is None
        assert await todos.complete(ANNA, theirs.todo_id) is None
        assert await todos.delete(ANNA, theirs.todo_id, fresh_key()) is None
        with pytest.raises(InvalidInput):
            await listed(todos, after=theirs.todo_id)
        assert await todos.get(BERT, theirs.todo_id) == theirs
        assert await todos.delete(BERT, theirs.todo_id, fresh_key()) == (theirs, 0)

    async def test_status(self, todos: Todos) -> None:
        """With a status, first, last and the number of matches are of its todos; the counts are of all."""
        made = await added(todos, "a", "b", "c", "d", "e")
        for todo in (made[1], made[3], made[4]):
            await todos.complete(ANNA, todo.todo_id)
        everything, pending, completed = [await listed(todos, status=status) for status in STATUSES]

        assert (texts(pending), texts(completed)) == (["a", "c"], ["b", "d", "e"])
        assert (pending.first, pending.last) == (made[0], made[2])
        assert (completed.first, completed.last) == (completed.page[0], completed.page[-1])
        assert [page.match_count for page in (everything, pending, completed)] == [5, 2, 3]
        assert {page[-2:] for page in (everything, pending, completed)} == {(3, 2)}

    @pytest.mark.parametrize("query", SEARCHES, ids=ascii)
    async def test_search(self, todos: Todos, query: str) -> None:
        """A query is found anywhere in a text, whatever the letter case, and none of its signs is special."""
        made = await added(todos, *SEARCHED)
        found = tuple(made[index] for index in SEARCHES[query])
        first, last = (found[0], found[-1]) if found else (None, None)

        assert await listed(todos, query=query) == TodoList(
            found, None, first, last, len(found), 0, len(found)
        )

    async def test_search_with_status(self, todos: Todos) -> None:
        """With a query the counts are of what it finds, and the status narrows what is shown."""
        made = await added(todos, "milk 1", "bread", "milk 2", "milk 3")
        await todos.complete(ANNA, made[1].todo_id)
        done = await todos.complete(ANNA, made[2].todo_id)
        page = await listed(todos, query="milk", status="completed")

        assert done is not None
        assert page == TodoList((done,), None, done, done, 1, 1, 2)

    async def test_five_thousand_todos(self, todos: Todos) -> None:
        """Todos that were added at the same moments are all there, once, over pages of any kind."""
        for start in range(0, 5_000, 250):
            await asyncio.gather(
                *(
                    todos.add(ANNA, f"todo {n} {'odd' if n % 2 else 'EVEN'}", fresh_key())
                    for n in range(start, start + 250)
                )
            )
        everything = await pages(todos, limit=999)
        evens = await pages(todos, query="even", limit=1_000)
        whole = [todo for page in everything for todo in page.page]

        assert [len(page.page) for page in everything] == [999] * 5 + [5]
        assert sorted(int(todo.text.split()[1]) for todo in whole) == list(range(5_000))
        assert [todo for page in evens for todo in page.page] == [t for t in whole if "EVEN" in t.text]
        assert {(page.first, page.last, page.match_count) for page in everything} == {
            (whole[0], whole[-1], 5_000)
        }
        assert {page.match_count for page in evens} == {2_500}
        assert len(evens) == 3

    async def test_pages_while_todos_go(self, todos: Todos) -> None:
        """A cursor holds although the todo it came from, and others, are deleted or completed meanwhile."""
        made = await added(todos, *(str(n) for n in range(10)))
        page = await listed(todos, status="pending", limit=4)
        await todos.complete(ANNA, made[2].todo_id)
        for todo in made[3:5]:
            await todos.delete(ANNA, todo.todo_id, fresh_key())
        rest = await listed(todos, status="pending", limit=4, after=page.next_after)

        assert texts(page) == ["0", "1", "2", "3"]
        assert texts(rest) == ["5", "6", "7", "8"]
        assert rest.match_count == 7

    async def test_long_texts(self, todos: Todos) -> None:
        """Where texts are long pages may be short, but none is lost and none is empty."""
        made = await added(todos, *(f"{n}" + "\x01" * 32_000 for n in range(12)))
        found = await pages(todos, limit=100)

        assert [todo for page in found for todo in page.page] == made
        assert {(page.first, page.last) for page in found} == {(made[0], made[-1])}

    async def test_changes_at_the_same_moment(self, todos: Todos) -> None:
        """Of many deletes of one todo one succeeds, and the counts are right after any mixture of changes."""
        made = await added(todos, *(str(n) for n in range(60)))
        deletes = [todos.delete(ANNA, made[n % 20].todo_id, fresh_key()) for n in range(60)]
        completes = [todos.complete(ANNA, todo.todo_id) for todo in made[10:30]]
        answers = await asyncio.gather(*deletes)
        done = await asyncio.gather(*completes)
        page = await listed(todos)

        assert sorted(answer[1] for answer in answers if answer) == list(range(40, 60))
        assert [todo is not None for todo in done] == [False] * 10 + [True] * 10
        assert list(page.page)[10:] == made[30:]
        assert (page.match_count, page.completed_count, page.pending_count) == (40, 10, 30)
