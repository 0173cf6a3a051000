"""What a tool's exception says, in one line for a person, whatever its author made of it."""

from __future__ import annotations

from typing import NamedTuple

from runwright.core.errors import RunwrightError, ToolRetryable

MESSAGE_CHARACTERS_MAX = 500
AFTER_S_MAX = 1e9  # beyond every deadline, and a number that JSON and the clock can take


class Refusal(NamedTuple):
    """A tool's no.

    retry_after_s   how long the tool asks to be left alone, if it says so
    """

    message: str
    retryable: bool = False
    retry_after_s: float | None = None
    hint: str | None = None


def refusal_of(error: BaseException) -> Refusal:
    """Return what an exception of a tool says; it may break every promise of its class."""
    try:
        hint = error.hint if isinstance(error, RunwrightError) else None
        return Refusal(
            one_line(_said(error)),
            isinstance(error, ToolRetryable | ConnectionError | TimeoutError),
            _seconds(error.retry_after_s) if isinstance(error, ToolRetryable) else None,
            one_line(hint) if isinstance(hint, str) else None,
        )
    except BaseException:  # the tool's own code, which may raise whatever the tool may
        return Refusal("the tool raised an exception that cannot be read")


def one_line(text: str) -> str:
    """Return text on one line without control characters, at most `MESSAGE_CHARACTERS_MAX` long."""
    cut = text[: MESSAGE_CHARACTERS_MAX + 1]
    line = " ".join("".join(c if c.isprintable() else " " for c in cut).split())
    return line if len(text) <= MESSAGE_CHARACTERS_MAX else line[: MESSAGE_CHARACTERS_MAX - 1] + "…"


def _said(error: BaseException) -> str:
    name = type(error).__name__
    try:
        if isinstance(error, RunwrightError):
            return str(error.message)
        text = str(error)
    except BaseException:
        return name
    return f"{name}: {text}" if text else name


def _seconds(after_s: object) -> float | None:
    if not isinstance(after_s, int | float) or after_s != after_s:  # not a number
        return None
    return float(min(max(after_s, 0), AFTER_S_MAX))
