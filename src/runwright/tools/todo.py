"""The todo tools: one list of todos a tenant, for people and for plans.

Texts of docstrings and `Args:` are what `runwright tools list` shows and what language models are told.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal, TypedDict, TypeVar

from msgspec import Meta

from runwright.core.codec import timestamp
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import ToolRetryable, ToolTerminal, Unavailable
from runwright.core.ids import Tenant
from runwright.core.tool import ToolContext
from runwright.ports import Todo, TodoList, Todos, TodoStatus

T = TypeVar("T")

# As long as a prompt may be, so that whatever a person can say can be a todo.
TEXT_CHARACTERS_MAX = 32_768
LIMIT_MAX = 1_000
LIMIT_DEFAULT = 100
QUOTED_MAX = 5
_QUOTED_TEXT_CHARACTERS = 40
_QUOTED_WORD_CHARACTERS = 60
_SEE_IDS = "list the todos to see their texts and ids"

Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Query = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
Moment = Annotated[str, Meta(description="RFC 3339, in UTC, such as 2026-03-01T09:30:00.000Z")]
Match = Literal["any", "only"]


class TodoItem(TypedDict):
    """One todo; `completed_at` is null while it is pending."""

    id: str
    text: str
    completed: bool
    created_at: Moment
    completed_at: Moment | None


class OneTodo(TypedDict):
    """The todo that the call was about."""

    todo: TodoItem


class DeletedTodo(TypedDict):
    """The todo as it was, and how many todos are left."""

    todo: TodoItem
    remaining_count: int


class ListedTodos(TypedDict):
    """One page of the todos that match, and figures over all that match."""

    todos: Annotated[list[TodoItem], Meta(description="This page, in the order of adding.")]
    first: Annotated[TodoItem | None, Meta(description="The oldest of all matches; null without one.")]
    last: Annotated[TodoItem | None, Meta(description="The newest of all matches; null without one.")]
    only: Annotated[TodoItem | None, Meta(description='The one match, where match is "only"; else null.')]
    total_count: Annotated[int, Meta(description="How many todos match, on this page or not.")]
    completed_count: Annotated[
        int, Meta(description="How many todos that match the query are completed, whatever the status.")
    ]
    pending_count: Annotated[
        int, Meta(description="How many todos that match the query are pending, whatever the status.")
    ]
    next_cursor: Annotated[str | None, Meta(description="The cursor of the next page; null on the last.")]


class TodoTools:
    """The functions behind the tools."""

    def __init__(self, todos: Todos) -> None:
        self._todos = todos

    async def add(self, text: Text, ctx: ToolContext) -> OneTodo:
        """Add one todo (a task, a reminder) to the end of the todo list and return it with its new id.

        Args:
            text: What is to be done, in the user's own words. It is kept exactly as it is given.
        """
        if not text.strip():
            raise ToolTerminal("a todo needs a text that is not blank", hint="say what is to be done")
        return {"todo": _item(await _reached(self._todos.add(Tenant(ctx.tenant), text, ctx.idempotency_key)))}

    async def get(self, todo_id: str, ctx: ToolContext) -> OneTodo:
        """Return one todo by its id. To find a todo by its text, use todo_list with a query.

        Args:
            todo_id: The id of the todo, such as todo_k3v9…; todo_add and todo_list give it.
        """
        return {"todo": _item(_known(await _reached(self._todos.get(Tenant(ctx.tenant), todo_id)), todo_id))}

    async def complete(self, todo_id: str, ctx: ToolContext) -> OneTodo:
        """Mark one todo as completed (done) and return it. A todo that is completed already stays as it is.

        Args:
            todo_id: The id of the todo, such as todo_k3v9…; todo_add and todo_list give it.
        """
        done = await _reached(self._todos.complete(Tenant(ctx.tenant), todo_id))
        return {"todo": _item(_known(done, todo_id))}

    async def delete(self, todo_id: str, ctx: ToolContext) -> DeletedTodo:
        """Delete one todo for good; return it as it was, and how many todos are left.

        Args:
            todo_id: The id of the todo, such as todo_k3v9…; todo_add and todo_list give it.
        """
        deleted = await _reached(self._todos.delete(Tenant(ctx.tenant), todo_id, ctx.idempotency_key))
        todo, remaining_count = _known(deleted, todo_id)
        return {"todo": _item(todo), "remaining_count": remaining_count}

    async def list(
        self,
        ctx: ToolContext,
        status: TodoStatus = "all",
        query: Query = "",
        match: Match = "any",
        limit: Limit = LIMIT_DEFAULT,
        cursor: str = "",
    ) -> ListedTodos:
        """List todos in the order of adding: all of them, or those with a status or with certain words.

        Args:
            status: Which todos: all of them, those still to do (pending) or those that are done (completed).
            query: Words that the text must hold, in this order and without regard to letter case.
            match: With "only" the call fails unless exactly one todo matches, and `only` is that todo; use it
                to act on a todo that the user named by its words. The words must begin where a word of the
                text begins; a todo whose whole text they are is meant before all others.
            limit: How many todos one page may hold. Where texts are very long, a page may hold fewer.
            cursor: The next_cursor of the page before, to get the page behind it.
        """
        query = query.strip()
        if match == "only" and cursor:
            raise ToolTerminal('a search with match "only" has one page; leave the cursor out')
        found = await _reached(
            self._todos.list(
                Tenant(ctx.tenant),
                status=status,
                query=query,
                limit=LIMIT_DEFAULT if match == "only" else limit,
                after=cursor or None,
                named=match == "only",
            )
        )
        if match == "only":
            found = _meant(found, query)
            if found.match_count != 1:
                raise _not_only(found, status, query)
        return {
            "todos": [_item(todo) for todo in found.page],
            "first": found.first and _item(found.first),
            "last": found.last and _item(found.last),
            "only": found.first and _item(found.first) if match == "only" else None,
            "total_count": found.match_count,
            "completed_count": found.completed_count,
            "pending_count": found.pending_count,
            "next_cursor": found.next_after,
        }


def todo_tools(todos: Todos) -> list[DeclaredTool]:
    """Return the todo tools on a store, for the registry."""
    functions = TodoTools(todos)
    return [
        tool(name="todo_add", effects="keyed")(functions.add),
        tool(name="todo_get", effects="pure")(functions.get),
        tool(name="todo_complete", effects="idempotent")(functions.complete),
        tool(name="todo_delete", effects="keyed")(functions.delete),
        tool(name="todo_list", effects="pure")(functions.list),
    ]


async def _reached(call: Awaitable[T]) -> T:
    """Return what the store answers; that it cannot be reached just now is worth another attempt."""
    try:
        return await call
    except Unavailable as error:
        raise ToolRetryable(error.message, hint=error.hint) from error


def _item(todo: Todo) -> TodoItem:
    return {
        "id": todo.todo_id,
        "text": todo.text,
        "completed": todo.completed_at_s is not None,
        "created_at": timestamp(todo.created_at_s),
        "completed_at": None if todo.completed_at_s is None else timestamp(todo.completed_at_s),
    }


def _known(answer: T | None, todo_id: str) -> T:
    if answer is None:
        raise ToolTerminal(f"there is no todo {_quoted(todo_id, _QUOTED_WORD_CHARACTERS)}", hint=_SEE_IDS)
    return answer


def _meant(found: TodoList, query: str) -> TodoList:
    """The one todo whose whole text was given, if there is one: no other words could name it."""
    if found.match_count > len(found.page):
        return found
    wanted = " ".join(query.split()).casefold()
    same = [todo for todo in found.page if " ".join(todo.text.split()).casefold() == wanted]
    if len(same) != 1:
        return found
    done = same[0].completed_at_s is not None
    return found._replace(
        page=tuple(same),
        first=same[0],
        last=same[0],
        match_count=1,
        completed_count=int(done),
        pending_count=int(not done),
        next_after=None,
    )


def _not_only(found: TodoList, status: TodoStatus, query: str) -> ToolTerminal:
    """Return the refusal of a search that found no todo, or several: it quotes what was found."""
    kind = "todo" if status == "all" else f"{status} todo"
    words = _quoted(query, _QUOTED_WORD_CHARACTERS)
    if found.match_count == 0:
        others = found.completed_count + found.pending_count
        other = "pending" if status == "completed" else "completed"
        hint = f"there is such a todo among the {other} ones" if others else _SEE_IDS
        return ToolTerminal(f"no {kind} matches {words}" if query else f"there is no {kind}", hint=hint)
    matches = (
        f"{found.match_count:,} {kind}s match {words}"
        if query
        else f"there are {found.match_count:,} {kind}s"
    )
    among = ", among them" if found.match_count > QUOTED_MAX else ":"
    quoted = ", ".join(
        f"{_quoted(t.text, _QUOTED_TEXT_CHARACTERS)} ({t.todo_id})" for t in found.page[:QUOTED_MAX]
    )
    return ToolTerminal(f"{matches}{among} {quoted}", hint="name one by more of its words or by its id")


def _quoted(text: str, characters_max: int) -> str:
    """Return text on one line between quotation marks, its end cut off where it is too long."""
    line = " ".join(text[: 4 * characters_max].split())
    whole = len(text) <= 4 * characters_max and len(line) <= characters_max
    return f'"{line}"' if whole else f'"{line[: characters_max - 1]}…"'
