"""Clauses that ask for a figure: `calculate …`, `what is …`, an expression, or a deed done to a result."""

from __future__ import annotations

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.arithmetic import deed_at, read_deed, rounded, takes_away
from runwright.planning.rules.bounds import find_bounds
from runwright.planning.rules.expressions import expression, operand
from runwright.planning.rules.lexicon_ask import ASK, ASK_TAILS, CALCULATE, LAST_RESULT, VALUE_OF
from runwright.planning.rules.lexicon_math import CONSTANTS, FUNCTIONS, POSTFIXES, SHARE, SIGNS, SPOKEN
from runwright.planning.rules.phrases import word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import before
from runwright.planning.rules.terms import Term, combined, shaped
from runwright.planning.rules.turns import read_goes_into, read_share_asked, read_turn
from runwright.planning.rules.words import read_words

# Signs that mean in the calculator what they mean here.
_WRITTEN = word_set("pi e + - * / // % ** ^ ( ) , ! √")


def read_calculation(r: Reading) -> bool:
    """Take a clause that asks for a figure and add it to the plan; say whether there was one."""
    if read_turn(r):
        return True
    start = r.at
    term = read_share_asked(r) or read_goes_into(r) or _body(r, explicit=_open(r))
    if term is None:
        r.at = start
        return False
    if r.accept("rounded") or r.key() == "to":
        term = rounded(r, "round", term)
    while r.phrase(ASK_TAILS):
        pass
    r.draft.calculate(term.text)
    return True


def _open(r: Reading) -> bool:
    """Take the words that open a calculation; say whether they ask for one even if only a number follows."""
    start = r.at
    explicit = False
    for _ in range(4):
        if r.phrase(CALCULATE):
            explicit = True
        elif (r.key() != "take" or not takes_away(r)) and r.phrase(ASK):
            explicit = explicit or r.words.key(start) in ("what", "what's", "whats", "how")
        else:
            break
        r.accept("me", "both")
        if r.key() != "-" or (r.word(1).spaced and not amount_at(r.words, r.at)):
            r.accept(":", "-", "=")
        headed = r.key(-1) == ":"
        while headed and (r.word().kind == "line" or r.at in r.words.layout):
            r.at = r.words.layout.get(r.at, r.at + 1)
    if r.at > start and not _figure_follows(r) and r.at < r.end:
        r.at = start
        return False
    return explicit


def _figure_follows(r: Reading) -> bool:
    return (
        amount_at(r.words, r.at)
        or deed_at(r)
        or takes_away(r)
        or r.sees(LAST_RESULT) is not None
        or r.sees(VALUE_OF) is not None
        or r.key() in CONSTANTS
        or r.key() in ("the", "both", "step", "result", "=", "its")
        or r.word().kind == "quoted"
    )


def _body(r: Reading, *, explicit: bool) -> Term | None:
    """Take what is to be calculated, or nothing if this clause is about something else."""
    r.accept("=")
    if explicit and r.word().kind == "quoted":
        return _quoted(r)
    if r.sees(VALUE_OF) is not None:
        behind = r.sees(VALUE_OF) or r.at
        here, r.at = r.at, behind
        if not (deed_at(r) or takes_away(r)):
            r.at = here
    if takes_away(r):
        return _take_away(r)
    if r.draft.values and (term := _continued(r)) is not None:
        return term
    if deed_at(r):
        return read_deed(r)
    if not (explicit or _figure_follows(r)):
        if (
            (r.sees(SPOKEN) is not None and r.key() != "x")
            or r.sees(POSTFIXES) is not None
            or r.key() in ("*", "/", "**", "^")
        ):
            return before(r)
        return None
    start, term = r.at, expression(r)
    if term.lone and not explicit:
        raise r.refuse(": a number alone asks for nothing.")
    return _as_written(r, start, term)


def _as_written(r: Reading, start: int, term: Term) -> Term:
    """Return percentages in signs alone as they were written, so that the calculator's own rules apply."""
    if not any(r.words.key(at) == "%" for at in range(start, r.at)):
        return term
    for at in range(start, r.at):
        key, behind = r.words.key(at), r.words.key(at + 1)
        plain = (
            r.words[at].kind == "number" or key in _WRITTEN or (key == "of" and r.words.key(at - 1) == "%")
        )
        if not (plain or (key in FUNCTIONS and behind == "(")):
            return term
    return Term(r.text(start, r.at), SHARE)


def _quoted(r: Reading) -> Term:
    """Take an expression in quotes."""
    words = read_words(r.words.text[r.word().start + 1 : r.word().end - 1])
    inner = Reading(words, find_bounds(words), r.draft)
    term = _as_written(inner, 0, expression(inner))
    if inner.at < inner.end:
        raise r.refuse()
    r.at += 1
    return term


def _take_away(r: Reading) -> Term:
    """Take `take 5 away from 12`, `take 20% off 80`."""
    r.accept("take")
    part = operand(r)
    if part.rank == SHARE:
        return part
    r.accept("away")
    r.accept("from", "off")
    return combined(expression(r), "-", part)


def _continued(r: Reading) -> Term | None:
    """Take a clause that goes on from the result before: `times 3`, `plus 5`, `squared`, `/ 2`."""
    shape = r.phrase(POSTFIXES)
    if shape is not None:
        return shaped(shape, before(r))
    start = r.at
    sign = SIGNS.get(r.key())
    if sign is not None and r.key() != "%" and r.at not in r.words.layout and r.word(1).spaced:
        r.at += 1
    else:
        sign = r.phrase(SPOKEN)
    if sign is None or sign.turned or not amount_at(r.words, r.at):
        r.at = start
        return None
    return combined(before(r), sign.sign, expression(r))
