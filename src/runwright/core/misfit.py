"""Where and why a JSON value does not fit its type, out of the sentence that msgspec makes of it."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME_MAX = 40
# what a stranger wrote: values are not said again, and names of fields only as far as a name goes
_VALUE = re.compile(r"^(Invalid enum value) .*$", re.DOTALL)
_FIELD = re.compile(r"^(Object contains unknown field) `(.*)`$", re.DOTALL)
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)


class Misfit(NamedTuple):
    """Why a value does not fit, and where: a JSON Pointer (RFC 6901), "" for the whole value."""

    message: str
    pointer: str


def misfit(sentence: str) -> Misfit:
    """Return what a message such as "Expected `int`, got `str` - at `$.steps[0].step_number`" says."""
    found = _AT.match(sentence)
    if found is None or found["where"] is None:
        return Misfit(_discreet(sentence), "")
    # `[...]` stands for a key of a mapping that the message does not name
    where = found["where"].removeprefix("$").replace("[...]", "").replace(".", "/")
    return Misfit(_discreet(found["what"]), re.sub(r"\[(\d+)\]", r"/\1", where))


def _discreet(what: str) -> str:
    if (field := _FIELD.match(what)) is not None and len(field[2]) > NAME_MAX:
        return f"{field[1]} `{field[2][:NAME_MAX]}…`"
    return _VALUE.sub(r"\1", what)
