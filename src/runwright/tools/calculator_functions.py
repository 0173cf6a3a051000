"""The words that the calculator knows, and the series behind sine and arc tangent.

`FUNCTIONS` and `CONSTANTS` are the whole vocabulary: nothing outside these two tables can be called or named.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from runwright.tools.calculator_number import (
    CONTEXT,
    DIGITS_KEPT,
    TEN_EXPONENT_MAX,
    TOO_LARGE,
    TOO_MANY_DIGITS,
    TOO_SMALL,
    NoResult,
    Number,
    absolute,
    add,
    approximate,
    decimal_of,
    divide,
    exact,
    integral,
    multiply,
    negate,
    power,
    subtract,
)

FACTORIAL_MAX = 1_558
ROUND_PLACES_MAX = 1_000
ANGLE_DIGITS_MAX = 30

# 120 digits: an angle of 30 digits still leaves more than the digits that are worked with.
_PI_LONG = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494"
    "4592307816406286208998628034825342117067982148086513282306647"
)
_PI = CONTEXT.plus(_PI_LONG)
_TAU = CONTEXT.multiply(_PI_LONG, Decimal(2))
_E = CONTEXT.exp(Decimal(1))
_NEAR_ONE = Decimal("1e-27")


class Function(NamedTuple):
    """What a function word does, and how many values it takes (`most` None: any number)."""

    compute: Callable[..., Number]
    fewest: int
    most: int | None


def square_root(value: Number) -> Number:
    """Returns the square root of a number that is not negative."""
    if value < 0:
        raise NoResult("the square root of a negative number has no real result")
    return power(value, Fraction(1, 2))


def cube_root(value: Number) -> Number:
    """Returns the real cube root, negative for a negative number."""
    root = power(absolute(value), Fraction(1, 3))
    return negate(root) if value < 0 else root


def factorial(value: Number) -> Number:
    """Returns the product of all whole numbers from 1 to the value."""
    if not isinstance(value, int) or value < 0:
        raise NoResult("a factorial needs a whole number that is not negative")
    if value > FACTORIAL_MAX:
        raise NoResult(TOO_MANY_DIGITS)
    return math.factorial(value)


def round_half_away(value: Number, places: Number = 0) -> Number:
    """Returns the value rounded to decimal places, halves away from zero."""
    if not isinstance(places, int) or abs(places) > ROUND_PLACES_MAX:
        raise NoResult(
            f"round needs a whole number of places from -{ROUND_PLACES_MAX:,} to {ROUND_PLACES_MAX:,}"
        )
    if isinstance(value, Decimal):
        if value.adjusted() + places >= DIGITS_KEPT:
            return value
        with localcontext(prec=DIGITS_KEPT):
            kept = (+value).scaleb(places)
        return exact(Fraction(kept.to_integral_value(ROUND_HALF_UP).scaleb(-places)))
    scale = Fraction(10) ** places
    size = -value if value < 0 else value
    units = math.floor(size * scale + Fraction(1, 2))
    return exact((-units if value < 0 else units) / scale)


def floor(value: Number) -> Number:
    """Returns the largest whole number that is not above the value."""
    return integral(value, math.floor)


def ceiling(value: Number) -> Number:
    """Returns the smallest whole number that is not below the value."""
    return integral(value, math.ceil)


def truncate(value: Number) -> Number:
    """Returns the value without what stands behind its point."""
    return integral(value, math.trunc)


def smallest(*values: Number) -> Number:
    """Returns the smallest of the values."""
    return min(values, key=_sort_key(values))


def largest(*values: Number) -> Number:
    """Returns the largest of the values."""
    return max(values, key=_sort_key(values))


def _sort_key(values: tuple[Number, ...]) -> Callable[[Number], Number]:
    """Returns what to compare the values by: fractions and decimals do not compare with each other."""
    if any(isinstance(value, Decimal) for value in values):
        return decimal_of
    return lambda value: value


def total(*values: Number) -> Number:
    """Returns the sum of the values."""
    result: Number = 0
    for value in values:
        result = add(result, value)
    return result


def average(*values: Number) -> Number:
    """Returns the arithmetic mean of the values."""
    return divide(total(*values), len(values))


def exponential(value: Number) -> Number:
    """Returns e ** value."""
    exponent = decimal_of(value)
    if abs(exponent) > 2 * TEN_EXPONENT_MAX:
        raise NoResult(TOO_LARGE if exponent > 0 else TOO_SMALL)
    return approximate(exponent.exp())


def natural_logarithm(value: Number) -> Number:
    """Returns the logarithm to base e."""
    if value <= 0:
        raise NoResult(f"the logarithm of {'zero' if value == 0 else 'a negative number'} is undefined")
    above_one = decimal_of(subtract(value, 1))
    if abs(above_one) < _NEAR_ONE:
        # ln(1 + t), where 1 + t itself would no longer show all digits of t.
        return approximate(above_one - above_one**2 / 2 + above_one**3 / 3)
    return approximate(decimal_of(value).ln())


def logarithm(value: Number, base: Number = 10) -> Number:
    """Returns the logarithm to a base, 10 if none is given."""
    if base <= 0 or base == 1:
        raise NoResult("the base of a logarithm must be positive and not 1")
    return divide(natural_logarithm(value), natural_logarithm(base))


def logarithm_two(value: Number) -> Number:
    """Returns the logarithm to base 2."""
    return logarithm(value, 2)


def sine(angle: Number) -> Number:
    """Returns the sine of an angle in radians."""
    return angle if _is_tiny(angle) else _sine_after(angle, 0)


def cosine(angle: Number) -> Number:
    """Returns the cosine of an angle in radians."""
    return 1 if _is_tiny(angle) else _sine_after(angle, 1)


def tangent(angle: Number) -> Number:
    """Returns the tangent of an angle in radians."""
    below = cosine(angle)
    if not below:
        raise NoResult("the tangent of this angle is undefined")
    return divide(sine(angle), below)


def _is_tiny(value: Number) -> bool:
    """Returns whether the value is so near to zero that its sine and tangent are the value itself."""
    return not value or decimal_of(value).adjusted() < -DIGITS_KEPT


def _sine_after(angle: Number, quarter_turns: int) -> Number:
    """Returns the sine of the angle plus quarter turns; a value lost in the angle's own noise is zero."""
    if absolute(angle) >= 10**ANGLE_DIGITS_MAX:
        raise NoResult(f"the angle has more than {ANGLE_DIGITS_MAX} digits before its point")
    with localcontext(prec=CONTEXT.prec + ANGLE_DIGITS_MAX):
        size = decimal_of(angle)
        quarter = _PI_LONG / 2
        turns = (size / quarter).to_integral_value(ROUND_HALF_EVEN)
        rest = size - turns * quarter
    quadrant = (int(turns) + quarter_turns) % 4
    value = _series(-rest * rest, Decimal(1), 0) if quadrant % 2 else _series(-rest * rest, rest, 1)
    if value.adjusted() < size.adjusted() - DIGITS_KEPT:
        return 0
    return approximate(-value if quadrant >= 2 else value)


