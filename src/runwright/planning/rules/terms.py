"""Pieces of an expression and how they are put together so that each keeps its own value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from runwright.planning.rules.lexicon_math import (
    ATOM,
    POWER,
    PRODUCT,
    SHARE,
    SIGN,
    SIGNS,
    SUM,
    Operator,
    Shape,
)


class Term(NamedTuple):
    """A piece of an expression and how tightly it holds together.

    lone      a number or a result as it stands, so nothing has been asked for yet
    percent   it ends in a percent sign, which takes its share of what stands before it
    joined    number words with an `and` inside
    row       operands in a row without parentheses: joined by `signs`, or also by `words`
    """

    text: str
    rank: int = ATOM
    lone: bool = False
    percent: bool = False
    joined: bool = False
    row: Literal["", "signs", "words"] = ""

    def within(self, rank: int) -> str:
        """Return the text, in parentheses unless it holds together at least that tightly."""
        return self.text if self.rank >= rank else f"({self.text})"

    def settled(self) -> Term:
        """Return the same value without a percent sign at its end, where it has nothing before it."""
        if not self.percent:
            return self
        if self.rank == SHARE:
            return Term(f"({self.text})")
        # A power binds tighter than the sign before it.
        minus = self.rank == SIGN and self.text.startswith("-")
        return Term(f"-({self.text[1:-1]} / 100)", SIGN) if minus else Term(f"({self.text[:-1]} / 100)")


def shaped(shape: Shape, term: Term) -> Term:
    """Return a term wrapped in a phrase such as `half of`."""
    return Term(shape.pattern.replace("{}", term.settled().within(shape.needs)), shape.rank)


def combined(left: Term, sign: str, right: Term) -> Term:
    """Return two terms joined by a sign, each as a whole."""
    rank, share = SIGNS[sign].rank, left.percent and left.rank > SHARE
    left = left.settled()
    if right.percent and rank == SUM and not share:
        return Term(f"{left.within(PRODUCT)} {sign} {right.within(SUM)}", SHARE, percent=right.rank > SHARE)
    right = right.settled()
    if rank == POWER:
        return Term(f"{left.within(ATOM)} ** {right.within(SIGN)}", POWER)
    # Only a row of plus signs means the same without parentheses.
    tight = rank if sign == "+" else rank + 1
    return Term(f"{left.within(rank)} {sign} {right.within(tight)}", rank)


def figure(kind: str, items: Sequence[Term], *, between: bool = False) -> Term:
    """Return a figure of several numbers, such as their average."""
    if kind == "sum":
        whole = items[0]
        for item in items[1:]:
            whole = combined(whole, "+", item)
        return whole
    settled = [item.settled() for item in items]
    if kind == "average":
        return Term(f"({' + '.join(item.within(SUM) for item in settled)}) / {len(settled)}", PRODUCT)
    if kind == "product":
        return Term(
            " * ".join(item.within(SIGN if at else PRODUCT) for at, item in enumerate(settled)), PRODUCT
        )
    if kind in ("quotient", "difference"):
        whole = combined(settled[0], "/" if kind == "quotient" else "-", settled[1])
        return Term(f"abs({whole.text})") if between and kind == "difference" else whole
    return Term(f"{kind}({', '.join(item.text for item in settled)})")


class Row:
    """Operands and signs in the order in which they were said; precedence is left to the calculator."""

    def __init__(self) -> None:
        self.sign = ""
        self.rank = ATOM
        self.spoken = False
        self._parts: list[str] = []

    def lead(self, term: Term, operator: Operator) -> None:
        """Add an operand that an operator follows."""
        if term.percent and operator.rank == SUM and (self._parts or term.rank > SHARE):
            self._parts.append(term.text)
        else:
            term = term.settled()
            bound = operator.rank == POWER and term.rank != SIGN
            self._parts.append(term.within(ATOM if bound else SIGN))
        self._parts.append(f" {operator.sign} ")
        self.sign = operator.sign
        self.rank = min(self.rank, operator.rank, SIGN if term.rank == SIGN else ATOM)

    def ended(self, term: Term) -> Term:
        """Return the row with its last operand."""
        if not self._parts:
            return term
        text = "".join(self._parts) + term.within(SIGN)
        rank = SHARE if term.percent else self.rank
        return Term(text, rank, percent=term.percent, row="words" if self.spoken else "signs")
