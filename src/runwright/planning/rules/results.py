"""Words that mean a result said before: `it`, `the first result`, `step 2`, `both`."""

from __future__ import annotations

from runwright.core.errors import NotUnderstood
from runwright.planning.rules.lexicon_ask import ALL_RESULTS, FIGURES, LAST_RESULT
from runwright.planning.rules.lexicon_nouns import ORDINALS
from runwright.planning.rules.phrases import word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.terms import Term

_STEPS = frozenset({"step", "calculation", "result", "answer", "output", "operation", "question", "task"})
_AFTER_PLAIN = word_set("by to from and with plus minus times divided multiplied , + - * / one")


def read_numbered_result(r: Reading) -> str | None:
    """Take words that mean one of several results, `the first result`, `step 2`, if they stand here."""
    index = _named_step(r)
    if index is None:
        index = _nth(r)
    return None if index is None else r.draft.value(index).text


def read_result(r: Reading) -> str:
    """Take words that mean one result and return how an expression writes it."""
    start = r.at
    numbered = read_numbered_result(r)
    if numbered is not None:
        return numbered
    if r.phrase(LAST_RESULT) is None:
        raise r.refuse()
    if r.draft.values:
        return r.draft.value().text
    raise nothing_before(r, r.text(start, r.at))


def read_group(r: Reading) -> list[str] | None:
    """Take words that mean several results (`both`, `them`) and return how an expression writes each."""
    start = r.at
    size = r.phrase(ALL_RESULTS)
    if size is None:
        return None
    indices = r.draft.group(size)
    if indices is not None:
        return [r.draft.value(index).text for index in indices]
    said = r.text(start, r.at)
    if not r.draft.values:
        raise nothing_before(r, said)
    raise r.refuse(
        f': "{said}" could mean more than one set of results here.',
        hint="Say which: the result of step 1, the first result.",
    )


def nothing_before(r: Reading, said: str) -> NotUnderstood:
    """Return the refusal of a word that has nothing to refer to."""
    return r.refuse(
        f': "{said}" has nothing to refer to.' if said else ": there is no result before it to go on from.",
        hint="Begin with a calculation in the same prompt, such as: calculate 6 * 7, then divide it by 2.",
    )


def _named_step(r: Reading) -> int | None:
    """Take `step 2`, `the result of step 2`, `the answer of the first calculation`, `result 1`."""
    start = r.at
    r.accept("the")
    if r.key() in FIGURES and r.key(1) in ("of", "from", "in"):
        r.at += 2
        r.accept("the")
    named = r.key() in _STEPS
    if named and r.word(1).kind == "number" and r.key(1).isdecimal() and len(r.key(1)) < 5:
        number, after = int(r.key(1)), r.at + 2
    elif r.at > start + 1 and r.key() in ORDINALS and (r.key(1) in _STEPS or r.key(1) in ("one", "sum")):
        number, after = ORDINALS[r.key()], r.at + 2
    else:
        r.at = start
        return None
    r.at = after
    if r.key() == "'" and r.key(1) == "s":
        r.at += 2
    if r.key() in FIGURES and not named:
        r.at += 1
    found = r.draft.values_of_clause(number)
    if not found and r.draft.values and number <= len(r.draft.values):
        found = [number - 1]
    if len(found) != 1:
        raise nothing_before(r, r.text(start, r.at))
    return found[0]


def _nth(r: Reading) -> int | None:
    """Take `the first result`, `the second number`, and `the first` where the words around it allow."""
    start = r.at
    r.accept("the")
    place = ORDINALS.get(r.key()) or (
        int(r.key()[:-2]) if r.word().kind == "ordinal" and len(r.key()) < 5 else None
    )
    last = r.key() in ("former", "latter")
    if place is None and not last:
        r.at = start
        return None
    if last:
        place = (1 if r.key() == "former" else 2) if len(r.draft.values) == 2 else 99
    r.at += 1
    if not (r.key() in FIGURES or r.key() == "one" or last):
        if not (r.over() or r.key() in _AFTER_PLAIN):
            r.at = start
            return None
    elif not last:
        r.at += 1
    assert place is not None
    if place > len(r.draft.values):
        raise nothing_before(r, r.text(start, r.at))
    return place - 1


def before(r: Reading, said: str = "") -> Term:
    """Return the result before, for a deed that names nothing to start from, or only by `said`."""
    if not r.draft.values:
        raise nothing_before(r, said)
    return Term(r.draft.value().text)
