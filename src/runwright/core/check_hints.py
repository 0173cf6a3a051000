"""The words of hints: what a person or a model most likely meant, and what may stand at a place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest

import msgspec

from runwright.core import refs
from runwright.core import schema as schemas
from runwright.core.schema import Path, Schema

_CANDIDATES_MAX = 500
_NAME_CHARS_MAX = 128
_COMPARED_MAX = 6
_LISTED_MAX = 12
_CLOSE_ENOUGH = 0.6
_DESCRIPTION_CHARS_MAX = 120
_MESSAGE_CHARS_MAX = 240


def nearest(wanted: str, names: Sequence[str]) -> str | None:
    """Return the name that was most likely meant, `None` when none is near.

    Case, separators and the order of words do not count: `AddTodo` and `todo.add` are near `todo_add`.
    """
    sought = _words(wanted[:_NAME_CHARS_MAX])
    pairs = _pairs(sought)
    by_words = {_words(name): name for name in reversed(names[:_CANDIDATES_MAX])}
    # Comparing pairs of letters is cheap and leaves few names for the thorough comparison.
    likely = nlargest(_COMPARED_MAX, by_words, key=lambda words: _likeness(pairs, _pairs(words)))
    if close := get_close_matches(sought, likely, n=1, cutoff=_CLOSE_ENOUGH):
        return by_words[close[0]]
    return next(
        (by_words[words] for words in likely if sought and (sought in words or words in sought)), None
    )


def choice(wanted: str, names: Sequence[str], what: str) -> str:
    """Return a hint towards the names that exist: the nearest one, and the first few of all."""
    if not names:
        return f"there are no {what}"
    more = f" and {len(names) - _LISTED_MAX} more" if len(names) > _LISTED_MAX else ""
    listed = f"{what}: {', '.join(refs.shortened(name) for name in names[:_LISTED_MAX])}{more}"
    near = nearest(wanted, names)
    return f"did you mean {near}? {listed}" if near else listed


def wanted_at(root: Schema, node: Schema) -> str:
    """Return what may stand at a place: its listed values or types, and its description's first line."""
    listed = schemas.listed(root, node)
    if listed is not None:
        shown = ", ".join(
            msgspec.json.encode(value).decode()[:_NAME_CHARS_MAX] for value in listed[:_LISTED_MAX]
        )
        wanted = f"one of {shown}" + (" …" if len(listed) > _LISTED_MAX else "")
    else:
        kinds = schemas.types(root, node)
        wanted = "any value" if kinds == schemas.ANY_TYPE else schemas.in_words(kinds)
    about = node.get("description") if isinstance(node, dict) else None
    line = about.strip().partition("\n")[0][:_DESCRIPTION_CHARS_MAX] if isinstance(about, str) else ""
    return f"{wanted}: {line}" if line else wanted


def one_line(text: str) -> str:
    """Return foreign words as one line of bounded length."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _MESSAGE_CHARS_MAX else flat[:_MESSAGE_CHARS_MAX] + "…"


def place_name(path: Path) -> str:
    """Return a path inside an input as a person writes it, such as `items[0].name`."""
    return refs.shortened("".join(map(refs.written, path)).removeprefix(".")) or "tool_input"


@lru_cache(maxsize=4_096)
def _words(name: str) -> str:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(sorted(re.split(r"[^a-z0-9]+", split.lower()))).strip()


@lru_cache(maxsize=4_096)
def _pairs(words: str) -> frozenset[str]:
    padded = f" {words} "
    return frozenset(padded[at : at + 2] for at in range(len(padded) - 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one) + len(other))
