"""One todo as a person names it, and the steps that find it."""

from __future__ import annotations

from typing import NamedTuple

from runwright.planning.rules.amounts import breaks
from runwright.planning.rules.draft import Ref
from runwright.planning.rules.reading import Reading

POSITION_MAX = 1_000
_HEXADECIMAL = frozenset("0123456789abcdef")
_LONG_ID_MIN = 16


class Target(NamedTuple):
    """One todo as a person names it; without the first three it is the only one that query and status find.

    position   in the list, 1 the first, -1 the last
    todo_id    an id as it stands
    ref        a todo of this prompt
    """

    position: int | None = None
    todo_id: str | None = None
    ref: Ref | None = None
    query: str | None = None
    status: str | None = None


def resolve(r: Reading, target: Target) -> Ref | str:
    """Return the id of a todo, after adding to the plan what must be looked up for it."""
    if target.todo_id is not None:
        return target.todo_id
    if target.ref is not None:
        return target.ref
    if target.position is None:
        return r.draft.find(target.query, target.status)
    if target.position < -1:
        raise r.refuse(
            ": I can count from the end only for the last todo.",
            hint='Name it by its text or number, such as "todo 3".',
        )
    if target.position > POSITION_MAX:
        raise r.refuse(f": I count positions only up to {POSITION_MAX:,}.")
    return r.draft.position(target.position, target.status)


def closed(r: Reading) -> bool:
    """Say whether the clause could be over here."""
    return r.at >= r.end or breaks(r.words, r.at)


def looks_like_id(chunk: str) -> bool:
    """Say whether a word is an id: letters and digits with `-` or `_` between, or a long hexadecimal."""
    plain = chunk.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and chunk[0].isalnum() and chunk[-1].isalnum()):
        return False
    if chunk.casefold().startswith("todo_"):
        return True
    digits, letters = any(char.isdigit() for char in plain), any(char.isalpha() for char in plain)
    long = len(plain) >= _LONG_ID_MIN and set(plain.casefold()) <= _HEXADECIMAL
    return digits and (long or (letters and plain != chunk))
