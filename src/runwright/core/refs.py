"""References: how one step names the output of another.

A reference is text in the plan, `{step_2_output.todos[0].id}`. References are found once, in the plan's
own strings; a value that came out of a tool is never scanned for them, so no output can smuggle one in.
`{{step_` is a literal `{step_`; every other brace is a brace. There is no formatting language and no
attribute access: a path consists of field names and list indices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from runwright.core import schema as schemas
from runwright.core.errors import InvalidRef, ToolTerminal
from runwright.core.schema import Schema

DEPTH_MAX = 32  # fields and indices of one reference; the plan check refuses deeper ones
OPEN = "{step_"  # a string without this holds no reference
_OPEN_JSON = OPEN.encode()
_ESCAPED = "{{step_"
_BEGIN = re.compile(r"\{step_([0-9]+)_output")
_STEP_DIGITS_MAX = 18
_INDEX_DIGITS_MAX = 9
_PLAIN_DIGITS_MAX = 40  # a longer number keeps its exponent
_EXCERPT_CHARS_MAX = 60
_KEPT_CHARS_MAX = 256
_NAME = re.compile(r'\.([^.\[\]{}"\t\r\n]+)')  # a blank may stand inside a name, not at its ends
_SPELLING = (
    'write {step_2_output}, {step_2_output.field[0]} or {step_2_output["a key"]}; '
    "for the literal text write {{step_"
)


class Ref(NamedTuple):
    """A reference as it stands in the plan; `path` holds field names and indices."""

    step_number: int
    path: tuple[str | int, ...]
    text: str


class Place(NamedTuple):
    """Where a string with references stands: its path inside the input, and its parts in order."""

    path: tuple[str | int, ...]
    parts: tuple[str | Ref, ...]

    @property
    def whole(self) -> Ref | None:
        """The reference, when the string is nothing else: its value keeps its type."""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, Ref) else None


def parse(text: str) -> tuple[str | Ref, ...]:
    """Return the literal texts and references of a string, in order, escapes resolved.

    Raises   InvalidRef when something starts like a reference and does not end as one
    """
    if OPEN not in text:
        return (text,) if text else ()
    return _parsed_before(text) if len(text) <= _KEPT_CHARS_MAX else _parsed(text)


def _parsed(text: str) -> tuple[str | Ref, ...]:
    parts: list[str | Ref] = []
    literal: list[str] = []
    at = 0
    while (start := text.find(OPEN, at)) != -1:
        if text[max(0, start - 1) : start] == "{":
            literal.append(text[at : start - 1] + OPEN)
            at = start + len(OPEN)
            continue
        literal.append(text[at:start])
        ref, at = _read(text, start)
        if ref is None:
            literal.append(text[start:at])
            continue
        if joined := "".join(literal):
            parts.append(joined)
        literal.clear()
        parts.append(ref)
    if joined := "".join(literal) + text[at:]:
        parts.append(joined)
    return tuple(parts)


# The check, the graph, the run and every reader of its journal take the same few strings apart.
_parsed_before = lru_cache(maxsize=1_024)(_parsed)


def whole(text: str) -> Ref | None:
    """Return the reference that a string is, `None` when it is or holds anything else.

    Raises   InvalidRef, as `parse`
    """
    parts = parse(text)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Ref) else None


def escaped(text: str) -> str:
    """Return text that stands for exactly this text inside a plan."""
    return text.replace(OPEN, _ESCAPED)


def is_marked(value: object) -> bool:
    """Return whether a JSON value holds text that may be a reference, or the escape of one."""
    return _OPEN_JSON in msgspec.json.encode(value)  # quicker than a walk, and the same: `{` is never escaped


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Yield every string of a JSON value that holds references, with where it stands.

    Raises   InvalidRef, as `parse`
    """
    if isinstance(value, str):
        if OPEN in value:
            parts = parse(value)
            if any(isinstance(part, Ref) for part in parts):
                yield Place(path, parts)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def referenced(value: object) -> frozenset[int]:
    """Return the numbers of all steps that a JSON value refers to."""
    return frozenset(part.step_number for p in places(value) for part in p.parts if isinstance(part, Ref))


def look_up(ref: Ref, outputs: Mapping[int, Any]) -> Any:
    """Return the referenced value.

    Raises   ToolTerminal, in words, when the output has no such place
    """
    if ref.step_number not in outputs:
        raise ToolTerminal(f"{shortened(ref.text)} has no value: step {ref.step_number} has no output")
    value = outputs[ref.step_number]
    for depth, key in enumerate(ref.path):
        named = isinstance(value, dict) and isinstance(key, str) and key in value
        listed = isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
        if not (named or listed):
            raise ToolTerminal(_no_such_place(ref, depth, value))
        value = value[key]
    return value


def render(value: Any, root: Schema, outputs: Mapping[int, Any]) -> Any:
    """Return a step's input with every reference replaced by its value.

    root     the tool's input schema: it says where a number becomes text or part of an expression
    outputs  step number → output, for every step that is referenced
    Raises   ToolTerminal when a reference has no value
    """
    return _render(value, root, (), outputs)


