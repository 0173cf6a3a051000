"""Lists of numbers: `4, 5 and 6`, `both`, and the figures made of them, such as `the average of`."""

from __future__ import annotations

from collections.abc import Callable

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.lexicon_ask import LAST_RESULT
from runwright.planning.rules.lexicon_math import AGGREGATES, EACH
from runwright.planning.rules.numbers import read_number
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import read_group
from runwright.planning.rules.terms import Term, figure, shaped

ITEMS_MAX = 1_000
# Reads one item; the flag says whether spoken operators belong to it.
ReadItem = Callable[[Reading, bool], Term]


def read_list(r: Reading, read_item: ReadItem) -> list[Term]:
    """Take the items of a list.

    The items behind the first end before spoken operators: `the sum of 3 and 4 times 2` doubles the sum.
    """
    group = read_group(r)
    if group is not None:
        return [Term(text, lone=True) for text in group]
    each = r.phrase(EACH)
    if each is not None:
        return [shaped(each, item) for item in _read_items(r, read_item)]
    return _read_items(r, read_item)


def _read_items(r: Reading, read_item: ReadItem) -> list[Term]:
    start = r.at
    items = [read_item(r, True)]
    commas = ended = False
    while not ended:
        behind = _next_item(r, commas, len(items))
        if behind is None:
            break
        commas = commas or r.key() == ","
        ended = commas and r.words.key(behind - 1) in ("and", "&")
        r.at = behind
        items.append(read_item(r, False))
        if len(items) > ITEMS_MAX:
            raise r.refuse(f": I take at most {ITEMS_MAX:,} numbers in one list.")
    if len(items) == 1 and items[0].joined and r.key() not in ("to", "from", "by", "with"):
        return _parted(r, start) or items
    return items


def _next_item(r: Reading, commas: bool, count: int) -> int | None:
    """Return where the next item begins, if the list goes on."""
    at = r.at
    if at >= r.end:
        return None
    if r.words.key(at) == "," and (commas or count == 1):
        at += 1 + (r.words.key(at + 1) in ("and", "&"))
    elif r.words.key(at) in ("and", "&"):
        at += 1
    else:
        return None
    if LAST_RESULT.ends(r.words, at, r.end) is not None:
        return at
    if not amount_at(r.words, at):
        return None
    # "the sum of 1 and 2 and the product of 3 and 4" asks for two figures.
    named = at + (r.words.key(at) == "the")
    return None if count > 1 and not commas and AGGREGATES.ends(r.words, named) is not None else at


def _parted(r: Reading, start: int) -> list[Term] | None:
    """Return `one hundred and five` as two numbers, where two are needed."""
    first = read_number(r.words, start, joins=False)
    if first is None or r.words.key(first.after) != "and":
        return None
    second = read_number(r.words, first.after + 1, joins=False)
    if second is None or second.after != r.at:
        return None
    return [Term(first.text, lone=True), Term(second.text, lone=True)]


def read_figure(r: Reading, kind: str, read_item: ReadItem) -> Term:
    """Take the list behind a name such as `the product of` and return the figure."""
    between = r.key(-1) == "between"
    items = read_list(r, read_item)
    if len(items) == 1 and kind == "quotient" and r.accept("to"):
        items.append(read_item(r, False))
    if len(items) == 1 and (kind != "sum" or items[0].lone):
        raise r.refuse(": it needs two numbers or more.")
    if kind in ("difference", "quotient") and len(items) != 2:
        raise r.refuse(": it needs exactly two numbers.")
    return figure(kind, items, between=between)
