"""Arithmetic in signs and words, turned into an expression for the calculator.

Signs keep the order in which they were written, so the calculator's own rules of precedence apply. Phrases
such as `the square root of` and `half of` take the one operand that follows them; `the sum of 4, 5 and 6` is
one operand.
"""

from __future__ import annotations

from runwright.planning.rules.amounts import amount_at, breaks
from runwright.planning.rules.counting import read_todo_count
from runwright.planning.rules.lexicon_ask import VALUE_OF
from runwright.planning.rules.lexicon_math import (
    AGGREGATE_LINKS,
    AGGREGATES,
    ANGLES,
    ATOM,
    CONSTANTS,
    CURRENCIES,
    FUNCTIONS,
    OWN,
    PERCENTS,
    POSTFIXES,
    POWER,
    PREFIXES,
    PRODUCT,
    SHARE,
    SIGN,
    SUM,
    SUPERSCRIPTS,
    Shape,
)
from runwright.planning.rules.lists import read_figure
from runwright.planning.rules.numbers import read_number
from runwright.planning.rules.operators import TOUCHING, divides, ordinal, read_operator
from runwright.planning.rules.reading import DEPTH_MAX, Reading
from runwright.planning.rules.results import before, read_result
from runwright.planning.rules.terms import Row, Term, combined, shaped


def expression(r: Reading, spoken: bool = True) -> Term:
    """Take an expression; without `spoken` only signs join its operands, no words."""
    row, last, start = Row(), operand(r), r.at
    while (operator := read_operator(r, spoken)) is not None:
        row.spoken = row.spoken or r.words[start].kind == "word"
        if operator is TOUCHING and row.rank == PRODUCT and row.sign != "*":
            raise r.refuse(": write the multiplication sign, it could be read in two ways.")
        if operator.turned:
            row, last = Row(), combined(operand(r), operator.sign, row.ended(last))
            continue
        row.lead(last, operator)
        last = operand(r)
        if last.percent and operator.rank != SUM:
            last = last.settled()
        start = r.at
    return row.ended(last)


def operand(r: Reading) -> Term:
    """Take one operand with its signs and what is written behind it (`!`, `%`, `squared`)."""
    signs = 0
    prefix = ""
    while (key := r.key()) in ("-", "+", "–", "minus", "negative", "plus", "positive") and r.key(1) != "of":
        prefix += "" if key in ("+", "plus", "positive") else "-"
        signs += 1
        r.at += 1
        if signs > DEPTH_MAX:
            raise r.refuse(": it has too many signs in a row.")
    r.depth += 1
    if r.depth > DEPTH_MAX:
        raise r.refuse(f": it is nested more than {DEPTH_MAX} levels deep.")
    term = _behind(r, _primary(r))
    r.depth -= 1
    if not prefix:
        return term
    return Term(prefix + term.within(POWER), SIGN, lone=term.lone, percent=term.percent)


def _behind(r: Reading, term: Term) -> Term:
    """Take what stands behind an operand: powers, factorials, percent signs and what they are of."""
    for _ in range(DEPTH_MAX):
        key = r.key()
        if key in SUPERSCRIPTS and r.words.glued(r.at):
            term = Term(f"{term.within(ATOM)} ** {SUPERSCRIPTS[key]}", POWER)
        elif key == "!" and r.words.glued(r.at) and r.key(1) != "!":
            term = Term(f"{term.within(ATOM)}!", ATOM)
        elif (key == "%" and not divides(r)) or r.sees(PERCENTS) is not None:
            return _share(r, term)
        else:
            shape = r.phrase(POSTFIXES)
            if shape is None:
                return term
            term = shaped(shape, term)
            continue
        r.at += 1
    raise r.refuse(": it has too many signs in a row.")


def _share(r: Reading, term: Term) -> Term:
    """Take `20% of 50`, `20% off 80`, or a plain percentage."""
    if r.phrase(PERCENTS) is None:
        r.at += 1
    percent = f"{term.within(ATOM)}%"
    if r.accept("off"):
        r.accept("of")
        return Term(f"{_powered(r).within(PRODUCT)} - {percent}", SHARE)
    r.accept("tip", "tax", "discount", "share")
    if r.accept("of") or (r.key(-1) in ("tip", "tax", "discount") and r.accept("on", "for")):
        return Term(f"{percent} of {_powered(r).within(POWER)}", SHARE)
    if r.key(-1) in ("tip", "tax", "discount", "share"):
        raise r.refuse()
    return Term(percent, POWER, percent=True)


def _powered(r: Reading) -> Term:
    """Take an operand with the powers in signs behind it, which bind tighter than `of`."""
    term = operand(r)
    if not (r.key() in ("**", "^") and amount_at(r.words, r.at + 1)):
        return term
    r.at += 1
    r.depth += 1
    if r.depth > DEPTH_MAX:
        raise r.refuse(f": it is nested more than {DEPTH_MAX} levels deep.")
    exponent, term = _powered(r), term.settled()
    r.depth -= 1
    rank = SIGN if term.rank == SIGN else POWER
    return Term(f"{term.within(SIGN if rank == SIGN else ATOM)} ** {exponent.settled().within(SIGN)}", rank)


def _primary(r: Reading) -> Term:
    if r.at >= r.end:
        raise r.refuse(": something is missing at its end.")
    if r.accept("("):
        return _bracket(r)
    if r.key() in CURRENCIES and r.words.glued(r.at + 1):
        _one_currency(r)
    number = _number(r)
    if number is not None:
        return number
    exponent = ordinal(r) if r.key(-1) == "the" and r.key(-2) == "to" else None
    if exponent is not None:
        r.at += 1
        r.accept("power")
        return Term(str(exponent))
    return _named(r)


