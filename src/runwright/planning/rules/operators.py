"""What stands between two operands, in signs or in words."""

from __future__ import annotations

from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.lexicon_math import CONSTANTS, PRODUCT, SIGNS, SPOKEN, Operator
from runwright.planning.rules.lexicon_nouns import ORDINALS
from runwright.planning.rules.reading import Reading

# `2(3 + 4)`: nothing is written between the two factors.
TOUCHING = Operator("*", PRODUCT)


def read_operator(r: Reading, spoken: bool) -> Operator | None:
    """Take an operator if an operand follows it."""
    start = r.at
    if r.key() == "%" and not _operand_at(r, 1):
        return None
    if r.key() == "(" and r.words.glued(r.at) and (r.key(-1) == ")" or r.words[r.at - 1].kind == "number"):
        return TOUCHING
    sign = SIGNS.get(r.key()) if r.at not in r.words.layout else None
    if sign is not None:
        r.at += 1
    elif spoken:
        sign = _nth_power(r) or (None if r.key() == "x" and not _between(r) else r.phrase(SPOKEN))
    if sign is not None and not _operand_at(r, 0):
        r.at, sign = start, None
    return sign


def _between(r: Reading) -> bool:
    """Say whether an `x` is a times sign, and not a name: in `5 x 3` and `5x3`, not in `3x + 2`."""
    return r.words.glued(r.at) == r.words.glued(r.at + 1) and r.key(1) not in ("+", "-", "minus", "plus")


def _nth_power(r: Reading) -> Operator | None:
    """Take `to the` in `to the 10th power`, `raised to the third`; the operand is the ordinal behind it."""
    start = r.at
    raised = r.accept("raised")
    if r.accept("to") and r.accept("the") and ordinal(r) is not None:
        alone = not r.draft.values and r.words[r.at + 1].kind in ("end", "mark", "line")
        if raised or r.key(1) == "power" or alone:
            return SIGNS["**"]
    r.at = start
    return None


def ordinal(r: Reading) -> int | None:
    if r.key() in ORDINALS:
        return ORDINALS[r.key()]
    return int(r.key()[:-2]) if r.word().kind == "ordinal" and len(r.key()) < 6 else None


def _operand_at(r: Reading, ahead: int) -> bool:
    at = r.at + ahead
    if at >= r.end:
        return False
    key = r.words.key(at)
    said = key in ("it", "that", "this", "result", "answer", "the", "step", "ans") or key in CONSTANTS
    return said or amount_at(r.words, at) or ordinal(r) is not None or key in ("-", "+")


def divides(r: Reading) -> bool:
    """Say whether a `%` stands between two operands, where it is the remainder."""
    behind = r.key(1)
    if behind not in ("+", "-"):
        spoken = behind in ("of", "off", "minus", "plus", "negative")
        return not spoken and amount_at(r.words, r.at + 1) and r.at + 1 < r.end
    # The calculator's own rule: `10 % -3` is a remainder, `10% - 3` is not, and others are refused.
    detached, glued = r.word().spaced, r.words.glued(r.at + 2)
    if detached == glued:
        return detached
    if behind == "+" or (r.word(2).kind == "number" and r.key(3) == "%"):
        return False
    raise r.refuse(": blanks must tell percent, as in 10% - 3, from remainder, as in 10 % -3.")
