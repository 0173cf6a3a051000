"""What a `%` means in the calculator, which depends on what follows it.

- nothing, an operator, `)`, `,` or `of`: percent (`20%`, `50 + 10%`, `20% of 50`);
- a number, a constant, a function, `(` or √: remainder (`10 % 3`);
- a sign: remainder where the % stands apart from the number before it and the sign touches the number behind
  it (`10 % -3`), percent where both are the other way round (`10% - 3`). A mixture such as `10%-3` could be
  either and is refused, unless only percent makes sense: before a plus and before a percentage (`10%-5%`).

`a + b%` and `a - b%` change a by b percent of a. Only a percentage that stands alone does so, not one in
parentheses or in a product; and percentages among themselves just add: `10% + 5%` is 0.15.
"""

from __future__ import annotations

from runwright.tools.calculator_number import NoResult, Number, add, divide, multiply, subtract
from runwright.tools.calculator_tokens import Token

_SIGNS = ("+", "-")


def begins_value(token: Token) -> bool:
    """Returns whether a value (without a sign) can begin with the token."""
    return token.kind in ("number", "constant", "function") or token.text in ("(", "√")


def is_percent_sign(tokens: list[Token], index: int) -> bool:
    """Returns whether the % at the index is a percent sign and not a remainder."""
    # Behind the end there is nothing but the end.
    sign, behind, after, beyond = [*tokens[index + 1 : index + 5], *tokens[-1:] * 4][:4]
    if sign.text not in _SIGNS:
        return not begins_value(sign)
    if not begins_value(behind) and behind.text not in _SIGNS:
        return True
    detached, glued = not tokens[index].touches, behind.touches
    if detached == glued:
        return not detached
    if sign.text == "+" or (behind.kind == "number" and after.text == "%" and not begins_value(beyond)):
        return True
    raise NoResult("blanks must tell percent, as in 10% - 3, from remainder, as in 10 % -3")


def percent(value: Number) -> Number:
    """Returns a hundredth of the value."""
    return divide(value, 100)


def raise_by(value: Number, share: Number) -> Number:
    """Returns the value and its share on top, as a pocket calculator's + … % does."""
    return multiply(value, add(1, share))


def lower_by(value: Number, share: Number) -> Number:
    """Returns the value without its share, as a pocket calculator's - … % does."""
    return multiply(value, subtract(1, share))
