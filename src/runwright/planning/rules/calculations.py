"""Clauses that ask for a figure: `calculate …`, `what is …`, an expression, or a deed done to a result."""

from __future__ import annotations

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.arithmetic import deed_at, read_deed, rounded, takes_away
from runwright.planning.rules.bounds import find_bounds
from runwright.planning.rules.expressions import expression, operand
from runwright.planning.rules.lexicon_ask import ASK, ASK_TAILS, CALCULATE, FIGURES, LAST_RESULT, VALUE_OF
from runwright.planning.rules.lexicon_math import CONSTANTS, POSTFIXES, SHARE, SIGNS, SPOKEN
from runwright.planning.rules.numbers import read_number
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import before
from runwright.planning.rules.terms import Term, combined, shaped
from runwright.planning.rules.words import read_words

_STARTS = phrase_set(
    lines("""
    start|begin|starting|beginning with|from|at [the] [number]
    take [the] [number]
    pick [the] [number]
    """)
)
_TOPICS = frozenset({"take", "use", "using", "with", "taking", "grab"})
_SHOWN = word_set("tell give show print return display output report say present state")
_PERCENT_OF = phrase_set(["what|which percent|percentage|% of", "what share|proportion|fraction of"])
_GOES_INTO = phrase_set(["how many times does|do|can|will", "how often does|do|can"])


def read_calculation(r: Reading) -> bool:
    """Take a clause that asks for a figure and add it to the plan; say whether there was one."""
    if _read_shown_result(r) or _read_start(r) or _read_topic(r):
        return True
    special = _read_percent_of(r) or _read_goes_into(r)
    if special is None:
        opened = _open(r)
        special = _body(r, explicit=opened)
        if special is None:
            if not opened:
                return False
            raise r.refuse()
    if r.accept("rounded") or (r.key() == "to"):
        special = rounded(r, "round", special)
    while r.phrase(ASK_TAILS):
        pass
    r.draft.calculate(special.text)
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
        r.accept("me")
        r.accept(":", "-", "=") if r.key() != "-" or r.word(1).spaced else ""
    if r.at > start and not _figure_follows(r) and r.at < r.end:
        if explicit and r.words.key(start) not in (
            "what",
            "what's",
            "whats",
            "how",
            "tell",
            "show",
            "give",
            "get",
            "find",
        ):
            return True
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
        if deed_at(r) or takes_away(r):
            return read_deed(r)
        r.at = here
    if takes_away(r):
        r.at += 1
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
    term = expression(r)
    if term.lone and not explicit:
        raise r.refuse(": a number alone asks for nothing.")
    return term


def _quoted(r: Reading) -> Term:
    """Take an expression in quotes."""
    words = read_words(r.words.text[r.word().start + 1 : r.word().end - 1])
    inner = Reading(words, find_bounds(words), r.draft)
    term = expression(inner)
    if inner.at < inner.end:
        raise r.refuse()
    r.at += 1
    return term


def _take_away(r: Reading) -> Term:
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


def _read_shown_result(r: Reading) -> bool:
    """Take `and tell me the result`: it is shown anyway, and last if another step stands between."""
    start = r.at
    if r.key() not in _SHOWN:
        return False
    r.at += 1
    r.accept("me", "us", "out")
    r.accept("what")
    if r.phrase(LAST_RESULT) is None:
        r.at = start
        return False
    r.accept("is", "was")
    alone = r.over() or r.key() in ("to", "for", "please", "now", "too")
    if not alone or not (r.draft.values or r.words.key(r.at - 1) in FIGURES):
        r.at = start
        return False
    value = before(r, "the result")
    if r.draft.values[-1].step != len(r.draft):
        r.draft.calculate(value.text)
    return True


def _read_start(r: Reading) -> bool:
    """Take `start with 10`: a number that the next clause goes on from."""
    start = r.at
    if not takes_away(r) and r.phrase(_STARTS) and _number_at(r):
        term = operand(r)
        if term.lone and r.over() and r.at < r.end:
            r.draft.remember(f"({term.text})" if term.text.startswith("-") else term.text)
            return True
    r.at = start
    return False


def _number_at(r: Reading) -> bool:
    return read_number(r.words, r.at + (r.key() in ("-", "minus", "negative"))) is not None


def _read_topic(r: Reading) -> bool:
    """Take `use the result and …`: it only names what the next clause is about."""
    start = r.at
    if r.key() in _TOPICS:
        r.at += 1
        if r.phrase(LAST_RESULT) and r.over() and r.at < r.end:
            before(r, r.text(start + 1, r.at))
            return True
    r.at = start
    return False


def _read_percent_of(r: Reading) -> Term | None:
    """Take `what percent of 50 is 10`."""
    if not r.phrase(_PERCENT_OF):
        return None
    whole = expression(r)
    if not r.accept("is", "are"):
        raise r.refuse()
    return combined(combined(expression(r), "/", whole), "*", Term("100"))


def _read_goes_into(r: Reading) -> Term | None:
    """Take `how many times does 3 go into 12`."""
    start = r.at
    if not r.phrase(_GOES_INTO):
        return None
    if not amount_at(r.words, r.at):
        r.at = start
        return None
    part = expression(r)
    if not (r.accept("go", "fit", "goes") and r.accept("into", "in")):
        raise r.refuse()
    return combined(expression(r), "/", part)
