"""The calculator's reading of characters: an expression becomes a short list of tokens, in one pass.

Written by hand because commas mean one thing inside a call and another outside, and because a pattern that
backtracks would let an input choose how long it takes. Refusals quote the place in the expression.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from runwright.core.errors import ToolTerminal
from runwright.tools.calculator_functions import CONSTANTS, FUNCTIONS

EXCERPT_CHARS = 32

_DIGITS = frozenset("0123456789")
_BLANKS = frozenset(" \t\r\n")
_SYMBOLS = ("**", "//", "+", "-", "*", "/", "%", "^", "(", ")", ",", "!", "√")
_WORD_OPERATORS = frozenset({"of", "mod"})
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ"
_OTHER_BLANKS = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# One character for one character, so that a position in the text is a position in what was sent.
_SAME = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(_OTHER_BLANKS, " ")
    | dict.fromkeys("×✕⋅·∙∗", "*")
    | dict.fromkeys("÷∕⁄", "/")
    | dict.fromkeys("−‐‑‒–—﹣", "-")
)

Kind = Literal["number", "constant", "function", "operator", "end"]


class Token(NamedTuple):
    """A piece of an expression.

    text      digits of a number without their commas, a word in small letters, or the operator
    at        position of its first character
    touches   no blank stands before it
    """

    kind: Kind
    text: str
    at: int
    touches: bool


def refusal(reason: str, expression: str, at: int) -> ToolTerminal:
    """Returns the error that says what is wrong and quotes where."""
    start = max(0, min(at - EXCERPT_CHARS // 2, len(expression) - EXCERPT_CHARS))
    excerpt = expression[start : start + EXCERPT_CHARS]
    before, after = "…" if start else "", "…" if start + EXCERPT_CHARS < len(expression) else ""
    return ToolTerminal(f"{reason}, at character {at + 1} of '{before}{shown(excerpt)}{after}'")


def shown(text: str) -> str:
    """Returns the text with everything that is not a visible character written as its code."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def tokens(expression: str) -> list[Token]:
    """Returns the tokens of an expression, the last one of kind `end`; a closing = or ? is not part of it."""
    text = expression.translate(_SAME).rstrip(" \t\r\n=?")
    found: list[Token] = []
    calls: list[bool] = []
    at, touches = 0, True
    while at < len(text):
        if text[at] in _BLANKS:
            at, touches = at + 1, False
            continue
        token, end = _next_token(expression, text, at, touches, in_call=any(calls))
        if token.text == "(":
            calls.append(bool(found) and found[-1].kind == "function")
        elif token.text == ")" and calls:
            calls.pop()
        found.append(token)
        at, touches = end, True
    found.append(Token("end", "", max(len(text) - 1, 0), touches))
    return found


def _next_token(expression: str, text: str, at: int, touches: bool, *, in_call: bool) -> tuple[Token, int]:
    """Returns the token that begins here, and where it ends."""
    char = text[at]
    if char in _DIGITS or (char == "." and text[at + 1 : at + 2] in _DIGITS):
        digits, end = _number(expression, text, at, in_call=in_call)
        return Token("number", digits, at, touches), end
    if char == "_" or char.isalpha():
        return _word(expression, text, at, touches)
    for symbol in _SYMBOLS:
        if text.startswith(symbol, at):
            return Token("operator", "**" if symbol == "^" else symbol, at, touches), at + len(symbol)
    hint = " (a power is written 2 ** 3)" if char in _SUPERSCRIPTS else ""
    raise refusal(f"the calculator cannot read '{shown(expression[at])}'{hint}", expression, at)


def _word(expression: str, text: str, at: int, touches: bool) -> tuple[Token, int]:
    """Returns the word that begins here, and where it ends; a word that is not known is refused by name."""
    end = at
    while end < len(text) and (text[end] in _DIGITS or text[end] == "_" or text[end].isalpha()):
        end += 1
    word = text[at:end].lower()
    if word in FUNCTIONS:
        return Token("function", word, at, touches), end
    if word in _WORD_OPERATORS:
        return Token("operator", word, at, touches), end
    if word not in CONSTANTS:
        # The digits that a word clings to are part of what was meant: 0x10, 1_000, 1j.
        start = at
        while start > 0 and text[start - 1] in _DIGITS:
            start -= 1
        name = shown(expression[start:end][:EXCERPT_CHARS])
        raise refusal(f"the calculator does not know '{name}'", expression, start)
    if word == "e" and at > 0 and (text[at - 1] in _DIGITS or text[at - 1] == "."):
        raise refusal("an exponent needs digits after 'e' (for a product write *)", expression, at)
    return Token("constant", word, at, touches), end


def _number(expression: str, text: str, at: int, *, in_call: bool) -> tuple[str, int]:
    """Returns the number that begins here, without its commas, and where it ends."""
    end = _digits_end(text, at)
    if in_call:
        _refuse_split_thousands(expression, text, at, end)
    elif text[end : end + 1] == ",":
        end = _groups_end(expression, text, at, end)
    if text[end : end + 1] == ".":
        end = _digits_end(text, end + 1)
        if not in_call and text[end : end + 1] == ",":
            raise refusal("a comma cannot stand behind decimals", expression, end)
    if text[end : end + 1] in ("e", "E"):
        sign = 1 if text[end + 1 : end + 2] in ("+", "-") else 0
        if text[end + 1 + sign : end + 2 + sign] in _DIGITS:
            end = _digits_end(text, end + 1 + sign)
    if text[end : end + 1] == ".":
        raise refusal("a number has one decimal point only", expression, end)
    return text[at:end].replace(",", "").lower(), end


def _digits_end(text: str, at: int) -> int:
    """Returns where the run of digits that begins here ends."""
    while at < len(text) and text[at] in _DIGITS:
        at += 1
    return at


def _groups_end(expression: str, text: str, at: int, end: int) -> int:
    """Returns where a number with thousands commas ends: one to three digits, then groups of three."""
    well_formed = end - at <= 3 and text[at] != "0" and end > at
    while text[end : end + 1] == "," and well_formed:
        group_end = _digits_end(text, end + 1)
        well_formed = group_end == end + 4
        end = group_end if well_formed else end
    if not well_formed:
        raise refusal(
            "a comma may only stand before each group of three digits, as in 1,000", expression, end
        )
    return end


def _refuse_split_thousands(expression: str, text: str, at: int, end: int) -> None:
    """Refuses max(1,000) and its like: the comma there parts 1 from 000, which nobody means."""
    if at >= 2 and text[at - 1] == "," and text[at - 2] in _DIGITS and text[at] == "0" and end - at == 3:
        raise refusal("inside a call a comma parts the values, write 1000 instead of 1,000", expression, at)