def _series(square: Decimal, first: Decimal, order: int) -> Decimal:
    """Returns first × (1 + square/((order+1)(order+2)) + …): the cosine for order 0, the sine for order 1."""
    value = term = first
    while True:
        term = term * square / ((order + 1) * (order + 2))
        order += 2
        if value + term == value:
            return value
        value += term


def arc_tangent(value: Number) -> Number:
    """Returns the angle in radians whose tangent is the value."""
    if _is_tiny(value):
        return value
    size = decimal_of(value)
    if abs(size) > 1:
        quarter = _PI / 2 if size > 0 else -_PI / 2
        return approximate(quarter - decimal_of(arc_tangent(divide(1, value))))
    for _ in range(3):
        size = size / (1 + (1 + size * size).sqrt())
    angle, order, factor = size, 1, size
    while True:
        order, factor = order + 2, -factor * size * size
        if angle + factor / order == angle:
            return approximate(angle * 8)
        angle += factor / order


def arc_sine(value: Number) -> Number:
    """Returns the angle in radians whose sine is the value."""
    if absolute(value) > 1:
        raise NoResult("only numbers from -1 to 1 are the sine or cosine of an angle")
    if absolute(value) == 1:
        return _PI / 2 * int(value)
    return arc_tangent(divide(value, square_root(subtract(1, multiply(value, value)))))


def arc_cosine(value: Number) -> Number:
    """Returns the angle in radians whose cosine is the value."""
    return subtract(_PI / 2, arc_sine(value))


CONSTANTS: dict[str, Number] = {"pi": _PI, "π": _PI, "e": _E, "tau": _TAU, "τ": _TAU}

FUNCTIONS: dict[str, Function] = {
    "sqrt": Function(square_root, 1, 1),
    "cbrt": Function(cube_root, 1, 1),
    "abs": Function(absolute, 1, 1),
    "round": Function(round_half_away, 1, 2),
    "floor": Function(floor, 1, 1),
    "ceil": Function(ceiling, 1, 1),
    "trunc": Function(truncate, 1, 1),
    "min": Function(smallest, 1, None),
    "max": Function(largest, 1, None),
    "sum": Function(total, 1, None),
    "avg": Function(average, 1, None),
    "sin": Function(sine, 1, 1),
    "cos": Function(cosine, 1, 1),
    "tan": Function(tangent, 1, 1),
    "asin": Function(arc_sine, 1, 1),
    "acos": Function(arc_cosine, 1, 1),
    "atan": Function(arc_tangent, 1, 1),
    "log": Function(logarithm, 1, 2),
    "log2": Function(logarithm_two, 1, 1),
    "log10": Function(logarithm, 1, 1),
    "ln": Function(natural_logarithm, 1, 1),
    "exp": Function(exponential, 1, 1),
    "factorial": Function(factorial, 1, 1),
}
