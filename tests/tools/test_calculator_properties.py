"""The laws of arithmetic hold in the calculator, and no text makes it raise anything of its own."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runwright.core.errors import ToolTerminal
from runwright.tools.calculator import LENGTH_MAX, evaluate
from runwright.tools.calculator_functions import CONSTANTS, FUNCTIONS

_INTEGERS = st.integers(-(10**30), 10**30).map(str)
_DECIMALS = st.decimals(-(10**9), 10**9, places=6).map(lambda value: format(value, "f"))
_NUMBERS = st.one_of(_INTEGERS, _DECIMALS, st.integers(-100, 100).map(str)).map(lambda text: f"({text})")


@given(_NUMBERS, _NUMBERS)
def test_commutative(a: str, b: str) -> None:
    """The order of two terms or two factors makes no difference."""
    assert evaluate(f"{a} + {b}") == evaluate(f"{b} + {a}")
    assert evaluate(f"{a} * {b}") == evaluate(f"{b} * {a}")


@given(_NUMBERS, _NUMBERS, _NUMBERS)
def test_associative(a: str, b: str, c: str) -> None:
    """The grouping of three terms or three factors makes no difference."""
    assert evaluate(f"({a} + {b}) + {c}") == evaluate(f"{a} + ({b} + {c})")
    assert evaluate(f"({a} * {b}) * {c}") == evaluate(f"{a} * ({b} * {c})")


@given(_NUMBERS, _NUMBERS, _NUMBERS)
def test_distributive(a: str, b: str, c: str) -> None:
    """A factor before a sum is a factor before each of its terms."""
    assert evaluate(f"{a} * ({b} + {c})") == evaluate(f"{a} * {b} + {a} * {c}")
    assert evaluate(f"{a} * ({b} - {c})") == evaluate(f"{a} * {b} - {a} * {c}")


@given(_NUMBERS, _NUMBERS)
def test_inverse(a: str, b: str) -> None:
    """What was added or multiplied is taken away again without a trace."""
    value = evaluate(a)

    assert evaluate(f"{a} + {b} - {b}") == value
    assert evaluate(f"{a} + -{a}") == 0
    if evaluate(b) != 0:
        assert evaluate(f"{a} / {b} * {b}") == value
        assert evaluate(f"{a} * {b} / {b}") == value
        assert evaluate(f"{b} / {b}") == 1


@given(_NUMBERS, _NUMBERS)
def test_floor_and_remainder_make_the_number(a: str, b: str) -> None:
    """Floor times divisor plus remainder is the number, and the remainder has the divisor's sign."""
    assume(evaluate(b) != 0)
    rest = evaluate(f"{a} % {b}")

    assert evaluate(f"({a} // {b}) * {b} + {a} % {b}") == evaluate(a)
    assert rest == 0 or (rest > 0) == (evaluate(b) > 0)


@given(st.integers(1, 10**18), st.integers(2, 12))
def test_roots_undo_powers(base: int, degree: int) -> None:
    """The root of a power is the number, exactly, and so is the power of a root within the digits kept."""
    assert evaluate(f"({base}**{degree})**(1/{degree})") == base
    assert evaluate(f"({base}**(1/{degree}))**{degree}") == base
    assert evaluate(f"sqrt({base})*sqrt({base})") == base


@given(st.integers(1, 10**15), st.integers(2, 1000))
def test_logarithm_undoes_power(value: int, base: int) -> None:
    """exp after ln and a base raised to the logarithm give the number back."""
    assert evaluate(f"exp(ln({value}))") == value
    assert evaluate(f"{base}**log({value}, {base})") == value


@given(st.fractions(-100, 100, max_denominator=1000))
def test_sine_and_cosine_lie_on_the_circle(angle: Fraction) -> None:
    """The squares of sine and cosine add up to one, and the tangent is their ratio."""
    text = f"({angle})"

    assert evaluate(f"sin{text}**2 + cos{text}**2") == 1
    assert evaluate(f"tan{text}*cos{text} - sin{text}") == 0
    assert evaluate(f"tan(atan{text}) - {text}") == 0


@given(st.integers(-(10**9), 10**9), st.integers(-4, 6))
def test_round_is_half_away_from_zero(units: int, places: int) -> None:
    """A number half way between two steps is rounded to the one further from zero."""
    half = Fraction(2 * units + 1, 2) / Fraction(10) ** places
    away = Fraction(units + 1 if units >= 0 else units) / Fraction(10) ** places

    assert evaluate(f"round({half}, {places}) - ({away})") == 0


class _Tree:
    """An expression in text beside its value as Python's fractions compute it (None: division by zero)."""

    def __init__(self, text: str, value: Fraction | None) -> None:
        self.text, self.value = text, value

    def __repr__(self) -> str:
        return self.text

    @staticmethod
    def leaf(text: str) -> _Tree:
        return _Tree(text, Fraction(text))

    @staticmethod
    def joined(left: _Tree, operator: str, right: _Tree) -> _Tree:
        a, b, value = left.value, right.value, None
        if a is not None and b is not None and not (operator == "/" and b == 0):
            value = {"+": a + b, "-": a - b, "*": a * b}.get(operator)
            value = a / b if value is None else value
        return _Tree(f"({left.text}) {operator} ({right.text})", value)


