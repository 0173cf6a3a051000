"""The todo tools do what their descriptions and schemas say, on a real file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runwright.core import schema
from runwright.core.errors import ToolRetryable
from runwright.tools.todo import TEXT_CHARACTERS_MAX
from tools.todo_toolset import Toolset, counts, texts


async def test_declarations(todo: Toolset) -> None:
    """Each tool says what repeating it does, describes itself and every input, and closes its output."""
    effects = {name: tool.spec.effects for name, tool in todo.tools.items()}

    assert effects == {
        "todo_add": "keyed",
        "todo_get": "pure",
        "todo_complete": "idempotent",
        "todo_delete": "keyed",
        "todo_list": "pure",
    }
    for tool in todo.tools.values():
        assert tool.spec.isolation == "inline"
        assert len(tool.spec.description) > 40
        assert tool.spec.output_schema["additionalProperties"] is False
        for described in tool.spec.input_schema["properties"].values():
            assert len(described["description"]) > 20


@pytest.mark.parametrize(
    ("name", "path", "exists"),
    [
        ("todo_add", "todo.id", True),
        ("todo_add", "id", False),
        ("todo_add", "todo.title", False),
        ("todo_delete", "remaining_count", True),
        ("todo_list", "first.id", True),
        ("todo_list", "last.completed_at", True),
        ("todo_list", "only.text", True),
        ("todo_list", "first.name", False),
        ("todo_list", "count", False),
        ("todo_list", "todos.id", False),
    ],
)
async def test_a_wrong_reference_can_be_seen(todo: Toolset, name: str, path: str, exists: bool) -> None:
    """The output schemas tell references that can have a value from those that never will."""
    root: schema.Schema = todo.tools[name].spec.output_schema
    node: schema.Schema | None = root
    for key in path.split("."):
        node = None if node is None else schema.child(root, node, key)

    assert (node is not None) is exists


async def test_a_life(todo: Toolset) -> None:
    """A todo is added, read, completed and deleted, each time shown whole."""
    before = datetime.now(UTC).replace(microsecond=0)
    added = await todo.call("todo_add", text="  Buy <milk> 🥛 ")
    todo_id = added["todo"]["id"]
    read = await todo.call("todo_get", todo_id=todo_id)
    done = await todo.call("todo_complete", todo_id=todo_id)
    again = await todo.call("todo_complete", todo_id=todo_id)
    deleted = await todo.call("todo_delete", todo_id=todo_id)

    assert added["todo"]["created_at"].endswith("Z")
    assert before <= datetime.fromisoformat(added["todo"]["created_at"]) <= datetime.now(UTC)
    assert added == read
    assert added["todo"] == {
        "id": todo_id,
        "text": "  Buy <milk> 🥛 ",
        "completed": False,
        "created_at": added["todo"]["created_at"],
        "completed_at": None,
    }
    assert done["todo"]["completed"] is True
    assert done["todo"]["completed_at"] >= done["todo"]["created_at"]
    assert again == done
    assert deleted == {"todo": done["todo"], "remaining_count": 0}


async def test_repeats(todo: Toolset) -> None:
    """A call that is repeated with its idempotency key acts once and answers the same."""
    added = [await todo.call("todo_add", text="once", key="a") for _ in range(3)]
    await todo.add("other")
    deleted = [await todo.call("todo_delete", todo_id=added[0]["todo"]["id"], key="b") for _ in range(3)]

    assert added == [added[0]] * 3
    assert deleted == [{"todo": added[0]["todo"], "remaining_count": 1}] * 3


async def test_the_tenant_of_the_run(todo: Toolset) -> None:
    """A run sees the todos of its own tenant only."""
    await todo.call("todo_add", tenant="anna", text="hers")
    theirs = await todo.call("todo_add", tenant="bert", text="his")

    assert texts(await todo.call("todo_list", tenant="anna")) == ["hers"]
    for name in ("todo_get", "todo_complete", "todo_delete"):
        error = await todo.refusal(name, tenant="anna", todo_id=theirs["todo"]["id"])
        assert theirs["todo"]["id"] in error.message


@pytest.mark.parametrize("name", ["todo_get", "todo_complete", "todo_delete"])
async def test_an_unknown_id(todo: Toolset, name: str) -> None:
    """An id that does not exist is quoted, shortened where it is long, with a hint where ids are found."""
    short = await todo.refusal(name, todo_id="abc-123")
    long = await todo.refusal(name, todo_id="x\n" * 5_000)

    assert short.message == 'there is no todo "abc-123"'
    assert short.hint is not None
    assert "list the todos" in short.hint
    assert len(long.message) < 100


@pytest.mark.parametrize("text", [" ", "\n\t", "\u3000"], ids=ascii)
async def test_a_blank_text(todo: Toolset, text: str) -> None:
    """A text of blanks is refused, and nothing is added."""
    error = await todo.refusal("todo_add", text=text)

    assert error.message == "a todo needs a text that is not blank"
    assert counts(await todo.call("todo_list")) == (0, 0, 0)


async def test_the_length_of_texts(todo: Toolset) -> None:
    """A text as long as a prompt may be is kept; an empty and a longer one do not fit the schema."""
    faults = todo.contracts["todo_add"].input_faults
    (kept,) = await todo.add("é" * TEXT_CHARACTERS_MAX)

    assert kept["text"] == "é" * TEXT_CHARACTERS_MAX
    assert [fault.keyword for fault in faults({"text": ""})] == ["minLength"]
    assert [fault.keyword for fault in faults({"text": "é" * (TEXT_CHARACTERS_MAX + 1)})] == ["maxLength"]


async def test_a_store_that_is_away_for_a_moment(todo: Toolset) -> None:
    """When the store cannot take a write just now, the call may be tried again."""
    todo.writer._waiting_max = 0
    with pytest.raises(ToolRetryable) as refused:
        await todo.call("todo_add", text="later", key="a")
    todo.writer._waiting_max = 1_000
    await todo.call("todo_add", text="later", key="a")

    assert "try again" in refused.value.message
    assert texts(await todo.call("todo_list")) == ["later"]
