"""Calculations said as a deed: `multiply 5 by 3`, `subtract 7 from it`, `double that`, `round it`.

Where the deed names no number to start from (`divide by 2`), it is done to the result before.
"""

from __future__ import annotations

from collections.abc import Callable

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.expressions import expression
from runwright.planning.rules.lexicon_math import (
    ATOM,
    CUBED,
    DOUBLED,
    HALVED,
    NEGATED,
    PRODUCT,
    QUADRUPLED,
    SQUARED,
    SUM,
    TRIPLED,
    Shape,
)
from runwright.planning.rules.lexicon_nouns import LIST_PLACES
from runwright.planning.rules.lists import read_list
from runwright.planning.rules.numbers import read_number
from runwright.planning.rules.operators import ordinal
from runwright.planning.rules.phrases import Phrases, phrase_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import before
from runwright.planning.rules.terms import Term, combined, figure, shaped

_PLACES = phrase_set(
    ["decimal|decimals [places|place|digits|digit]", "places|digits [after the decimal point]"]
)
_WHOLE = phrase_set(
    ["the nearest|closest integer|whole|unit|one [number]", "a|an whole|integer [number]", "an|a integer"]
)
_NEAREST = {"ten": 10, "hundred": 100, "thousand": 1000, "million": 10**6, "10": 10, "100": 100, "1000": 1000}
_PARTS = {"half": "2", "two": "2", "halves": "2", "thirds": "3", "quarters": "4"}


def _by(r: Reading) -> Term:
    """Take what a deed is done with; a row of operands there could belong to the deed's result as well."""
    term = expression(r)
    if term.row:
        raise r.refuse(": it can be read in two ways.", hint="Use parentheses, such as: 5 * (3 + 1).")
    return term


def _whole(r: Reading) -> Term:
    """Take what is added to or subtracted from; `4 times 5` behind `add 3 to` could mean (3 + 4) times 5."""
    term = expression(r)
    if term.row == "words" and term.rank != SUM:
        raise r.refuse(": it can be read in two ways.", hint="Use parentheses, such as: 3 + (4 * 5).")
    return term


def _add(r: Reading) -> Term:
    r.accept("up", "together")
    items = read_list(r, expression)
    r.accept("more")
    if r.sees(LIST_PLACES) is None and r.accept("to", "onto", "with"):
        return figure("sum", [_whole(r), *items])
    r.accept("together", "up")
    if len(items) > 1:
        return figure("sum", items)
    if items[0].lone and items[0].text.startswith("{"):
        raise r.refuse(": add it to what?")
    if not items[0].lone and not items[0].percent and not r.draft.values:
        return items[0]
    return combined(before(r), "+", items[0])


def _subtract(r: Reading) -> Term:
    items = read_list(r, expression)
    r.accept("away")
    if r.sees(LIST_PLACES) is None and r.accept("from", "off"):
        r.accept("of")
        whole = _whole(r)
    elif len(items) > 1:
        raise r.refuse(": subtract them from what?")
    else:
        whole = before(r)
    for item in items:
        whole = combined(whole, "-", item)
    return whole


def _multiply(r: Reading) -> Term:
    if r.accept("by", "with"):
        return combined(before(r), "*", _by(r))
    items = read_list(r, expression)
    if r.accept("by", "with", "times"):
        if len(items) > 1:
            raise r.refuse(": multiply which of them?")
        if r.accept("itself"):
            return combined(items[0], "*", items[0])
        return combined(items[0], "*", _by(r))
    r.accept("together")
    if len(items) > 1:
        return figure("product", items)
    if items[0].lone and not items[0].text.startswith("{") and r.draft.values:
        raise r.refuse(": multiply it by what?")
    return _alone(r, items[0])


def _divide(r: Reading) -> Term:
    if r.accept("by"):
        return combined(before(r), "/", _by(r))
    term = expression(r)
    if r.accept("in", "into"):
        number = read_number(r.words, r.at)
        if r.key() in _PARTS:
            r.at, part = r.at + 1, _PARTS[r.key()]
            r.accept("equal")
            r.accept("parts", "pieces")
        elif number is not None:
            r.at, part = number.after, number.text
            r.accept("equal")
            if not r.accept("parts", "pieces"):
                raise r.refuse()
        else:
            raise r.refuse()
        return combined(term, "/", Term(part))
    if r.accept("by", "among", "between"):
        return combined(term, "/", _by(r))
    return _alone(r, term)


def _alone(r: Reading, term: Term) -> Term:
    """Return a whole expression behind a verb that needs two things (`multiply 5 * 3`), or refuse."""
    if term.lone:
        raise r.refuse(": it needs two numbers.")
    return term


def _raise(r: Reading) -> Term:
    base = before(r) if r.key() in ("to", "by") else expression(r)
    if r.accept("by"):
        return combined(base, "+", expression(r))
    if r.accept("to"):
        r.accept("the")
        if r.accept("power"):
            r.accept("of")
        nth = ordinal(r)
        if nth is not None:
            r.at += 1
            r.accept("power")
            return combined(base, "**", Term(str(nth)))
        exponent = _by(r)
        r.accept("power")
        return combined(base, "**", exponent)
    return _alone(r, base)


