"""The tools that are there without a tool file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from runwright.core.declare import DeclaredTool, tool
from runwright.ports import Todos
from runwright.tools.calculator import LENGTH_MAX, evaluate
from runwright.tools.todo import todo_tools

# The format tells the runtime to put references to negative and exponent values in parentheses.
Expression = Annotated[str, Meta(max_length=LENGTH_MAX, extra_json_schema={"format": "expression"})]


@tool(effects="pure", isolation="inline")
def calculator(expression: Expression) -> float:
    """Evaluate one arithmetic expression exactly and return the number; whole results are integers.

    Args:
        expression: Numbers with + - * / // % ** ^ ! and parentheses; percent (20% of 50, 50 + 10%); pi, e,
            tau; sqrt, cbrt, abs, round(x, digits), floor, ceil, trunc, min, max, sum, avg, factorial, exp,
            ln, log (base 10), log(x, base), log2, log10, sin, cos, tan, asin, acos, atan (in radians).
            Nothing else has a name. Examples: (41*7)+13, sqrt(2)**3, 20% of 59.90.
    """
    return evaluate(expression)


def builtin_tools(todos: Todos) -> list[DeclaredTool]:
    """Return the calculator and the todo tools, for the registry."""
    return [calculator, *todo_tools(todos)]
