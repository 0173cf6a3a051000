"""The calculator's grammar: tokens become a flat list of steps for a stack, within fixed bounds.

Operators bind, from loose to tight: + -, then * / // % mod, then `of`, then a leading sign, then ** and ^ (to
the right), then ! and the percent sign. What a `%` is, `calculator_percent` tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runwright.core.errors import ToolTerminal
from runwright.tools.calculator_functions import CONSTANTS, FUNCTIONS, factorial, square_root
from runwright.tools.calculator_number import (
    NoResult,
    Number,
    add,
    divide,
    floor_divide,
    literal,
    multiply,
    negate,
    power,
    remainder,
    subtract,
)
from runwright.tools.calculator_percent import begins_value, is_percent_sign, lower_by, percent, raise_by
from runwright.tools.calculator_tokens import Token, refusal, tokens

NODES_MAX = 200
DEPTH_MAX = 50

_SUM, _PRODUCT, _OF, _SIGN, _POWER = 1, 2, 3, 4, 5


class Binary(NamedTuple):
    """How tightly an operator binds, and what it computes."""

    level: int
    compute: Callable[..., Number]


_BINARY = {
    "+": Binary(_SUM, add),
    "-": Binary(_SUM, subtract),
    "*": Binary(_PRODUCT, multiply),
    "/": Binary(_PRODUCT, divide),
    "//": Binary(_PRODUCT, floor_divide),
    "%": Binary(_PRODUCT, remainder),
    "mod": Binary(_PRODUCT, remainder),
    "of": Binary(_OF, multiply),
    "**": Binary(_POWER, power),
}


class Push(NamedTuple):
    """A value to put on the stack."""

    value: Number


class Apply(NamedTuple):
    """An operation that takes its newest `arity` values from the stack; `at` is where it was written."""

    compute: Callable[..., Number]
    arity: int
    at: int


def parse(expression: str) -> list[Push | Apply]:
    """Returns the steps that compute the expression, operands before their operator."""
    parser = _Parser(expression)
    parser.whole()
    return parser.steps


class _Parser:
    """The state of one parse: what was read, what was made of it, how deep it is nested.

    Methods that read an operand return whether it is a bare percentage, which + and - look at.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = tokens(expression)
        self.steps: list[Push | Apply] = []
        self.next = 0
        self.depth = 0

    def whole(self) -> None:
        """Reads the expression to its end."""
        if self.tokens[0].kind == "end":
            raise ToolTerminal("the expression is empty")
        self.operation(_SUM)
        left_over = self.tokens[self.next]
        if left_over.text == ")":
            raise self.refused("this ')' has no '('", left_over)
        if left_over.text == ",":
            raise self.refused("a comma may only group thousands or part the values of a call", left_over)

    def operation(self, level: int) -> bool:
        """Reads an operand and all operators behind it that bind at least as tightly as the level."""
        is_percentage = self.operand()
        last = ""
        while True:
            token = self.tokens[self.next]
            if begins_value(token):
                self.refuse_unclear_product(token, last)
                symbol = "*"
            else:
                symbol = token.text
            binary = _BINARY.get(symbol)
            if binary is None or binary.level < level:
                return is_percentage
            if symbol == token.text:
                self.next += 1
            is_percentage = self.right_side(symbol, binary, token, is_percentage)
            last = symbol

    def right_side(self, symbol: str, binary: Binary, token: Token, left_is_percentage: bool) -> bool:
        """Reads what stands behind a binary operator and adds the operation itself."""
        if binary.level == _OF and not left_is_percentage:
            raise self.refused("'of' needs a percentage before it, as in 20% of 50", token)
        if binary.level in (_OF, _POWER):
            right_is_percentage = self.nested(lambda: self.operation(binary.level))
        else:
            right_is_percentage = self.operation(binary.level + 1)
        if binary.level == _SUM and right_is_percentage and not left_is_percentage:
            self.apply(raise_by if symbol == "+" else lower_by, 2, token)
            return False
        self.apply(binary.compute, 2, token)
        return binary.level == _SUM and right_is_percentage

    def refuse_unclear_product(self, token: Token, last: str) -> None:
        """Refuses a product without * unless it can be read in one way only, as in 2(3 + 4) or 2pi."""
        before = self.tokens[self.next - 1]
        is_product = token.kind != "number" and (before.kind == "number" or before.text in (")", "!"))
        if not is_product:
            raise self.refused("an operator is missing", token)
        if last not in ("", "*"):
            raise self.refused(f"a * is missing, and after '{last}' it is not clear what it binds", token)

    def operand(self) -> bool:
        """Reads signs, a value and the ! and % behind it."""
        token = self.tokens[self.next]
        if token.text in ("+", "-"):
            self.next += 1
            is_percentage = self.nested(lambda: self.operation(_SIGN))
            if token.text == "-":
                self.apply(negate, 1, token)
            return is_percentage
        self.value()
        is_percentage = False
        while True:
            token = self.tokens[self.next]
            if token.text == "!":
                self.apply(factorial, 1, token)
                is_percentage = False
            elif token.text == "%" and self.ends_value(self.next):
                if is_percentage:
                    raise self.refused("one % is enough", token)
                self.apply(percent, 1, token)
                is_percentage = True
            else:
                return is_percentage
            self.next += 1

    def value(self) -> bool:
        """Reads a number, a constant, a call, a root or parentheses; none of them is a bare percentage."""
        token = self.tokens[self.next]
        self.next += 1
        if token.kind == "number":
            self.push(self.number(token), token)
        elif token.kind == "constant":
            self.push(CONSTANTS[token.text], token)
        elif token.kind == "function":
            self.call(token)
        elif token.text == "√":
            self.nested(self.value)
            self.apply(square_root, 1, token)
        elif token.text == "(":
            self.nested(lambda: self.operation(_SUM))
            self.close(token)
        elif token.kind == "end":
            raise self.refused("the expression ends where a number should follow", token)
        else:
            raise self.refused(f"a number should stand here, not '{token.text}'", token)
        return False

    def number(self, token: Token) -> Number:
        """Returns the value of a number token."""
        mantissa, _, exponent = token.text.partition("e")
        before, _, behind = mantissa.partition(".")
        try:
            return literal(before + behind, int(exponent or "0") - len(behind))
        except NoResult as reason:
            raise self.refused(str(reason), token) from None

    def call(self, name: Token) -> None:
        """Reads the values of a call, in parentheses and parted by commas."""
        opening = self.tokens[self.next]
        if opening.text != "(":
            raise self.refused(f"{name.text} needs parentheses, as in {name.text}(2)", name)
        self.next += 1
        count = 0
        while True:
            if count == 0 and self.tokens[self.next].text == ")":
                break
            self.nested(lambda: self.operation(_SUM))
            count += 1
            if self.tokens[self.next].text != ",":
                break
            self.next += 1
        self.close(opening)
        function = FUNCTIONS[name.text]
        if count < function.fewest or (function.most is not None and count > function.most):
            wanted = "at least 1 value" if function.most is None else f"{function.most} value"
            if function.most not in (None, function.fewest):
                wanted = f"{function.fewest} or {function.most} values"
            raise self.refused(f"{name.text} takes {wanted}, not {count}", name)
        self.apply(function.compute, count, name)

    def close(self, opening: Token) -> None:
        """Reads the parenthesis that closes the opening one."""
        token = self.tokens[self.next]
        if token.text != ")":
            problem = (
                "this '(' is not closed"
                if token.kind == "end"
                else "a comma may only part the values of a call"
            )
            raise self.refused(problem, opening if token.kind == "end" else token)
        self.next += 1

    def ends_value(self, index: int) -> bool:
        """Returns whether the % at the index belongs to the value before it."""
        try:
            return is_percent_sign(self.tokens, index)
        except NoResult as reason:
            raise self.refused(str(reason), self.tokens[index]) from None

    def nested(self, read: Callable[[], bool]) -> bool:
        """Returns what the reader returns, one level deeper."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.refused(f"the expression is nested more than {DEPTH_MAX} deep", self.tokens[self.next])
        is_percentage = read()
        self.depth -= 1
        return is_percentage

    def push(self, value: Number, token: Token) -> None:
        """Adds a value."""
        self.add_step(Push(value), token)

    def apply(self, compute: Callable[..., Number], arity: int, token: Token) -> None:
        """Adds an operation on the newest values."""
        self.add_step(Apply(compute, arity, token.at), token)

    def add_step(self, step: Push | Apply, token: Token) -> None:
        """Adds a step within the bound."""
        if len(self.steps) >= NODES_MAX:
            raise self.refused(f"the expression has more than {NODES_MAX} numbers and operators", token)
        self.steps.append(step)

    def refused(self, reason: str, token: Token) -> ToolTerminal:
        """Returns the error for something wrong at a token."""
        return refusal(reason, self.expression, token.at)
