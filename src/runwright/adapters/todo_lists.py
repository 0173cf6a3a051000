"""What lists of todos are made of, whatever keeps them: ids, what a query means, and what fits on a page."""

from __future__ import annotations

import base64
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runwright.ports import Todo, TodoList, TodoStatus

ID_CHARACTERS = 12
ID_ATTEMPTS_MAX = 5
# Texts of one page, as JSON: with first, last and everything around them it stays below 1 MiB.
PAGE_BYTES_MAX = 400_000
# Todos that a search reads before others get their turn.
SEARCH_ROWS = 1_000


class Holding:
    """Texts that hold what is looked for, anywhere."""

    def __init__(self, query: str) -> None:
        self.needle = query

    def matches(self, text: str) -> bool:
        """Return whether a folded text that holds the needle is one of them."""
        return True


class Named(Holding):
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


class Matches(NamedTuple):
    """What a list is about, by position.

    behind   the matches behind the cursor, up to one more than the page may hold
    """

    completed_count: int
    pending_count: int
    first: int | None
    last: int | None
    behind: Sequence[int]

    def shown(self, status: TodoStatus, positions: Sequence[int], todos: Mapping[int, Todo]) -> TodoList:
        """Return the page of those positions, with what stands around it."""
        counts = {"completed": self.completed_count, "pending": self.pending_count}
        return TodoList(
            page=tuple(todos[position] for position in positions),
            next_after=todos[positions[-1]].todo_id if len(positions) < len(self.behind) else None,
            first=None if self.first is None else todos[self.first],
            last=None if self.last is None else todos[self.last],
            match_count=sum(counts.values()) if status == "all" else counts[status],
            completed_count=counts["completed"],
            pending_count=counts["pending"],
        )


class Search:
    """What a search has found so far; it is told of candidates in the order of adding."""

    def __init__(self, status: TodoStatus, wanted: Holding, start: int, behind_max: int) -> None:
        self._status, self._wanted, self._start, self._behind_max = status, wanted, start, behind_max
        self._counts = [0, 0]
        self._first: int | None = None
        self._last: int | None = None
        self._behind: list[int] = []

    def hear(self, position: int, completed: bool, text: str) -> None:
        """Take a todo whose folded text holds the needle."""
        if not self._wanted.matches(text):
            return
        self._counts[completed] += 1
        if self._status == "all" or (self._status == "completed") == completed:
            self._first, self._last = self._first or position, position
            if position > self._start and len(self._behind) < self._behind_max:
                self._behind.append(position)

    def found(self) -> Matches:
        pending_count, completed_count = self._counts
        return Matches(completed_count, pending_count, self._first, self._last, self._behind)


def random_id() -> str:
    """Return a new todo id: 60 random bits in base32."""
    return "todo_" + base64.b32encode(secrets.token_bytes(10))[:ID_CHARACTERS].decode().lower()


def looked_for(query: str, *, named: bool) -> Holding:
    """Return which texts a query means."""
    return Named(folded(query)) if named else Holding(folded(query))


def folded(text: str) -> str:
    """Return text as it is compared: without letter case, accents as one character where there is one."""
    return unicodedata.normalize("NFC", text.casefold())


def fitting(sizes: Iterable[Sequence[int]]) -> list[int]:
    """Return the positions that fit on a page, at least one of them; `sizes` are pairs with bytes."""
    found: list[int] = []
    bytes_left = PAGE_BYTES_MAX
    for position, size in sizes:
        bytes_left -= size
        if bytes_left < 0 and found:
            break
        found.append(position)
    return found


def _inside_a_word(before: str, first: str) -> bool:
    """Whether no word begins between two characters; scripts without letter case have no blanks to go by."""
    joined = before.isalnum() and first.isalnum()
    return joined and (before.isdigit() or before.lower() != before.upper())
