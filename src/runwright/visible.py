"""Text from strangers, made safe to show: nothing in it moves a cursor, changes a colour or hides a word."""

from __future__ import annotations

import re

# C0 and C1 controls, line separators, marks that turn the direction of text around, half surrogates
_REST = "\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff"
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
    return _UNSAFE_IN_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
