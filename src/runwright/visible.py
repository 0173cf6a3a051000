"""Text from strangers, made safe to show: nothing in it moves a cursor, changes a colour or hides a word."""

from __future__ import annotations

import re

# C0 and C1 controls, line separators, marks that turn the direction of text around, half surrogates; and what
# is not seen at all: a person who approves a plan must see every word that a model or a tool will
_REST = (
    "\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\xad\u115f\u1160\u180e\u200b\u2060-\u2065\u3164\ufeff\uffa0\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[\x00-\x1f{_REST}]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_REST}]")


def visible(text: str) -> str:
    """Return text on one line, its control characters written out as `\\x1b` or `\\u202e`."""
    return _UNSAFE.sub(_written_out, text)


def visible_lines(text: str) -> str:
    """Return text with its control characters written out, except for line breaks and tabs."""
    return _UNSAFE_IN_LINES.sub(_written_out, text)


def visible_json(text: str) -> str:
    """Return JSON text that means the same, with every control character inside its strings escaped."""
    return _UNSAFE_IN_LINES.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    """As JSON has it: beyond the first 65,536 characters, two halves."""
    halves = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{halves[at : at + 4]}" for at in range(0, len(halves), 4))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
