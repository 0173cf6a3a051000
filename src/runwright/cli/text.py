"""Values and times as people read them, and colours where there is a terminal to show them."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any, Literal, TextIO

import msgspec

from runwright.visible import visible

Colour = Literal["bold", "dim", "red", "green", "yellow", "cyan"]
_CODES: dict[Colour, int] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}

BRIEF_CHARACTERS = 60


class Paint:
    """Colours for one stream; none where it is no terminal, or where NO_COLOR asks for none."""

    def __init__(self, stream: TextIO) -> None:
        self.on = on_terminal(stream) and not os.environ.get("NO_COLOR")
        self.unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"

    def __call__(self, text: str, *colours: Colour) -> str:
        """Return the text in these colours."""
        if not self.on or not text:
            return text
        codes = ";".join(str(_CODES[colour]) for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m"


def on_terminal(stream: TextIO) -> bool:
    """Return whether a person looks at the stream through a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def duration(ms: float) -> str:
    """Return a duration with a unit that suits it, such as `0.4 ms`, `1.2 s` or `3 min 20 s`."""
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.1f} s"
    minutes, seconds = divmod(round(ms / 1_000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def moment(at: str) -> str:
    """Return an RFC 3339 time in the time zone of this computer, to the second."""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one RFC 3339 time to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 step` or `1,000 steps`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def usd(cost_usd: float) -> str:
    """Return an amount of US dollars, to the millionth."""
    return "$" + f"{cost_usd:.6f}".rstrip("0").rstrip(".")


def brief(value: Any, characters: int = BRIEF_CHARACTERS) -> str:
    """Return the gist of a value on one line of at most `characters`."""
    return cut(_gist(value, characters), characters)


def cut(text: str, characters: int) -> str:
    """Return text, or its beginning with an ellipsis where it is longer than `characters`."""
    shown = visible(text[: characters + 1])
    return shown if len(shown) <= characters else shown[: max(0, characters - 1)] + "…"


def compact(value: Any) -> str:
    """Return a value as JSON on one line; integers keep all their digits."""
    return msgspec.json.encode(value).decode()


def _gist(value: Any, characters: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        if isinstance(value.get("todos"), list):
            return plural(value.get("total_count", len(value["todos"])), "todo")
        if isinstance(value.get("todo"), dict) and isinstance(value["todo"].get("text"), str):
            return str(value["todo"]["text"])
        if len(value) == 1:
            return _gist(next(iter(value.values())), characters)
    if isinstance(value, list) and len(value) > characters:
        return f"{compact(value[:3])[:-1]}, … {len(value):,} items]"
    return compact(value)
