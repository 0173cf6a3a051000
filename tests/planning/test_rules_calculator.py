"""An expression in signs means to the planner exactly what it means to the calculator."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from planning.planned import refusal, values
from runwright.core.errors import ToolTerminal
from runwright.tools.calculator import evaluate

NUMBERS = st.sampled_from(["0.5", "2", "3", "10", "20", "50", "4.25", "7%", "20%", "50 %", "4!", "pi"])
SIGNS = st.sampled_from(["-", "- ", "+", ""])
OPERATORS = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "^", "% of "])
BLANKS = st.sampled_from(["", " "])


def longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return expressions one step larger: signed, in parentheses, in a call, or two with an operator between."""
    joined = st.tuples(inner, BLANKS, OPERATORS, BLANKS, inner).map("".join)
    signed = st.tuples(SIGNS, inner).map("".join)
    return joined | joined | signed | inner.map("({})".format) | inner.map("sqrt({})".format)


EXPRESSIONS = st.recursive(NUMBERS, longer, max_leaves=6)


def come_to(find: Callable[[str], list[int | float]], text: str) -> list[int | float] | None:
    """Return the value that is found, nothing where the calculator refuses."""
    try:
        return find(text)
    except ToolTerminal:
        return None


@settings(max_examples=300)
@given(EXPRESSIONS)
@example("- 5 + 3")
@example("- 2 ** 2")
@example("10 % -3")
@example("100 - 50% / 2")
@example("20% of 10^2")
@example("-20%^2/(100)")
@example("10% + 10% + 10%")
def test_an_expression_keeps_the_calculators_value(expression: str) -> None:
    """What is planned from `calculate E` is worth what the calculator says E is worth, or E is refused."""
    prompt = f"calculate {expression}"
    wanted = come_to(lambda text: [evaluate(text)], expression)
    found = wanted if refusal(prompt) is not None else come_to(values, prompt)

    assert found == wanted
