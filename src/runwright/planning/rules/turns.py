"""Turns of phrase around calculations: `start with 10`, `use the result and …`, `from that subtract 5`."""

from __future__ import annotations

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.arithmetic import deed_at, read_deed, takes_away
from runwright.planning.rules.expressions import expression, operand
from runwright.planning.rules.lexicon_ask import ASK, FIGURES, LAST_RESULT
from runwright.planning.rules.lexicon_math import AGGREGATE_LINKS, AGGREGATES
from runwright.planning.rules.lists import read_list
from runwright.planning.rules.numbers import read_number
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import before
from runwright.planning.rules.terms import Term, combined, figure

_STARTS = phrase_set(
    lines("""
    start|begin|starting|beginning with|from|at [the] [number]
    take [the] [number]
    pick [the] [number]
    """)
)
_TOPICS = frozenset({"take", "use", "using", "with", "taking", "grab"})
_SO = phrase_set(["[let me|us] know", "tell|show me|us", "report back"])
_WHAT_IS_IT = phrase_set(
    lines("""
    what|what's|whats [is] it|that
    what|what's|whats [is] the result|answer|total|outcome
    what do|will|would i|you|we get|have
    what does that|it make|give|come to
    """)
)
_SHOWN = word_set("tell give show print return display output report say present state")
_FRONTED = {
    "from": {"subtract": "-", "take": "-", "deduct": "-", "remove": "-"},
    "to": {"add": "+"},
}
_PERCENT_OF = phrase_set(["what|which percent|percentage|% of", "what share|proportion|fraction of"])
_PERCENT_IS = phrase_set(["what|which percent|percentage is|are"])
_GOES_INTO = phrase_set(["how many times does|do|can|will", "how often does|do|can"])


def read_turn(r: Reading) -> bool:
    """Take a clause that only leads to a calculation, or asks for one in a roundabout way."""
    readers = (_read_shown_result, _read_start, _read_topic, _read_figures, _read_fronted)
    return any(read(r) for read in readers)


def _read_shown_result(r: Reading) -> bool:
    """Take `and tell me the result`: it is shown anyway, and last if another step stands between."""
    start = r.at
    if r.phrase(_SO) and r.over() and len(r.draft) > 0:
        return True
    r.at = start
    if bool(r.draft.values) and r.phrase(_WHAT_IS_IT) and r.over():
        return _show_last(r)
    r.at = start
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
    return _show_last(r)


def _show_last(r: Reading) -> bool:
    """Make the last result what the plan ends with; calculated anew if other steps stand behind it."""
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
        if r.phrase(LAST_RESULT) and r.at < r.end:
            said = r.text(start + 1, r.at)
            if r.over():
                before(r, said)
                return True
            if r.accept("to") and deed_at(r):
                before(r, said)
                r.draft.calculate(read_deed(r).text)
                return True
    r.at = start
    return False


def _read_fronted(r: Reading) -> bool:
    """Take `from that subtract 5`, `to the result add 3`: the deed stands behind what it is done to."""
    start = r.at
    deeds = _FRONTED.get(r.accept("from", "to"))
    if deeds is None or not (amount_at(r.words, r.at) or r.sees(LAST_RESULT) is not None):
        r.at = start
        return False
    whole = expression(r)
    r.accept(",")
    sign = deeds.get(r.key())
    if sign is None:
        raise r.refuse()
    r.at += 1
    r.draft.calculate(combined(whole, sign, expression(r)).text)
    return True


def _read_figures(r: Reading) -> bool:
    """Take `the sum and the product of 3 and 4`: several figures of one list."""
    start, kinds = r.at, list[str]()
    while r.phrase(ASK):
        pass
    while True:
        r.accept("the", "both")
        kind = r.phrase(AGGREGATES)
        if kind is None or not (r.key() in ("and", ",", "&") or r.sees(AGGREGATE_LINKS) is not None):
            r.at = start
            return False
        kinds.append(kind)
        if r.phrase(AGGREGATE_LINKS):
            break
        r.accept(",")
        r.accept("and", "&")
    if len(kinds) < 2:
        r.at = start
        return False
    items = read_list(r, expression)
    if (len(items) != 2 and {"difference", "quotient"} & {*kinds}) or len(items) < 2:
        raise r.refuse(": it needs two numbers.")
    for kind in kinds:
        r.draft.calculate(figure(kind, items, between=False).text)
    return True


def read_share_asked(r: Reading) -> Term | None:
    """Take `what percent of 50 is 10`, `what percentage is 15 of 60`, `20 is what percent of 80`."""
    start = r.at
    if r.phrase(_PERCENT_IS):
        part = operand(r)
        if not r.accept("of"):
            raise r.refuse()
        return combined(combined(part, "/", expression(r)), "*", Term("100"))
    number = read_number(r.words, r.at)
    if number is not None and r.words.key(number.after) in ("is", "are"):
        part = operand(r)
        r.at += 1
        if r.phrase(_PERCENT_OF):
            return combined(combined(part, "/", expression(r)), "*", Term("100"))
        r.at = start
    if not r.phrase(_PERCENT_OF):
        return None
    whole = expression(r)
    if not r.accept("is", "are"):
        raise r.refuse()
    return combined(combined(expression(r), "/", whole), "*", Term("100"))


def read_goes_into(r: Reading) -> Term | None:
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
