"""The plan under construction, and what the words of the next clause can refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from runwright.core.errors import NotUnderstood
from runwright.core.plan import Json, Step
from runwright.core.refs import escaped

STEPS_MAX = 1_000
# A page of todos holds so many unless the step asks for more.
PAGE_SIZE = 100


class Ref(NamedTuple):
    """What one step will have put out, or a part of it."""

    step: int
    path: str = ""

    @property
    def text(self) -> str:
        """Return the reference as a plan writes it."""
        return f"{{step_{self.step}_output{self.path}}}"


class Value(NamedTuple):
    """A result that later words can mean: how to write it, its step, the clause that asked for it."""

    text: str
    step: int | None
    clause: int


class Listing:
    """A list of todos that a step puts out, and which of its positions still mean what they meant."""

    def __init__(
        self, step: int, *, status: str | None, narrowed: bool, shown: bool, size: int | None = None
    ) -> None:
        self.step = step
        self.status = status
        self.narrowed = narrowed
        self.shown = shown
        self.size = size
        self.gone: set[int] = set()

    def place(self, position: int) -> Ref:
        """Return the id at a position; 1 is the first, -1 the last."""
        if position in (1, -1):
            return Ref(self.step, ".first.id" if position == 1 else ".last.id")
        return Ref(self.step, f".todos[{position - 1}].id")


class Draft:
    """Calls in the order of the plan, with the results, todos and lists that they have brought up."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, dict[str, Json], frozenset[int]]] = []
        self.clause = 0
        self.values: list[Value] = []
        self._used: set[int] = set()
        self.todo: Ref | None = None
        self.added: list[Ref] = []
        self.listing: Listing | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def call(self, tool: str, tool_input: dict[str, Json], uses: Iterable[int] = ()) -> int:
        """Add one call and return its step number."""
        if len(self._calls) == STEPS_MAX:
            raise NotUnderstood(
                f"This asks for more than {STEPS_MAX:,} steps, the most that one plan may have.",
                hint="Send it in several prompts.",
            )
        self._calls.append((tool, tool_input, frozenset(uses)))
        return len(self._calls)

    def steps(self) -> tuple[Step, ...]:
        """Return the plan's steps.

        Calculations wait only for what they reference; calls about todos keep the order of the prompt.
        """
        steps: list[Step] = []
        todo_before: int | None = None
        for number, (tool, tool_input, uses) in enumerate(self._calls, start=1):
            waits: tuple[int, ...] = ()
            if tool != "calculator":
                waits = (todo_before,) if todo_before is not None and todo_before not in uses else ()
                todo_before = number
            steps.append(Step(step_number=number, tool_name=tool, tool_input=tool_input, depends_on=waits))
        return tuple(steps)

    # Results.

    def calculate(self, expression: str) -> None:
        """Add a calculation; its result is what `it` means from now on."""
        step = self.call("calculator", {"expression": expression})
        self.values.append(Value(Ref(step).text, step, self.clause))

    def remember(self, text: str, step: int | None = None) -> None:
        """Make a value without a step of its own (a starting number, a count) what `it` means from now on."""
        self.values.append(Value(text, step, self.clause))

    def value(self, index: int = -1) -> Value:
        """Return a result and note that it has been used."""
        self._used.add(index % len(self.values))
        return self.values[index]

    def values_of_clause(self, clause: int) -> list[int]:
        """Return the indices of the results that one clause of the prompt asked for."""
        return [index for index, value in enumerate(self.values) if value.clause == clause]

    def group(self, size: int) -> list[int] | None:
        """Return the indices of the results that `both` or `them` can only mean; size 0 takes any number."""
        unused = [index for index in range(len(self.values)) if index not in self._used]
        if len(self.values) >= 2 and (
            size == len(self.values) or (size == 0 and len(unused) == len(self.values))
        ):
            return list(range(len(self.values)))
        if len(self.values) == 2 and size == 0:
            return [0, 1]
        if size and len(unused) == size:
            return unused
        return None

    # Todos.

    def add(self, text: str, uses: Iterable[int] = ()) -> Ref:
        """Add a todo whose text is already safe (see `escaped`)."""
        step = self.call("todo_add", {"text": text}, uses)
        self.todo = Ref(step, ".todo.id")
        self.added.append(self.todo)
        self.listing = None
        return self.todo

    def show(self, *, status: str | None, query: str | None = None, size: int | None = None) -> int:
        """Add a listing that the person asked to see; positions refer to it from now on."""
        step = self._list(status=status, query=query, limit=size)
        self.listing = Listing(step, status=status, narrowed=query is not None, shown=True, size=size)
        self.added = []
        return step

    def count(self, status: str | None) -> int:
        """Add a listing of which only the number of todos is wanted."""
        return self._list(status=status, limit=1)

    def find(self, query: str | None, status: str | None) -> Ref:
        """Add a search that fails unless exactly one todo is found, and return that todo's id."""
        tool_input: dict[str, Json] = {}
        if query is not None:
            tool_input["query"] = escaped(query)
        if status is not None:
            tool_input["status"] = status
        self.todo = Ref(self.call("todo_list", {**tool_input, "match": "only"}), ".only.id")
        return self.todo

    def position(self, position: int, status: str | None) -> Ref:
        """Return the id at a position of the list that was shown, or of one that is fetched for it."""
        known = self.listing
        if known is None or not _serves(known, position, status):
            limit = position if position > PAGE_SIZE else None
            known = Listing(
                self._list(status=status, limit=limit), status=status, narrowed=False, shown=False, size=limit
            )
            self.listing = known
        return known.place(position)

    def act(self, tool: str, todo: Ref | str) -> None:
        """Add a call on one todo, which is what `it` means afterwards unless it is deleted."""
        if isinstance(todo, str):
            step = self.call(tool, {"todo_id": escaped(todo)})
        else:
            step = self.call(tool, {"todo_id": todo.text}, (todo.step,))
        self.todo = None if tool == "todo_delete" else Ref(step, ".todo.id")
        if tool == "todo_delete":
            self.added = [added for added in self.added if added != todo]

    def moved(self, tool: str, position: int | None) -> None:
        """Note what a call on a position of a list has done to the positions."""
        known = self.listing
        if known is None:
            return
        leaves = tool == "todo_delete" or (tool == "todo_complete" and known.status == "pending")
        if leaves and not known.shown:
            self.listing = None
        elif leaves and position is not None:
            known.gone.add(position)

    def _list(self, *, status: str | None, query: str | None = None, limit: int | None = None) -> int:
        wanted: dict[str, Json] = {}
        if status is not None:
            wanted["status"] = status
        if query is not None:
            wanted["query"] = escaped(query)
        if limit is not None:
            wanted["limit"] = limit
        return self.call("todo_list", wanted)


def _serves(listing: Listing, position: int, status: str | None) -> bool:
    """Say whether a position can be looked up in a listing that is already there."""
    if position in listing.gone or position > (listing.size or PAGE_SIZE):
        return False
    if listing.size is not None and listing.shown and position == -1:
        return False
    if status is not None:
        return listing.status == status and not listing.narrowed
    return listing.shown or (listing.status is None and not listing.narrowed)
