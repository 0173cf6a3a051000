"""Whether something to calculate with, or the end of a clause, stands at a word; judged from a few words."""

from __future__ import annotations

from runwright.planning.rules.lexicon import SEPARATOR_WORDS, TAILS
from runwright.planning.rules.lexicon_math import (
    AGGREGATES,
    CONSTANTS,
    CURRENCIES,
    FRACTIONS,
    FUNCTIONS,
    PREFIXES,
    TENS,
    UNITS,
)
from runwright.planning.rules.words import Words

# So many signs in a row are looked past.
_SIGNS_MAX = 8
COUNTED = frozenset(UNITS) | frozenset(TENS)


def amount_at(words: Words, at: int) -> bool:
    """Say whether something to calculate with begins here: a number, a bracket, a function, `the sum of`."""
    word = words[at]
    key = word.key
    if word.kind == "number" or key in CURRENCIES:
        return at not in words.layout
    if key in ("(", "√", "π", "½", "¼", "¾") or key in COUNTED or key in ("minus", "negative", "point"):
        return True
    if key in ("-", "+"):
        at = next(
            (place for place in range(at + 1, at + _SIGNS_MAX) if words.key(place) not in ("-", "+")), at
        )
        key = words.key(at)
        named = key in CONSTANTS or (key in FUNCTIONS and words.key(at + 1) == "(")
        return words[at].kind == "number" or key in ("(", "√") or named
    if key in FUNCTIONS:
        follows = words.key(at + 1)
        return (
            words[at + 1].kind == "number"
            or follows in ("(", "of", "-", "it", "pi", "base")
            or follows in COUNTED
        )
    if key in ("the", "a", "an", "one"):
        return _named_amount(words, at + 1, article=key != "the")
    return _named_amount(words, at, article=False) or (key in CONSTANTS and len(key) > 1)


def _named_amount(words: Words, at: int, *, article: bool) -> bool:
    if article and words[at].kind == "number" and words.key(at + 1) in ("%", "percent"):
        return True
    if article and (
        words.key(at) in FRACTIONS or words.key(at) in ("hundred", "thousand", "million", "dozen")
    ):
        return True
    if PREFIXES.ends(words, at) is not None and (words.key(at) != "half" or words.key(at + 1) != "the"):
        return True
    if words.key(at) == "remainder":
        return words.key(at + 1) in ("of", "when", "from")
    after = AGGREGATES.ends(words, at)
    return after is not None and words.key(after) in ("of", "between")


def breaks(words: Words, at: int) -> bool:
    """Say whether a clause could be over here."""
    return (
        words[at].kind in ("end", "line", "mark")
        or words.key(at) in SEPARATOR_WORDS
        or TAILS.ends(words, at) is not None
    )
