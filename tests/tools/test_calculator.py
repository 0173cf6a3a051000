"""The calculator gives exact values for what people write, and one clear sentence for everything else."""

from __future__ import annotations

import json
from decimal import Context, Decimal
from pathlib import Path

import pytest

from runwright.core.errors import ToolTerminal
from runwright.tools.calculator import LENGTH_MAX, evaluate
from runwright.tools.calculator_functions import CONSTANTS, FACTORIAL_MAX, FUNCTIONS
from runwright.tools.calculator_number import RESULT_DIGITS_MAX
from runwright.tools.calculator_parse import DEPTH_MAX, NODES_MAX

_TABLE = json.loads((Path(__file__).parent.parent / "data" / "calculator.json").read_text(encoding="utf-8"))
_VALUES = [(expression, value) for group in _TABLE["values"].values() for expression, value in group]
_REFUSED = [(expression, words) for group in _TABLE["refused"].values() for expression, words in group]


def _answer(expression: str) -> float | str:
    """Returns the value of an expression, or the sentence with which it is refused."""
    try:
        return evaluate(expression)
    except ToolTerminal as refused:
        return refused.message


def _sentence(expression: str) -> str:
    """Returns the sentence with which an expression is refused."""
    with pytest.raises(ToolTerminal) as refused:
        evaluate(expression)
    return refused.value.message


def test_value() -> None:
    """An expression has exactly this value, an int where it is whole and a float where it is not."""
    for expression, value in _VALUES:
        result = evaluate(expression)

        assert result == value, expression
        assert type(result) is type(value), expression


def test_refused() -> None:
    """What has no result is refused in one printable line under 500 characters that names the reason."""
    for expression, words in _REFUSED:
        message = _sentence(expression)

        assert words in message, expression
        assert len(message) < 500, expression
        assert message.isprintable(), expression


def test_place_of_an_error() -> None:
    """A refusal names the position of the fault, counted from one, and quotes what stands around it."""
    message = _sentence("1 + " * 40 + "10 / 0 + " + "1 + " * 40 + "1")

    assert message == "division by zero, at character 164 of '… 1 + 1 + 1 + 10 / 0 + 1 + 1 + 1 …'"


@pytest.mark.parametrize("char", ["\x00", "\x7f", "\u200b", "\ud800", "\U000e0001", "\U0010ffff"])
def test_invisible_characters_are_escaped(char: str) -> None:
    """A message full of characters that nobody can see is still short, printable and valid UTF-8."""
    message = _sentence(char * LENGTH_MAX)

    assert len(message) < 500
    assert message.isprintable()
    assert message.encode()


def test_length_limit() -> None:
    """An expression of 500 characters is read, one more is refused by number."""
    fits = "1".rjust(LENGTH_MAX)

    assert evaluate(fits) == 1
    assert _sentence(fits + " ") == "the expression has 501 characters, at most 500 are allowed"


