"""Tables of phrases: data that a reader can extend without touching the logic.

A phrase is written as its words; `a|b` stands for either word and `[word]` for a word that may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from runwright.planning.rules.words import Words

T = TypeVar("T")


class Phrases(Generic[T]):
    """A table from phrases to values; the longest phrase that fits wins."""

    def __init__(self, table: Mapping[str, T]) -> None:
        self._by_head: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        for pattern, value in table.items():
            for phrase in _spellings(pattern):
                self._by_head.setdefault(phrase[0], []).append((phrase, value))
        for phrases in self._by_head.values():
            phrases.sort(key=lambda entry: -len(entry[0]))

    def match(self, words: Words, at: int, end: int | None = None) -> tuple[T, int] | None:
        """Return the value of the longest phrase that begins at `at`, and where it ends."""
        limit = len(words) if end is None else end
        for phrase, value in self._by_head.get(words.key(at), ()):
            after = at + len(phrase)
            if after <= limit and all(words.key(at + ahead) == key for ahead, key in enumerate(phrase)):
                return value, after
        return None

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
    for part in pattern.split():
        optional = part.startswith("[") and part.endswith("]")
        choices = (part[1:-1] if optional else part).split("|")
        longer = [(*phrase, choice) for phrase in found for choice in choices]
        found = found + longer if optional else longer
    return [phrase for phrase in found if phrase]
