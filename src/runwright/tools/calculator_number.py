"""Numbers that stay exact where they can, and stay small where they cannot.

A number is an `int`, a `Fraction` as long as it is of moderate size, or else a `Decimal` that stands for a
value known to `DIGITS_KEPT` significant digits. Whatever turns out whole becomes an `int` again, so that
(1/3)*3 is 1 and sqrt(2)**2 is 2. Every operand is bounded, so sums and products are bounded too; a power is
measured before it is computed. All of it runs under the decimal context `CONTEXT`, which the caller sets.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow
from fractions import Fraction
from typing import TypeAlias

RESULT_DIGITS_MAX = 4_300
FRACTION_BITS_MAX = 4_000
EXPONENT_MAX = 10**15
TEN_EXPONENT_MAX = 999_999
DIGITS_KEPT = 50
DIGITS_GUARD = 30
DIGITS_SHOWN = 15
WHOLE_DIGITS_MAX = 40
NEWTON_STEPS_MAX = 8
LEADING_BITS = 512

CONTEXT = Context(
    prec=DIGITS_KEPT + DIGITS_GUARD,
    Emax=TEN_EXPONENT_MAX,
    Emin=-TEN_EXPONENT_MAX,
    traps=[DivisionByZero, InvalidOperation, Overflow, Underflow],
)
_KEPT = Context(prec=DIGITS_KEPT, Emax=TEN_EXPONENT_MAX, Emin=-TEN_EXPONENT_MAX)
_SHOWN = Context(prec=DIGITS_SHOWN, rounding=ROUND_HALF_UP, Emax=TEN_EXPONENT_MAX, Emin=-TEN_EXPONENT_MAX)
_WHOLE_LIMIT = 10**RESULT_DIGITS_MAX
_WHOLE_BITS_MAX = _WHOLE_LIMIT.bit_length()

TOO_MANY_DIGITS = f"the number has more than {RESULT_DIGITS_MAX:,} digits"
TOO_LARGE = "the number is too large"
TOO_SMALL = "the number is not zero but too close to zero"

Number: TypeAlias = int | Fraction | Decimal


class NoResult(Exception):
    """The operation has no result that is a real number of bearable size."""


def whole(value: int) -> int:
    """Returns the integer itself, unless it has too many digits."""
    if abs(value) >= _WHOLE_LIMIT:
        raise NoResult(TOO_MANY_DIGITS)
    return value


def exact(value: int | Fraction) -> Number:
    """Returns the rational number itself, or its decimal approximation when it has grown too long."""
    if value.denominator == 1:
        return whole(value.numerator)
    if (
        value.denominator.bit_length() <= FRACTION_BITS_MAX
        and value.numerator.bit_length() <= _WHOLE_BITS_MAX
    ):
        return value
    return approximate(decimal_of(value))


def approximate(value: Decimal) -> Number:
    """Returns a whole number where all digits worth keeping say that it is one, else the value itself."""
    if value.is_zero():
        return 0
    # From 40 digits on, too few digits behind the point are left to tell a whole number by.
    if value.adjusted() < WHOLE_DIGITS_MAX:
        kept = _KEPT.plus(value)
        if kept == kept.to_integral_value():
            return int(kept)
    return value


def decimal_of(value: Number) -> Decimal:
    """Returns the number rounded to the digits of the current decimal context."""
    if isinstance(value, Fraction):
        return decimal_of(value.numerator) / decimal_of(value.denominator)
    if isinstance(value, int) and (excess_bits := value.bit_length() - LEADING_BITS) > 0:
        # Thousands of digits take long to convert; those that would be rounded away are dropped before.
        return Decimal(value >> excess_bits) * Decimal(2) ** excess_bits
    return +Decimal(value)


def literal(digits: str, ten_exponent: int) -> Number:
    """Returns digits × 10**ten_exponent: exact, unless it is longer than a fraction may be."""
    mantissa = int(digits)
    if mantissa == 0:
        return 0
    if ten_exponent > RESULT_DIGITS_MAX:
        raise NoResult(TOO_MANY_DIGITS)
    if ten_exponent < -TEN_EXPONENT_MAX:
        raise NoResult(TOO_SMALL)
    if ten_exponent >= 0:
        return whole(mantissa * 10**ten_exponent)
    if -ten_exponent <= FRACTION_BITS_MAX:
        return exact(Fraction(mantissa, 10**-ten_exponent))
    return approximate(decimal_of(mantissa).scaleb(ten_exponent))


def add(left: Number, right: Number) -> Number:
    """Returns the sum; what is left after decimals cancel down to rounding noise is zero."""
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        return exact(left + right)
    if not left or not right:
        return left or right
    terms = decimal_of(left), decimal_of(right)
    total = terms[0] + terms[1]
    if total.adjusted() < max(term.adjusted() for term in terms) - DIGITS_KEPT:
        return 0
    return approximate(total)


def negate(value: Number) -> Number:
    """Returns the number with the other sign."""
    return -value


def absolute(value: Number) -> Number:
    """Returns the number without its sign."""
    return negate(value) if value < 0 else value


def subtract(left: Number, right: Number) -> Number:
    """Returns the difference."""
    return add(left, negate(right))


def multiply(left: Number, right: Number) -> Number:
    """Returns the product."""
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        return exact(left * right)
    return approximate(decimal_of(left) * decimal_of(right))


def divide(left: Number, right: Number) -> Number:
    """Returns the quotient."""
    if not right:
        raise NoResult("division by zero")
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        return exact(Fraction(left, right))
    return approximate(decimal_of(left) / decimal_of(right))


def integral(value: Number, rounding: Callable[[Number], int]) -> int:
    """Returns the whole number that `rounding` (`math.floor` and its like) finds for the value."""
    if isinstance(value, Decimal):
        if value.adjusted() >= DIGITS_KEPT:
            raise NoResult("the number is too large to tell its whole part")
        value = _KEPT.plus(value)
    return whole(rounding(value))


def floor_divide(left: Number, right: Number) -> Number:
    """Returns the quotient rounded towards minus infinity."""
    if isinstance(left, Decimal) or isinstance(right, Decimal) or not right:
        return integral(divide(left, right), math.floor)
    return whole(left // right)


def remainder(left: Number, right: Number) -> Number:
    """Returns what the floor of the division leaves; it has the sign of the divisor."""
    if isinstance(left, Decimal) or isinstance(right, Decimal) or not right:
        return subtract(left, multiply(right, floor_divide(left, right)))
    return exact(left % right)


def power(base: Number, exponent: Number) -> Number:
    """Returns base ** exponent; anything to the power zero is 1."""
    if exponent == 0:
        return 1
    if base == 0:
        if exponent < 0:
            raise NoResult("zero cannot have a negative exponent, that would divide by zero")
        return 0
    if isinstance(exponent, int):
        return _whole_power(base, exponent)
    if base < 0:
        raise NoResult("a negative number has no real result with an exponent that is not whole")
    if isinstance(exponent, Fraction) and not isinstance(base, Decimal):
        root = _exact_root(Fraction(base), exponent.denominator)
        if root is not None:
            return _whole_power(root, exponent.numerator)
    return _decimal_power(base, exponent)


def _whole_power(base: Number, exponent: int) -> Number:
    """Returns the power for a whole exponent, measured before it is computed."""
    if base in (1, -1):
        return 1 if base == 1 or exponent % 2 == 0 else -1
    if isinstance(base, Decimal):
        return _decimal_power(base, exponent)
    if base.denominator == 1 and exponent > 0:
        if exponent * (base.numerator.bit_length() - 1) > _WHOLE_BITS_MAX:
            raise NoResult(TOO_MANY_DIGITS)
        return whole(base.numerator**exponent)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > FRACTION_BITS_MAX:
        return _decimal_power(base, exponent)
    return exact(Fraction(base) ** exponent)


def _decimal_power(base: Number, exponent: Number) -> Number:
    """Returns the power to the digits worth keeping."""
    if absolute(exponent) > EXPONENT_MAX:
        raise NoResult(f"the exponent is larger than {EXPONENT_MAX:,}")
    return approximate(decimal_of(base) ** decimal_of(exponent))


def _exact_root(value: Fraction, degree: int) -> Number | None:
    """Returns the root of a positive number if it is rational, else None."""
    above = _whole_root(value.numerator, degree)
    if above is None:
        return None
    below = _whole_root(value.denominator, degree)
    return None if below is None else exact(Fraction(above, below))


def _whole_root(value: int, degree: int) -> int | None:
    """Returns the root of a positive integer if it is an integer, else None."""
    if value == 1:
        return 1
    if degree >= value.bit_length():
        return None
    if degree == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    # The decimal root is right in its first 79 digits, and each step doubles them.
    root = int((decimal_of(value) ** (Decimal(1) / degree)).to_integral_value())
    for _ in range(NEWTON_STEPS_MAX):
        better = ((degree - 1) * root + value // root ** (degree - 1)) // degree
        if better == root:
            break
        root = better
    return root if root**degree == value else None


def result(value: Number) -> int | float:
    """Returns the number as people see it: whole, or the float that is exact or right in 15 digits."""
    if isinstance(value, int):
        return value
    rounded = decimal_of(value)
    if abs(rounded) > Decimal(sys.float_info.max):
        raise NoResult("the result is not a whole number and too large to be shown (above 1.8e308)")
    nearest = float(rounded)
    if isinstance(value, Fraction) and Fraction(repr(nearest)) == value:
        return nearest
    # Below this the floats have fewer than 15 digits, and soon none at all.
    if abs(nearest) < sys.float_info.min:
        raise NoResult("the result is not zero but too close to zero to be shown")
    shown = _SHOWN.plus(rounded)
    if shown.adjusted() < DIGITS_SHOWN and shown == shown.to_integral_value():
        return int(shown)
    # The 15 digits of the very largest floats round up to infinity.
    return nearest if math.isinf(float(shown)) else float(shown)
