"""Lists of todos: their filters, pages and figures, and the search for the only match."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runwright.core.errors import InvalidInput
from runwright.core.policy import Limits
from runwright.tools.todo import TEXT_CHARACTERS_MAX
from tools.todo_toolset import Toolset, counts, texts


async def test_an_empty_list(todo: Toolset) -> None:
    """Without todos the list is empty, and there is no first, last or next."""
    assert await todo.call("todo_list") == {
        "todos": [],
        "first": None,
        "last": None,
        "only": None,
        "total_count": 0,
        "completed_count": 0,
        "pending_count": 0,
        "next_cursor": None,
    }


async def test_a_list(todo: Toolset) -> None:
    """A list holds all todos in the order of adding, with counts; `only` is null unless asked for."""
    made = await todo.add("one", "two", "three")
    done = await todo.call("todo_complete", todo_id=made[1]["id"])
    listed = await todo.call("todo_list")

    assert listed["todos"] == [made[0], done["todo"], made[2]]
    assert (listed["first"], listed["last"], listed["only"]) == (made[0], made[2], None)
    assert counts(listed) == (3, 1, 2)


async def test_filters(todo: Toolset) -> None:
    """The total is of what matches; completed and pending are of all that the query finds."""
    made = await todo.add("Milk 1", "bread", "milk 2", "milk 3")
    await todo.call("todo_complete", todo_id=made[1]["id"])
    await todo.call("todo_complete", todo_id=made[3]["id"])
    pending = await todo.call("todo_list", status="pending")
    milk = await todo.call("todo_list", query="  MILK ")
    both = await todo.call("todo_list", query="milk", status="completed")

    assert (texts(pending), counts(pending)) == (["Milk 1", "milk 2"], (2, 2, 2))
    assert (texts(milk), counts(milk)) == (["Milk 1", "milk 2", "milk 3"], (3, 1, 2))
    assert (texts(both), counts(both)) == (["milk 3"], (1, 1, 2))
    assert both["first"] == both["last"] == both["todos"][0]


async def test_pages(todo: Toolset) -> None:
    """Following next_cursor shows every match once; first and last are of all pages, on each."""
    made = await todo.add(*(f"todo {n}" for n in range(7)))
    pages = [await todo.call("todo_list", limit=3)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await todo.call("todo_list", limit=3, cursor=pages[-1]["next_cursor"]))

    assert [texts(page) for page in pages] == [
        ["todo 0", "todo 1", "todo 2"],
        ["todo 3", "todo 4", "todo 5"],
        ["todo 6"],
    ]
    assert all((page["first"], page["last"], page["total_count"]) == (made[0], made[6], 7) for page in pages)


@pytest.mark.parametrize(
    "given",
    [
        {"limit": 0},
        {"limit": 1_001},
        {"status": "done"},
        {"match": "all"},
        {"cursor": None},
        {"query": None},
        {"page": 2},
    ],
    ids=str,
)
async def test_what_a_list_cannot_be_asked(todo: Toolset, given: dict[str, Any]) -> None:
    """Limits, statuses and fields that do not exist are faults against the schema, before anything runs."""
    assert len(todo.contracts["todo_list"].input_faults(given)) == 1


async def test_a_cursor_that_no_page_gave(todo: Toolset) -> None:
    """A made-up cursor is refused instead of taken for the start or the end."""
    with pytest.raises(InvalidInput, match="next_cursor"):
        await todo.call("todo_list", cursor="2")


async def test_only(todo: Toolset) -> None:
    """A search for the only match gives that todo, by its words, its status, or both."""
    made = await todo.add("Buy milk", "Buy bread", "call mom")
    await todo.call("todo_complete", todo_id=made[0]["id"])

    by_words = await todo.call("todo_list", match="only", query="BREAD")
    by_status = await todo.call("todo_list", match="only", status="completed")
    by_both = await todo.call("todo_list", match="only", query="buy", status="pending", limit=1)

    assert by_words["only"] == made[1]
    assert texts(by_words) == ["Buy bread"]
    assert by_status["only"]["text"] == "Buy milk"
    assert by_both["only"] == made[1]


async def test_only_with_several_matches(todo: Toolset) -> None:
    """Several matches are refused and quoted with their ids."""
    made = await todo.add("Buy milk", "bread", "buy  oat\nmilk")
    error = await todo.refusal("todo_list", match="only", query="milk")
    all_of_them = await todo.refusal("todo_list", match="only", status="pending")

    assert error.message == (
        f'2 todos match "milk": "Buy milk" ({made[0]["id"]}), "buy oat milk" ({made[2]["id"]})'
    )
    assert all_of_them.message.startswith('there are 3 pending todos: "Buy milk" (')


async def test_only_with_many_long_matches(todo: Toolset) -> None:
    """Of many matches five are quoted, shortened, so that the message stays a line below 500 characters."""
    await todo.add(*("milk " + str(n) * 200 for n in range(9)), "milk" * 5_000)
    error = await todo.refusal("todo_list", match="only", query="milk")
    long = await todo.refusal("todo_list", match="only", query="milk" * 4_000 + "!")

    assert error.message.startswith('10 todos match "milk", among them "milk 000')
    assert error.message.count("…") == error.message.count("(todo_") == 5
    assert len(error.message) < 500
    assert len(long.message) < 100


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"query": "wine"}, 'no todo matches "wine"', "list the todos"),
        ({"query": "wine", "status": "pending"}, 'no pending todo matches "wine"', "list the todos"),
        ({"query": "milk", "status": "pending"}, 'no pending todo matches "milk"', "the completed ones"),
        ({"query": "bread", "status": "completed"}, 'no completed todo matches "bread"', "the pending ones"),
    ],
    ids=str,
)
async def test_only_without_a_match(todo: Toolset, given: dict[str, str], message: str, hint: str) -> None:
    """Nothing found is refused with the words that were looked for, and says if the status is the reason."""
    made = await todo.add("Buy milk", "bread")
    await todo.call("todo_complete", todo_id=made[0]["id"])
    error = await todo.refusal("todo_list", match="only", **given)

    assert error.message == message
    assert error.hint is not None
    assert hint in error.hint


async def test_only_without_any_todo(todo: Toolset) -> None:
    """Without todos the refusal says so, and a cursor beside `only` is refused too."""
    none = await todo.refusal("todo_list", match="only")
    cursor = await todo.refusal("todo_list", match="only", cursor="todo_aaaaaaaaaaaa")

    assert none.message == "there is no todo"
    assert "cursor" in cursor.message


async def test_a_list_is_never_too_large_for_a_step(todo: Toolset) -> None:
    """However long the texts are, one page stays below the bound for outputs, and the rest is behind it."""
    await todo.add(*["\x02" * TEXT_CHARACTERS_MAX] * 8, *["short"] * 20)
    pages = [await todo.call("todo_list", limit=1_000)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await todo.call("todo_list", limit=1_000, cursor=pages[-1]["next_cursor"]))

    assert max(len(json.dumps(page)) for page in pages) < Limits().output_bytes_max
    assert sum(len(page["todos"]) for page in pages) == 28