def _grow(sign: str) -> Callable[[Reading], Term]:
    """Return the reader of `increase 50 by 10%` for a sign."""

    def read(r: Reading) -> Term:
        base = before(r) if r.key() == "by" else expression(r)
        if not r.accept("by"):
            raise r.refuse(": by how much?")
        change = _by(r) if sign == "-" else expression(r)
        if change.text.startswith("(1 /"):
            raise r.refuse(
                ": by that number, or by that share of it?", hint="Say it in percent, such as: by 50%."
            )
        return combined(base, sign, change)

    return read


def _shaped(shape: Shape) -> Callable[[Reading], Term]:
    """Return the reader of `square it`, `double 5`, and of `double` alone, for a shape."""

    def read(r: Reading) -> Term:
        return shaped(shape, before(r) if r.over() else _by(r))

    return read


def _round(r: Reading) -> Term:
    name = {"up": "ceil", "down": "floor"}.get(r.accept("up", "down", "off"), "round")
    term = before(r) if r.over() or r.key() == "to" else expression(r)
    if r.key() in ("up", "down", "off"):
        name = {"up": "ceil", "down": "floor"}.get(r.accept("up", "down", "off"), name)
    return rounded(r, name, term)


def rounded(r: Reading, name: str, term: Term) -> Term:
    """Take `to 2 decimal places`, `to the nearest ten`, or nothing, and return the term rounded."""
    if not r.accept("to") or r.phrase(_WHOLE):
        return Term(f"{name}({term.settled().text})")
    if r.accept("the"):
        r.accept("nearest", "closest")
        step = _NEAREST.get(r.key()) or (_NEAREST.get(r.key(1)) if r.key() == "1" else None)
        if step is None:
            raise r.refuse()
        r.at += 1
        return Term(f"{name}({term.settled().within(ATOM)} / {step}) * {step}", PRODUCT)
    places = read_number(r.words, r.at)
    if places is None or not places.text.isdecimal() or len(places.text) > 2:
        raise r.refuse()
    r.at = places.after
    if not r.phrase(_PLACES):
        raise r.refuse()
    if name == "round":
        return Term(f"round({term.settled().text}, {places.text})")
    factor = 10 ** int(places.text)
    return Term(f"{name}({term.settled().within(ATOM)} * {factor}) / {factor}", PRODUCT)


def _figure(kind: str) -> Callable[[Reading], Term]:
    """Return the reader of `sum 3, 4 and 5`, `average both`, for a figure."""

    def read(r: Reading) -> Term:
        r.accept("up")
        r.accept("of")
        items = read_list(r, expression)
        if len(items) < 2:
            raise r.refuse(": it needs two numbers or more.")
        r.accept("together", "up")
        return figure(kind, items)

    return read


DEEDS: Phrases[Callable[[Reading], Term]] = Phrases(
    {
        "add|adding|added": _add,
        "subtract|subtracting|subtracted|deduct|deducting": _subtract,
        "take away": _subtract,
        "multiply|multiplying|multiplied": _multiply,
        "divide|dividing|divided|split": _divide,
        "raise|raising": _raise,
        "increase|increasing|grow": _grow("+"),
        "decrease|decreasing|reduce|reducing|lower|diminish": _grow("-"),
        "square|squaring": _shaped(SQUARED),
        "cube|cubing": _shaped(CUBED),
        "double|doubling": _shaped(DOUBLED),
        "triple|tripling|treble": _shaped(TRIPLED),
        "quadruple": _shaped(QUADRUPLED),
        "halve|halving": _shaped(HALVED),
        "negate|negating": _shaped(NEGATED),
        "round|rounding|rounded": _round,
        "sum|summing|total|totaling|totalling": _figure("sum"),
        "average|averaging": _figure("average"),
    }
)


def deed_at(r: Reading) -> bool:
    """Say whether a deed stands here, and not a figure such as `the sum of` or `square root of`."""
    after = r.sees(DEEDS)
    if after is None:
        return False
    if r.words.key(after) == "root" or (r.words.key(after) == "of" and r.words.key(after + 1) != "both"):
        return False
    return not (r.key() == "round" and r.key(1) == "(")


def read_deed(r: Reading) -> Term:
    """Take a deed and return the expression that does it."""
    reader = r.phrase(DEEDS)
    assert reader is not None
    return reader(r)


def takes_away(r: Reading) -> bool:
    """Say whether `take 5 from 10` or `take 5 away from it` stands here: a subtraction."""
    if r.key() != "take" or not (amount_at(r.words, r.at + 1) or r.key(1) in ("it", "that")):
        return False
    number = read_number(r.words, r.at + 1)
    after = number.after if number else r.at + 2
    after += r.words.key(after) in ("%", "percent")
    return r.words.key(after) in ("away", "from", "off")
