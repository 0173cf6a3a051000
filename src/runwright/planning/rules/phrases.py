"""Tables of phrases: data that a reader can extend without touching the logic.

A phrase is written as its words; `a|b` stands for either word, `[these words]` for words that may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from runwright.planning.rules.words import Words

T = TypeVar("T")


class _Node(Generic[T]):
    """What may follow the words so far, and the value of the phrase that ends here."""

    __slots__ = ("next", "value")

    def __init__(self) -> None:
        self.next: dict[str, _Node[T]] = {}
        self.value: T | None = None


class Phrases(Generic[T]):
    """A table from phrases to values; the longest phrase that fits wins."""

    def __init__(self, table: Mapping[str, T]) -> None:
        self._root = _Node[T]()
        for pattern, value in table.items():
            for phrase in _spellings(pattern):
                node = self._root
                for word in phrase:
                    node = node.next.setdefault(word, _Node())
                if node.value is None:
                    node.value = value

    def match(self, words: Words, at: int, end: int | None = None) -> tuple[T, int] | None:
        """Return the value of the longest phrase that begins at `at`, and where it ends."""
        limit = len(words) if end is None else end
        node, found = self._root, None
        while at < limit:
            following = node.next.get(words.key(at))
            if following is None:
                break
            node, at = following, at + 1
            if node.value is not None:
                found = node.value, at
        return found

    def ends(self, words: Words, at: int, end: int | None = None) -> int | None:
        """Return where the longest phrase that begins at `at` ends."""
        found = self.match(words, at, end)
        return found[1] if found else None


def phrase_set(patterns: Iterable[str]) -> Phrases[bool]:
    """Return a table that only knows which phrases it holds."""
    return Phrases(dict.fromkeys(patterns, True))


def word_set(text: str) -> frozenset[str]:
    """Return the words of a block."""
    return frozenset(text.split())


def word_list(text: str) -> list[str]:
    """Return the words of a block in their order."""
    return text.split()


def lines(text: str) -> list[str]:
    """Return the phrases of a block that has one phrase in a line; a line that begins with `|` goes on."""
    text = re.sub(r"\n *\|", "|", text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _spellings(pattern: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for part in re.findall(r"\[[^\]]*\]|\S+", pattern):
        optional = part.startswith("[") and len(part) > 1
        longer = found
        for word in part[1:-1].split() if optional else [part]:
            longer = [(*phrase, choice) for phrase in longer for choice in word.split("|")]
        found = found + longer if optional else longer
    return [phrase for phrase in found if phrase]