def as_text(value: Any) -> str:
    """Return how a value reads inside longer text: text as it is, numbers plainly, the rest compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _plain(value)
    return msgspec.json.encode(value).decode()


def pointer(path: tuple[str | int, ...]) -> str:
    """Return a path as an RFC 6901 JSON Pointer."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def written(key: str | int) -> str:
    """Return a field name or an index as it stands in a reference."""
    if isinstance(key, int):
        return f"[{key}]"
    plain = " " not in key and _NAME.fullmatch(f".{key}")
    return f".{key}" if plain else f'["{key}"]'


def shortened(text: str) -> str:
    """Return the text as a one-line message can quote it: cut, and without line breaks."""
    shown = "".join(char if char.isprintable() else " " for char in text[:_EXCERPT_CHARS_MAX])
    return shown if len(text) <= _EXCERPT_CHARS_MAX else shown + "…"


def _render(value: Any, root: Schema, path: schemas.Path, outputs: Mapping[int, Any]) -> Any:
    if isinstance(value, str):
        return _render_text(value, root, path, outputs) if OPEN in value else value
    if isinstance(value, dict):
        return {key: _render(inner, root, (*path, key), outputs) for key, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, root, (*path, index), outputs) for index, inner in enumerate(value)]
    return value


def _render_text(text: str, root: Schema, path: schemas.Path, outputs: Mapping[int, Any]) -> Any:
    parts = parse(text)
    here = schemas.at(root, path)
    node = schemas.ANYTHING if here is None else here
    if len(parts) == 1 and isinstance(parts[0], Ref):
        value = look_up(parts[0], outputs)
        if not isinstance(value, bool | int | float):
            return value
        wanted = schemas.types(root, node)
        as_it_is = schemas.accepts(wanted, schemas.type_of(value)) or "string" not in wanted
        return value if as_it_is else as_text(value)
    write: Callable[[Any], str] = _operand if schemas.is_expression(root, node) else as_text
    return "".join(part if isinstance(part, str) else write(look_up(part, outputs)) for part in parts)


def _operand(value: Any) -> str:
    """A value inside an expression; in parentheses unless it is a plain number, so that no operator
    around it can change its meaning."""
    text = as_text(value)
    return text if text.replace(".", "", 1).isdecimal() and text.isascii() else f"({text})"


def _plain(value: float) -> str:
    text = msgspec.json.encode(value).decode()
    if "e" not in text or text == "null":
        return text
    positional = format(Decimal(text), "f")
    return positional if len(positional) <= _PLAIN_DIGITS_MAX else text


def _no_such_place(ref: Ref, depth: int, value: Any) -> str:
    at = f"step {ref.step_number}'s output" + shortened("".join(map(written, ref.path[:depth])))
    key = ref.path[depth]
    if isinstance(key, int) and isinstance(value, list):
        why = f"{at} has {len(value)} item{'' if len(value) == 1 else 's'}, so there is no [{key}]"
    elif isinstance(key, str) and isinstance(value, dict):
        why = f"{at} has no field {shortened(key)!r}"
    else:
        kind = schemas.type_of(value)
        what = "null" if kind == "null" else f"of type {kind}"
        why = f"{at} is {what}, so it has no {shortened(written(key))}"
    return f"{shortened(ref.text)} has no value: {why}"


def _read(text: str, start: int) -> tuple[Ref | None, int]:
    """Read one reference; `None` with the place to go on when the text is not a reference at all."""
    found = _BEGIN.match(text, start)
    if found is None:
        return None, start + len(OPEN)
    number = found[1]
    if len(number) > _STEP_DIGITS_MAX or (number[0] == "0" and number != "0"):
        raise InvalidRef(
            f"{shortened(text[start:])} names no step: steps are numbered from 1", hint=_SPELLING
        )
    at = found.end()
    path: list[str | int] = []
    while at < len(text) and text[at] != "}":
        key, at = _read_key(text, start, at)
        path.append(key)
    if at >= len(text):
        raise InvalidRef(f"{shortened(text[start:])} does not end with a brace", hint=_SPELLING)
    return Ref(int(number), tuple(path), text[start : at + 1]), at + 1


def _read_key(text: str, start: int, at: int) -> tuple[str | int, int]:
    if text[at] == ".":
        named = _NAME.match(text, at)
        if named is not None and named[1] == named[1].strip(" "):
            return named[1], named.end()
    elif text.startswith('["', at):
        end = text.find('"]', at + 2)
        if end != -1:
            return text[at + 2 : end], end + 2
    elif text[at] == "[":
        end = text.find("]", at)
        digits = text[at + 1 : end].removeprefix("-") if end != -1 else ""
        if digits.isascii() and digits.isdigit() and len(digits) <= _INDEX_DIGITS_MAX:
            return int(text[at + 1 : end]), end + 1
    raise InvalidRef(f"{shortened(text[start:])} is not written like a reference", hint=_SPELLING)