def test_node_limit() -> None:
    """200 numbers and operators are carried out, one more is refused."""
    fits = "-" + "+".join("1" * (NODES_MAX // 2))

    assert evaluate(fits) == NODES_MAX // 2 - 2
    assert "more than 200 numbers and operators" in _sentence("-" + fits)


@pytest.mark.parametrize(
    ("before", "after"), [("(", ")"), ("-", ""), ("√", ""), ("abs(", ")"), ("1**", ""), ("100% of ", "")]
)
def test_depth_limit(before: str, after: str) -> None:
    """Nesting of every kind goes 50 deep, one level more is refused."""
    assert evaluate(before * DEPTH_MAX + "1" + after * DEPTH_MAX) == 1
    assert "more than 50 deep" in _sentence(before * (DEPTH_MAX + 1) + "1" + after * (DEPTH_MAX + 1))


def test_mixed_nesting_at_the_depth_limit() -> None:
    """Fifty parentheses, each behind an operator, stay within the interpreter's own recursion limit."""
    assert evaluate("1+(" * DEPTH_MAX + "1" + ")" * DEPTH_MAX) == DEPTH_MAX + 1


@pytest.mark.parametrize("expression", ["10**4299", "1e4299", "10**4000 * 10**299", "-10**4299"])
def test_digit_limit(expression: str) -> None:
    """An integer of 4,300 digits is exact; its tenfold has one digit too many and is refused."""
    value = evaluate(expression)

    assert abs(value) == 10 ** (RESULT_DIGITS_MAX - 1)
    assert "more than 4,300 digits" in _sentence(f"({expression}) * 10")


def test_factorial_limit() -> None:
    """The largest factorial that fits is given in full, and the next one is refused."""
    largest = evaluate(f"{FACTORIAL_MAX}!")

    assert largest < 10**RESULT_DIGITS_MAX <= largest * (FACTORIAL_MAX + 1)
    assert "more than 4,300 digits" in _sentence(f"{FACTORIAL_MAX + 1}!")


def test_power_at_the_digit_limit() -> None:
    """The powers of every small base are exact up to the last one that fits."""
    for base in range(2, 12):
        exponent = next(n for n in range(15_000) if base ** (n + 1) >= 10**RESULT_DIGITS_MAX)

        assert evaluate(f"{base}**{exponent}") == base**exponent
        assert "more than 4,300 digits" in _sentence(f"{base}**{exponent + 1}")


def test_pi() -> None:
    """Pi has all the digits that are worked with (Machin's formula in integers)."""
    one = 10**100

    def arc_cotangent(number: int) -> int:
        """Returns the arc cotangent of a whole number, times `one`."""
        power = total = one // number
        for order in range(3, 400, 2):
            power //= -(number**2)
            total += power // order
        return total

    machin = Decimal(4 * (4 * arc_cotangent(5) - arc_cotangent(239))).scaleb(-100, Context(prec=110))

    assert CONSTANTS["pi"] == Context(prec=80).plus(machin)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_called_in_any_letter_case(name: str) -> None:
    """Each function of the vocabulary is in use, and capitals make no difference."""
    assert evaluate(f"{name}(1)") == evaluate(f"{name.upper()} (1)")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_ends_on_huge_and_tiny_values(name: str) -> None:
    """Each function gives a number or one sentence for values at the ends of what can be written."""
    for value in (
        "10**4299",
        "-10**4299",
        "1e-999999",
        "-1e-999999",
        "1e4299/7",
        "7**5000/3**9000",
        "0",
        "pi",
    ):
        answer = _answer(f"{name}({value})")

        assert 0 < len(answer) < 500 if isinstance(answer, str) else abs(answer) < 10**RESULT_DIGITS_MAX


@pytest.mark.parametrize(
    "expression",
    [
        "cbrt(7**5000)" + "+cbrt(7**5000)" * 30,
        "atan(9**4500)" + "*atan(9**4500)" * 30,
        "1/3**2500" + "+1/7**1420" * 40,
        "(7/3)**1400" + "*(3/7)**1399" * 30,
        "1/(1+" * 40 + "1/3" + ")" * 40,
        "√" * 50 + "9**4500",
        "exp(" * 50 + "1" + ")" * 50,
        "sin(" * 50 + "1e29" + ")" * 50,
        "9" * 250 + "**" + "9" * 248,
        "1." + "0" * 400 + "1**1e15",
        "2**(1/" + "9" * 400 + ")",
        "1%-" * 160 + "1",
        "(1)" * 160,
        "3" + "!" * 400,
    ],
)
def test_hard_work_ends(expression: str) -> None:
    """Expressions made to cost much give a number or one sentence, and no number outgrows its bound."""
    answer = _answer(expression)

    assert 0 < len(answer) < 500 if isinstance(answer, str) else abs(answer) < 10**RESULT_DIGITS_MAX
