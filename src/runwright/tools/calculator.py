"""The calculator: text in, one exact number or one clear sentence out.

It reads its own small language instead of Python's, so there is nothing in it to escape from, and every bound
(length, nodes, depth, digits, exponents) is a named constant of the part that keeps it.
"""

from __future__ import annotations

from decimal import Overflow, Underflow, localcontext

from runwright.core.errors import ToolTerminal
from runwright.tools.calculator_number import CONTEXT, TOO_LARGE, TOO_SMALL, NoResult, Number, result
from runwright.tools.calculator_parse import Apply, Push, parse
from runwright.tools.calculator_tokens import refusal

LENGTH_MAX = 500


def evaluate(expression: str) -> int | float:
    """Returns the value: an int if it is whole, else the float that is exact or right in 15 digits.

    Whatever is not a result raises `ToolTerminal` with one sentence that says what is wrong and where.
    """
    if len(expression) > LENGTH_MAX:
        raise ToolTerminal(
            f"the expression has {len(expression):,} characters, at most {LENGTH_MAX} are allowed"
        )
    with localcontext(CONTEXT):
        stack: list[Number] = []
        for step in parse(expression):
            if isinstance(step, Push):
                stack.append(step.value)
            else:
                values = stack[-step.arity :]
                del stack[-step.arity :]
                stack.append(_applied(step, values, expression))
        try:
            return result(stack.pop())
        except NoResult as reason:
            raise refusal(str(reason), expression, 0) from None


def _applied(step: Apply, values: list[Number], expression: str) -> Number:
    """Returns the result of one operation; what has no result is refused at the place of the operation."""
    try:
        return step.compute(*values)
    except NoResult as reason:
        raise refusal(str(reason), expression, step.at) from None
    except Overflow:
        raise refusal(TOO_LARGE, expression, step.at) from None
    except Underflow:
        raise refusal(TOO_SMALL, expression, step.at) from None
