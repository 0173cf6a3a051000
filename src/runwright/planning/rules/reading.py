"""Where the understanding of a prompt stands, and how it is refused.

A reader of a clause either takes words, says that the clause is not of its kind without taking any, or
refuses the prompt. A clause is taken once, which keeps the work linear.
"""

from __future__ import annotations

from typing import TypeVar

from runwright.core.errors import NotUnderstood
from runwright.planning.rules.bounds import Bounds, separates
from runwright.planning.rules.draft import Draft
from runwright.planning.rules.lexicon import JOINTS, SEPARATOR_WORDS
from runwright.planning.rules.phrases import Phrases
from runwright.planning.rules.words import Word, Words

T = TypeVar("T")

QUOTE_CHARS_MAX = 120
DEPTH_MAX = 60
HINT = (
    'Ask for calculations ("calculate 12 * 3, then halve it") or todos ("add todo buy milk", '
    '"list my todos", "complete the first todo", "delete the milk todo").'
)


class Reading:
    """A place in the words of a prompt, the plan so far, and the end of the part that may be read."""

    def __init__(self, words: Words, bounds: Bounds, draft: Draft) -> None:
        self.words = words
        self.bounds = bounds
        self.draft = draft
        self.at = 0
        self.end = len(words)
        self.clause_start = 0
        self.depth = 0
        self.in_call = False
        self.currency = ""
        self.after_text = False
        self.last_act = ("", 0)

    def key(self, ahead: int = 0) -> str:
        """Return the key of a word ahead (or behind), empty outside of what may be read."""
        return self.words.key(self.at + ahead) if 0 <= self.at + ahead < self.end else ""

    def word(self, ahead: int = 0) -> Word:
        """Return a word ahead."""
        return self.words[self.at + ahead if self.at + ahead < self.end else len(self.words)]

    def accept(self, *keys: str) -> str:
        """Take the next word if it is one of these, and return its key, else nothing."""
        key = self.key()
        if key and key in keys:
            self.at += 1
            return key
        return ""

    def phrase(self, phrases: Phrases[T]) -> T | None:
        """Take the longest phrase of a table that stands here and return its value."""
        found = phrases.match(self.words, self.at, self.end)
        if found is None:
            return None
        self.at = found[1]
        return found[0]

    def sees(self, phrases: Phrases[T], ahead: int = 0) -> int | None:
        """Return where a phrase of a table that stands here, or some words ahead, ends."""
        return phrases.ends(self.words, self.at + ahead, self.end)

    def over(self) -> bool:
        """Say whether nothing is left, or a sign or word stands here that can end a clause."""
        if self.at >= self.end or self.key() in SEPARATOR_WORDS or separates(self.words, self.at):
            return True
        return self.sees(JOINTS) is not None

    def text(self, start: int, end: int) -> str:
        """Return the text between two words as it was written."""
        return self.words.between(start, end)

    def quote(self) -> str:
        """Return the clause that is being read, in quotation marks and shortened."""
        start = self.clause_start
        end = self.bounds.clause_end(start)
        if self.at > end:
            end = min(self.at + 1, len(self.words))
        return quoted(self.words.between(start, end))

    def refuse(self, why: str = "", *, hint: str | None = None) -> NotUnderstood:
        """Return the error for the clause that is being read; `why` goes on after the quoted clause."""
        if self.after_text and not why:
            hint = hint or f"If it belongs to the todo before it, put that todo's text in quotes. {HINT}"
        return NotUnderstood(f"I did not understand {self.quote()}{why or '.'}", hint=hint or HINT)


def quoted(text: str) -> str:
    """Return a text in quotation marks, in one line and shortened."""
    flat = " ".join(text[: QUOTE_CHARS_MAX * 4].split())
    if len(flat) > QUOTE_CHARS_MAX or len(text) > QUOTE_CHARS_MAX * 4:
        flat = flat[:QUOTE_CHARS_MAX].rstrip() + "…"
    return f'"{flat}"'
