"""Marks that only lay a prompt out: bullets, `1.`, `2)`, `Step 3:`, check boxes."""

from __future__ import annotations

from collections import Counter

from runwright.planning.rules.phrases import word_set
from runwright.planning.rules.words import Words

_BULLETS = word_set("• ‣ ◦ ▪ ● – —")
# These are bullets too, but may as well be signs of arithmetic.
_SIGNS = frozenset("-*+")
_OPERATORS = frozenset({"+", "-", "*", "/", "^", "**", "%"})
_NUMBER_ENDS = frozenset(".):")


def find_layout(words: Words) -> dict[int, int]:
    """Return the places of all marks of layout, each with the place of the word behind it."""
    starts = [0] + [at + 1 for at, word in enumerate(words.items) if word.kind == "line"]
    bulleted = Counter(words.key(at) for at in starts if words.key(at) in _SIGNS and _apart(words, at + 1))
    found: dict[int, int] = {}
    for at in starts:
        key = words.key(at)
        sign = key in _SIGNS and (bulleted[key] > 1 or not _figure(words, at + 1)) and _apart(words, at + 1)
        after = at + 1 if sign or key in _BULLETS else _numbered(words, at)
        if after is not None and after < len(words):
            found[at] = _behind_box(words, after)
    _find_inline(words, found)
    return found


def _apart(words: Words, at: int) -> bool:
    return at < len(words) and words[at].spaced


def _figure(words: Words, at: int) -> bool:
    return words[at].kind == "number" or words.key(at) in ("(", "-", "√")


def _numbered(words: Words, at: int, number: str = "") -> int | None:
    """Return where the word behind `1.`, `1)`, `(1)`, `a)`, `Step 1:` stands; `number` asks for this one."""
    if words.key(at) == "step" and words[at + 1].kind == "number":
        return (
            at + 2 + (words.key(at + 2) in (".", ")", ":", "-", "–", ","))
            if number in ("", words.key(at + 1))
            else None
        )
    opened = words.key(at) == "("
    at += opened
    word = words[at]
    short = word.kind == "number" and len(word.key) <= 3 and word.key.isdigit()
    letter = word.kind == "word" and len(word.key) == 1 and not number and words.key(at + 1) == ")"
    if not (short or letter) or (number and word.key != number):
        return None
    ends = (
        words.key(at + 1) in (")" if opened else _NUMBER_ENDS)
        and words.glued(at + 1)
        and _apart(words, at + 2)
    )
    return at + 2 if ends and not (opened and words.key(at + 2) in _OPERATORS) else None


def _behind_box(words: Words, at: int) -> int:
    if words.key(at) == "[":
        close = at + 1 + (words.key(at + 1) in ("x", "✓"))
        if words.key(close) == "]" and close + 1 < len(words):
            return close + 1
    return at


def _find_inline(words: Words, found: dict[int, int]) -> None:
    """Add the numbers of a list that was written in one line, counted from 1."""
    number = 1
    for at, word in enumerate(words.items):
        if word.kind == "line" or not word.spaced:
            continue
        if at in found:
            number = _count(words, at, number)
        elif number > 1 or words.key(at - 1) == ":":
            after = _numbered(words, at, str(number))
            if (
                after is not None
                and after < len(words)
                and (words[at - 1].kind != "mark" or _ended(words, at))
            ):
                found[at] = after
                number += 1


def _ended(words: Words, at: int) -> bool:
    return words.key(at - 1) in (".", ",", ";", ":", "!", "?", ")")


def _count(words: Words, at: int, number: int) -> int:
    for place in (at, at + 1):
        if words.key(place) == str(number):
            return number + 1
    return number
