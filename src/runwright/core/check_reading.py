"""A step as the plan check sees it: every reference found, every malformed one set aside.

What cannot be read in bounded time (nested too deep, or no JSON) is reported and then left out, so that the
rest of the plan is still checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from runwright.core import refs
from runwright.core.errors import InvalidRef
from runwright.core.plan import Problem, Step
from runwright.core.policy import Limits
from runwright.core.refs import Place, Ref
from runwright.core.schema import Path
from runwright.core.tool import ToolContract

_MARK = refs.OPEN.encode()


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step, read.

    tool       None when there is no such tool
    known      the input with null where a reference stands and with its escapes resolved; None when the
               input could not be read
    when       the condition; None when there is none, or it could not be read
    places     strings with references; their paths begin with `tool_input` or `when`
    links      the number of every step that this step waits for, and where the step says so
    malformed  paths of strings whose references cannot be read
    problems   what was wrong already while reading
    """

    position: int
    step: Step
    tool: ToolContract | None
    known: dict[str, Any] | None
    when: dict[str, Any] | None
    places: tuple[Place, ...]
    links: tuple[tuple[int, Path], ...]
    malformed: frozenset[Path]
    problems: tuple[Problem, ...]

    def references(self) -> Iterator[tuple[Place, Ref]]:
        """Yield every reference of the step with the place where it stands."""
        return ((place, part) for place in self.places for part in place.parts if isinstance(part, Ref))

    def open_places(self) -> frozenset[Path]:
        """Return the paths inside the input at which a value is not known yet."""
        paths = {place.path for place in self.places} | self.malformed
        return frozenset(path[1:] for path in paths if path[0] == "tool_input")

    def problem(self, code: str, message: str, path: Path = (), hint: str = "") -> Problem:
        """Return a problem that points at a path inside this step."""
        return problem_at(self.position, self.step, code, message, path, hint)


def problem_at(
    position: int, step: Step, code: str, message: str, path: Path = (), hint: str = ""
) -> Problem:
    """Return a problem that points at a path inside a step."""
    return Problem(
        code=code,
        message=message,
        step_number=step.step_number,
        pointer=f"/steps/{position}{refs.pointer(path)}",
        hint=hint or None,
    )


def read(position: int, step: Step, tool: ToolContract | None, limits: Limits) -> Reading:
    """Return the step with its references found."""
    places: list[Place] = []
    malformed: dict[Path, InvalidRef] = {}
    problems: list[Problem] = []
    readable: dict[str, Any] = {}
    for name, value in (("tool_input", step.tool_input), ("when", step.when)):
        if value is None:
            continue
        encoded, refusal = _measured(name, value, limits)
        if refusal is not None:
            problems.append(problem_at(position, step, *refusal))
        if _MARK in encoded:
            readable[name] = _without_references(value, (name,), places, malformed)
        elif encoded:
            readable[name] = value
    for path, error in malformed.items():
        problems.append(problem_at(position, step, "invalid_value", error.message, path, error.hint or ""))
    return Reading(
        position=position,
        step=step,
        tool=tool,
        known=readable.get("tool_input"),
        when=step.when if "when" in readable else None,
        places=tuple(places),
        links=_links(step, places),
        malformed=frozenset(malformed),
        problems=tuple(problems),
    )


def _links(step: Step, places: Sequence[Place]) -> tuple[tuple[int, Path], ...]:
    if not places and not step.depends_on:
        return ()
    found: list[tuple[int, Path]] = [
        (part.step_number, place.path) for place in places for part in place.parts if isinstance(part, Ref)
    ]
    first: dict[int, int] = {}
    for index, needed in enumerate(step.depends_on):
        first.setdefault(needed, index)
    found.extend((needed, ("depends_on", index)) for needed, index in first.items())
    return tuple(found)


def _measured(name: str, value: Any, limits: Limits) -> tuple[bytes, tuple[str, str, Path, str] | None]:
    """A part of a step as JSON, empty when it cannot be read; and the problem with it if there is one."""
    try:
        encoded = msgspec.json.encode(value)
    except RecursionError:
        return b"", _too_deep(name, value, limits)
    except (TypeError, ValueError):
        said = f"`{name}` holds something that JSON cannot hold, or a number of too many digits"
        return b"", ("invalid_value", said, (name,), "pass plain JSON values")
    # what has few brackets cannot be deep, and needs no walk
    if encoded.count(b"{") + encoded.count(b"[") > limits.json_depth_max and (
        refusal := _too_deep(name, value, limits)
    ):
        return b"", refusal
    if len(encoded) > limits.input_bytes_max:
        said = f"`{name}` is {len(encoded)} bytes, the limit is {limits.input_bytes_max}"
        hint = "pass less, or pass it in several steps"
        return encoded, ("invalid_value", f"{said} (setting RUNWRIGHT_INPUT_BYTES_MAX)", (name,), hint)
    return encoded, None


def _too_deep(name: str, value: Any, limits: Limits) -> tuple[str, str, Path, str] | None:
    depth = _depth(value)
    if depth <= limits.json_depth_max:
        return None
    said = f"`{name}` is nested {depth} deep, the limit is {limits.json_depth_max}"
    return "too_deep", f"{said} (setting RUNWRIGHT_JSON_DEPTH_MAX)", (name,), "nest it less"


def _depth(value: Any) -> int:
    """How many lists and objects stand inside one another."""
    depth = 0
    level = [value]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [one for part in level for one in (part.values() if isinstance(part, dict) else part)]
    return depth


def _without_references(
    value: Any, path: Path, places: list[Place], malformed: dict[Path, InvalidRef]
) -> Any:
    """The value with null where a reference stands; what was found is added to `places` and `malformed`."""
    if isinstance(value, dict):
        return {k: _without_references(v, (*path, k), places, malformed) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_references(v, (*path, n), places, malformed) for n, v in enumerate(value)]
    if not isinstance(value, str) or refs.OPEN not in value:
        return value
    try:
        parts = refs.parse(value)
    except InvalidRef as error:
        malformed[path] = error
        return None
    literal = [part for part in parts if isinstance(part, str)]
    if len(literal) == len(parts):
        return "".join(literal)
    places.append(Place(path, parts))
    return None
