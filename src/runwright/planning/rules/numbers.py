"""Numbers as people write them: `12`, `1,000`, `twenty-one`, `three hundred and five`, `one and a half`."""

from __future__ import annotations

from typing import NamedTuple

from runwright.planning.rules.lexicon_math import DOZENS, FRACTIONS, SCALES, TENS, UNITS, VULGAR
from runwright.planning.rules.words import Words


class Number(NamedTuple):
    """A number: how an expression writes it, where the words behind it begin, and what it was made of.

    fraction   numerator and denominator where it was given as a fraction
    joined     it holds an `and`, so that in a list it might be two numbers
    """

    text: str
    after: int
    fraction: tuple[int, int] | None = None
    joined: bool = False


def read_number(words: Words, at: int, *, joins: bool = True) -> Number | None:
    """Return the number that begins at a word, if one does; `joins` lets `and` stand inside it."""
    if at in words.layout and words[at].kind == "number":
        return None
    key = words.key(at)
    if key in VULGAR:
        top, bottom = VULGAR[key]
        return Number(f"({top} / {bottom})", at + 1, (top, bottom))
    found = _digits(words, at) if words[at].kind == "number" else _spoken(words, at, joins)
    if found is None or found.fraction is not None:
        return found
    return _and_fraction(words, found) if joins else found


def _digits(words: Words, at: int) -> Number:
    text, after = words[at].key, at + 1
    text = f"0{text}" if text.startswith(".") else text
    if words.key(after) in VULGAR and words.glued(after):
        top, bottom = VULGAR[words.key(after)]
        return Number(f"({text} + {top} / {bottom})", after + 1)
    if words.key(after) in FRACTIONS and text.isdecimal() and len(text) < 10 and words[after].spaced:
        return _fraction(int(text), words, after)
    if words.key(after) == "point" and words[after + 1].kind == "number" and text.isdecimal():
        return Number(f"{text}.{words[after + 1].key}", after + 2)
    scale = 1
    while words.key(after) in SCALES or words.key(after) == "hundred" or words.key(after) in DOZENS:
        key = words.key(after)
        scale *= SCALES.get(key, 12 if key in DOZENS else 100)
        after += 1
        if scale > 10**15:
            break
    return Number(text if scale == 1 else f"({text} * {scale})", after)


def _fraction(top: int, words: Words, at: int) -> Number:
    bottom = FRACTIONS[words.key(at)]
    return Number(f"({top} / {bottom})", at + 1, (top, bottom))


def _and_fraction(words: Words, number: Number) -> Number:
    """Add `and a half`, `and three quarters` to a whole number, unless it is half *of* something."""
    at = number.after
    if words.key(at) != "and":
        return number
    top = 1 if words.key(at + 1) in ("a", "one") else UNITS.get(words.key(at + 1), 0)
    if not 0 < top < 10 or words.key(at + 2) not in FRACTIONS or words.key(at + 3) in ("of", "the"):
        return number
    part = _fraction(top, words, at + 2)
    text, after = f"({number.text} + {top} / {FRACTIONS[words.key(at + 2)]})", part.after
    if words.key(after) in SCALES or words.key(after) in DOZENS:
        text, after = f"({text} * {SCALES.get(words.key(after), 12)})", after + 1
    return Number(text, after)


def _spoken(words: Words, at: int, joins: bool) -> Number | None:
    key = words.key(at)
    if key == "half" and words.key(at + 1) == "a" and words.key(at + 2) in DOZENS:
        return Number("6", at + 3)
    if key in ("a", "one", "an"):
        ahead = words.key(at + 1)
        if ahead in FRACTIONS:
            return _fraction(1, words, at + 1)
        if key != "one" and not (ahead in SCALES or ahead == "hundred" or ahead in DOZENS):
            return None
    if key == "half":
        return Number("(1 / 2)", at + 1, (1, 2))
    whole = _whole(words, at, joins)
    if whole is None:
        return _point(words, at, "0") if key == "point" else None
    value, after, joined = whole
    if words.key(after) == "point":
        return _point(words, after, str(value)) or Number(str(value), after, joined=joined)
    if words.key(after) in FRACTIONS and value < 1000 and not joined:
        return _fraction(value, words, after)
    return Number(str(value), after, joined=joined)


def _point(words: Words, at: int, whole: str) -> Number | None:
    digits, after = "", at + 1
    if words[after].kind == "number" and words[after].key.isdecimal():
        return Number(f"{whole}.{words[after].key}", after + 1)
    while words.key(after) in UNITS or words.key(after) in TENS or words.key(after) == "oh":
        key = words.key(after)
        digits += "0" if key == "oh" else str(UNITS.get(key, TENS.get(key)))
        after += 1
    return Number(f"{whole}.{digits}", after) if digits else None


def _whole(words: Words, at: int, joins: bool) -> tuple[int, int, bool] | None:
    """Return the value of number words, where they end, and whether they hold an `and`."""
    total, below, joined, first = 0, 10**18, False, True
    while True:
        group = _below_thousand(words, at, joins, article=first)
        if group is None:
            break
        value, after, inner = group
        scale = 1
        if words.key(after) in SCALES:
            scale, after = SCALES[words.key(after)], after + 1
        elif words.key(after) in DOZENS:
            value, after = value * 12, after + 1
        if scale >= below:
            break
        total, at, below, joined, first = total + value * scale, after, scale, joined or inner, False
        if scale == 1:
            break
        ahead = at + (words.key(at) in ("and", ","))
        more = _below_thousand(words, ahead, joins, article=False)
        if more is None or (ahead > at and (not joins or more[0] >= 100 or words.key(at) == ",")):
            break
        if ahead > at:
            joined = True
        at = ahead
    return None if first else (total, at, joined)


def _below_thousand(words: Words, at: int, joins: bool, *, article: bool) -> tuple[int, int, bool] | None:
    small = _below_hundred(words, at)
    if small is None and article and words.key(at) in ("a", "an"):
        small = (1, at + 1)
    if small is None:
        return None
    value, after = small
    if words.key(after) != "hundred" or value == 0:
        return (value, after, False)
    value, after = value * 100, after + 1
    joined = joins and words.key(after) == "and"
    rest = _below_hundred(words, after + joined)
    if rest is None or words.key(rest[1]) in ("hundred", *FRACTIONS):
        return value, after, False
    return value + rest[0], rest[1], joined


def _below_hundred(words: Words, at: int) -> tuple[int, int] | None:
    key = words.key(at)
    if key in UNITS:
        return UNITS[key], at + 1
    if key not in TENS:
        return None
    hyphen = words.key(at + 1) == "-" and words.glued(at + 1) and words.glued(at + 2)
    unit = UNITS.get(words.key(at + 1 + hyphen), 0)
    return (TENS[key] + unit, at + 2 + hyphen) if 0 < unit < 10 else (TENS[key], at + 1)