def _bracket(r: Reading) -> Term:
    in_call, r.in_call = r.in_call, False
    term = expression(r)
    r.in_call = in_call
    if not r.accept(")"):
        raise r.refuse(": a bracket is not closed.")
    return Term(f"({term.text})")


def _one_currency(r: Reading) -> None:
    """Take a currency sign; a second kind in one prompt would be added as if it were the same."""
    if r.currency not in ("", r.key()):
        raise r.refuse(": I cannot calculate with two currencies.")
    r.currency = r.key()
    r.at += 1


def _number(r: Reading) -> Term | None:
    number = read_number(r.words, r.at)
    if number is None or number.after > r.end:
        return None
    raw = r.words[r.at]
    r.at = number.after
    if r.in_call and raw.kind == "number":
        return Term(r.words.text[raw.start : raw.end])
    if number.fraction and r.accept("of"):
        top, bottom = number.fraction
        times = f" * {top}" if top > 1 else ""
        return Term(f"{operand(r).within(PRODUCT)}{times} / {bottom}", PRODUCT)
    if r.key() == "/" and r.word(1).kind == "number" and r.key(2) == "of" and number.text.isdecimal():
        bottom_text, r.at = r.key(1), r.at + 3
        return Term(f"{operand(r).within(PRODUCT)} * {number.text} / {bottom_text}", PRODUCT)
    return Term(number.text, lone=True, joined=number.joined)


def _named(r: Reading) -> Term:
    """Take an operand that has a name: a function, a phrase such as `half of`, a result said before."""
    start = r.at
    if r.sees(VALUE_OF) is not None and amount_at(r.words, r.sees(VALUE_OF) or 0):
        r.phrase(VALUE_OF)
        return expression(r)._replace(lone=False, row="")
    article = r.accept("the", "a", "an", "its")
    if article in ("a", "an") and r.word().kind == "number":
        return _behind(r, _primary(r))
    counted = read_todo_count(r)
    if counted is not None:
        return counted
    own = OWN.match(r.words, r.at, r.end)
    if own is not None and (article == "its" or (article == "the" and breaks(r.words, own[1]))):
        r.at = own[1]
        return shaped(own[0], before(r, r.text(start, r.at)))
    if r.key() in FUNCTIONS and r.key(1) != "base" and (r.key(1) == "(" or r.sees(AGGREGATES) is None):
        return _function(r)
    shape = _shape(r)
    if shape is not None:
        return _angle(r, shape) if shape.pattern in ANGLES else shaped(shape, operand(r))
    if r.key() in ("remainder", "rest"):
        remainder = _remainder(r)
        if remainder is not None:
            return remainder
    kind = _aggregate(r)
    if kind is not None:
        return read_figure(r, kind, expression)
    if article == "the" and r.key() in ("number", "numbers") and r.word(1).kind == "number":
        r.at += 1
        return operand(r)
    if r.key() in CONSTANTS:
        r.at += 1
        return Term(CONSTANTS[r.key(-1)], lone=True)
    r.at = start
    return Term(read_result(r), lone=True)


def _remainder(r: Reading) -> Term | None:
    """Take `remainder of 10 divided by 3`, `remainder when 10 is divided by 3`."""
    start = r.at
    r.at += 1
    if not r.accept("of", "when", "from", "if"):
        r.at = start
        return None
    r.accept("you", "we", "i")
    dividing = r.accept("dividing", "divide")
    whole = operand(r)
    r.accept("is")
    if not (dividing or r.accept("divided", "/", "over")):
        raise r.refuse()
    if dividing or r.key(-1) == "divided":
        r.accept("by")
    return combined(whole, "%", operand(r))


def _aggregate(r: Reading) -> str | None:
    found = AGGREGATES.match(r.words, r.at, r.end)
    if found is None:
        return None
    link = AGGREGATE_LINKS.ends(r.words, found[1], r.end)
    if link is None:
        return None
    r.at = link
    return found[0]


def _shape(r: Reading) -> Shape | None:
    """Take the phrase before an operand, also `log base 2 of` and `4th root of`."""
    if r.key() in ("log", "logarithm") and r.key(1) == "base":
        r.at += 2
        base = operand(r)
        r.accept("of")
        return Shape(f"log({{}}, {base.text})", SUM, ATOM)
    nth = ordinal(r)
    if nth and r.key(1) == "root" and r.key(2) == "of":
        r.at += 3
        return Shape(f"{{}} ** (1 / {nth})", ATOM, POWER)
    return r.phrase(PREFIXES)


def _angle(r: Reading, shape: Shape) -> Term:
    angle = operand(r)
    if r.accept("degrees", "degree", "°", "deg"):
        return Term(shape.pattern.format(f"{angle.settled().within(PRODUCT)} * pi / 180"))
    r.accept("radians", "rad")
    return shaped(shape, angle)


def _function(r: Reading) -> Term:
    name = r.key()
    r.at += 1
    if not r.accept("("):
        r.accept("of")
        shape = Shape(name + "({})", SUM, ATOM)
        return _angle(r, shape) if shape.pattern in ANGLES else shaped(shape, operand(r))
    in_call, r.in_call = r.in_call, True
    arguments = [expression(r).text]
    while r.accept(","):
        arguments.append(expression(r).text)
    r.in_call = in_call
    if r.accept("degrees", "°", "deg"):
        arguments = [f"({arguments[0]}) * pi / 180"]
    if not r.accept(")"):
        raise r.refuse(": a bracket is not closed.")
    return Term(f"{name}({', '.join(arguments)})")
