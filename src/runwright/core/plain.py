"""Any Python value as plain JSON values: what a tool returns, what a declaration gives as default.

A result is journalled, read by other steps and folded again after a crash, and must be the same each
time. So nothing that JSON would quietly change (NaN, bytes, keys that are numbers) gets through, and
the copy shares no container with the tool that made it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from runwright.core.policy import Limits

_DIGITS_MAX = 4_300  # what JSON readers and Python itself agree to turn into an integer
_INT_END = 10**_DIGITS_MAX
_INFINITY = float("inf")
_DEPTH_MAX = Limits().json_depth_max
_TOO_DEEP = f"it is nested more than {_DEPTH_MAX} deep"


class NotPlain(ValueError):
    """A value cannot be written as JSON without changing it.

    path   of the value in question, from the innermost field to the root
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path: list[str | int] = []
        super().__init__(reason)

    @property
    def place(self) -> str:
        """Where the value stands, such as `todos[0].id`; "" at the root."""
        parts = [f"[{key}]" if isinstance(key, int) else f".{key[:60]}" for key in reversed(self.path)]
        return "".join(parts)[:200].removeprefix(".")


def plain(value: Any, depth: int = 0) -> Any:
    """Return the value in dicts, lists, strings, numbers, booleans and None, in containers of its own.

    Dataclasses, structs, named fields and enums become what msgspec makes of them, tuples and sets
    become lists, sets in a fixed order.

    Raises   NotPlain
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        if -_INT_END < value < _INT_END:
            return value
        raise NotPlain(f"an integer has more than {_DIGITS_MAX:,} digits")
    if kind is float:
        if -_INFINITY < value < _INFINITY:
            return value
        raise NotPlain(f"{value} is not a number in JSON; return None or raise ToolTerminal")
    if kind is dict:
        return _object(value, depth + 1)
    if kind is list or kind is tuple:
        return _array(value, depth + 1)
    return _other(value, depth)


def _object(fields: dict[Any, Any], depth: int) -> dict[str, Any]:
    if depth > _DEPTH_MAX:
        raise NotPlain(_TOO_DEEP)
    made: dict[str, Any] = {}
    key: Any = None
    try:
        for key, value in fields.items():
            if type(key) is not str:
                made[_key(key)] = plain(value, depth)
            elif key.isascii():
                made[key] = plain(value, depth)
            else:
                made[_text(key)] = plain(value, depth)
    except NotPlain as fault:
        fault.path.append(str(key).encode("utf-8", "replace").decode())
        raise
    return made


def _array(items: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    if depth > _DEPTH_MAX:
        raise NotPlain(_TOO_DEEP)
    made: list[Any] = []
    try:
        for item in items:
            made.append(plain(item, depth))  # noqa: PERF401 (the length says where it stopped)
    except NotPlain as fault:
        fault.path.append(len(made))
        raise
    return made


def _other(value: Any, depth: int) -> Any:
    """Return what is left: subclasses of JSON types, and types that msgspec knows."""
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if isinstance(value, str):
        return plain(str.__str__(value), depth)
    if isinstance(value, int):
        return plain(int(value), depth)
    if isinstance(value, float):
        return plain(float(value), depth)
    if isinstance(value, dict):
        return _object(value, depth + 1)
    if isinstance(value, list | tuple):
        return _array(value, depth + 1)
    if isinstance(value, set | frozenset):
        return _array(sorted((plain(item, depth + 1) for item in value), key=_order), depth + 1)
    if isinstance(value, bytes | bytearray | memoryview):
        raise NotPlain("bytes are not JSON; return text, such as its base64")
    try:
        known = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))
    except (TypeError, ValueError, RecursionError) as error:
        name = type(value).__qualname__
        raise NotPlain(
            f"a value of type `{name}` is not JSON; return dicts, lists, text, numbers or dataclasses"
        ) from error
    return plain(known, depth)


def _order(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _text(str.__str__(key))
    raise NotPlain(f"the key {key!r:.60} is not text; JSON fields are named by text")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotPlain("the text holds half of a surrogate pair, which is no character") from error
    return value