_LEAVES = st.one_of(
    st.integers(-999, 999).map(str), st.decimals(-99, 99, places=2).map(lambda value: format(value, "f"))
).map(_Tree.leaf)
_TREES = st.recursive(
    _LEAVES, lambda trees: st.builds(_Tree.joined, trees, st.sampled_from("+-*/"), trees), max_leaves=16
)


@given(_TREES)
def test_same_value_as_fractions(tree: _Tree) -> None:
    """Sums, products and quotients of any shape agree with exact fractions: whole, exact, or in 15 digits."""
    assume(len(tree.text) <= LENGTH_MAX)
    if tree.value is None:
        with pytest.raises(ToolTerminal, match="zero"):
            evaluate(tree.text)
        return
    result = evaluate(tree.text)

    if tree.value.denominator == 1:
        assert isinstance(result, int) and result == tree.value
    elif Fraction(repr(float(tree.value))) == tree.value:
        assert result == float(tree.value)
    else:
        assert abs(Fraction(repr(result)) - tree.value) <= abs(tree.value) * Fraction(5, 10**15)


_PYTHON_OPERATORS = st.sampled_from([" + ", " - ", " * ", " // ", " % "])
_PYTHON_OPERANDS = st.one_of(
    st.integers(-99, 99).map(str),
    st.builds("{}**{}".format, st.integers(-9, 9), st.integers(0, 9)),
    st.builds("({}{}{})".format, st.integers(-99, 99), _PYTHON_OPERATORS, st.integers(-99, 99)),
)


@given(st.lists(st.tuples(_PYTHON_OPERATORS, _PYTHON_OPERANDS), min_size=1, max_size=12), _PYTHON_OPERANDS)
def test_same_value_as_python(rest: list[tuple[str, str]], first: str) -> None:
    """Precedence, signs, floor and remainder of integers are those of Python."""
    text = first + "".join(operator + operand for operator, operand in rest)
    assume(len(text) <= LENGTH_MAX)
    try:
        value = eval(text)
    except ZeroDivisionError:
        with pytest.raises(ToolTerminal, match="zero"):
            evaluate(text)
        return

    assert evaluate(text) == value


@given(st.integers(-(10**12), 10**12))
def test_thousands_commas(number: int) -> None:
    """A number written with its thousands commas is the number."""
    assert evaluate(f"{number:,}") == number


@given(st.decimals(0, 10**6, places=2), st.integers(0, 500))
def test_percent_as_on_a_pocket_calculator(amount: Decimal, share: int) -> None:
    """Adding and taking off a percentage is the multiplication that it stands for."""
    assert evaluate(f"{amount:f} + {share}%") == evaluate(f"{amount:f} * (1 + {share}/100)")
    assert evaluate(f"{amount:f} - {share}%") == evaluate(f"{amount:f} * (1 - {share}/100)")
    assert evaluate(f"{share}% of {amount:f}") == evaluate(f"{amount:f} * {share} / 100")


_PIECES = st.sampled_from(
    [
        *FUNCTIONS,
        *CONSTANTS,
        *"+-*/%^()!,.=? 0123456789√×÷−e",
        "**",
        "//",
        " % -",
        "% ",
        " of ",
        " mod ",
        "1e",
        "9**9",
        "1,000",
    ]
)


@given(st.lists(_PIECES, max_size=80).map("".join))
def test_any_arrangement_of_its_own_words_is_answered(text: str) -> None:
    """Whatever is put together from the calculator's own vocabulary gives a number or one sentence."""
    answer = _answer(text)

    assert _is_sound(answer)


@given(st.text(max_size=LENGTH_MAX + 50))
def test_any_text_is_answered(text: str) -> None:
    """Any text at all gives a number or one sentence, and nothing else is ever raised."""
    answer = _answer(text)

    assert _is_sound(answer)


@given(st.text(st.characters(), max_size=20), st.lists(_PIECES, max_size=20).map("".join))
def test_any_text_among_its_own_words_is_answered(text: str, words: str) -> None:
    """Foreign characters, lone surrogates among them, are answered inside an expression too."""
    answer = _answer(words + text + words)

    assert _is_sound(answer)


def _answer(text: str) -> float | str:
    """Returns the value of an expression, or the sentence with which it is refused."""
    try:
        return evaluate(text)
    except ToolTerminal as refused:
        return refused.message


def _is_sound(answer: float | str) -> bool:
    """Returns whether the answer is a short printable sentence, an integer or a finite float but zero."""
    if isinstance(answer, str):
        return 0 < len(answer) < 500 and answer.isprintable()
    return type(answer) is int or (type(answer) is float and math.isfinite(answer) and answer != 0)
