"""What is wrong with the values that stand in a step's input, as far as they are known before the run.

The input is validated with null at the places of references. A fault that such a null may have caused is
not reported: one at the place itself never (`check_refs` judges its type); one at an object or list around
it only for keywords that look at names and numbers of fields, not at values; and where the schema leaves
several alternatives, or an `if`, only what holds in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from runwright.core import schema as schemas
from runwright.core.check_hints import choice, one_line, place_name, wanted_at
from runwright.core.check_reading import Reading
from runwright.core.plan import Problem
from runwright.core.schema import ANYTHING, Path, Schema
from runwright.core.tool import Fault, ToolSpec

_FAULTS_MAX = 1_000
_UNEXPECTED = frozenset(
    {
        "additionalProperties",
        "unevaluatedProperties",
        "additionalItems",
        "unevaluatedItems",
        "falseSchema",
        "propertyNames",
    }
)
_MISSING = frozenset({"required", "dependentRequired", "dependencies"})
# These look at the names and the number of fields or items only, which a reference does not change.
_STRUCTURAL = (
    _MISSING
    | _UNEXPECTED - {"unevaluatedProperties", "unevaluatedItems"}
    | {"type", "minProperties", "maxProperties", "minItems", "maxItems"}
)


def value_problems(reading: Reading) -> Iterator[Problem]:
    """Yield what is certainly wrong with the known values of a step's input."""
    if reading.tool is None or reading.known is None:
        return
    found = tuple(islice(reading.tool.input_faults(reading.known), _FAULTS_MAX))
    if not found:
        return
    root = reading.tool.spec.input_schema
    for fault in _certain(found, root, reading.known, reading.open_places()):
        yield from _problems_of(reading, reading.tool.spec, reading.known, fault)


def _certain(
    faults: Iterable[Fault], root: Schema, known: dict[str, Any], open_places: frozenset[Path]
) -> Iterator[Fault]:
    """Yield the faults that stay, whatever values come to stand at the open places."""
    if not open_places:
        yield from faults
        return
    elsewhere = [fault for fault in faults if open_places.isdisjoint(_prefixes(fault.path))]
    if not elsewhere:
        return
    around = {path[:end] for path in open_places for end in range(len(path))}
    conditional = schemas.is_conditional(root)
    for fault in elsewhere:
        above = (path for path in _prefixes(fault.path) if path in around)
        fork = next((path for path in above if _is_choice(root, known, path)), None)
        if fork is not None:
            is_certain = not _may_hold(root, known, fork, open_places)
        elif conditional or (fault.path in around and fault.keyword not in _STRUCTURAL):
            is_certain = _is_ruled_out(root, known, fault, open_places)
        else:
            is_certain = True
        if is_certain:
            yield fault


def _prefixes(path: Path) -> list[Path]:
    return [path[:end] for end in range(len(path) + 1)]


def _is_choice(root: Schema, known: dict[str, Any], path: Path) -> bool:
    node = schemas.at(root, path)
    return node is not None and schemas.is_choice(root, node, schemas.type_of(_value_at(known, path)))


def _is_ruled_out(root: Schema, known: dict[str, Any], fault: Fault, open_places: frozenset[Path]) -> bool:
    node = schemas.at(root, fault.path)
    if node is not None and fault.keyword == "required":
        return schemas.requires(root, node, fault.subject)
    if node is not None and fault.keyword in _UNEXPECTED and fault.subject:
        return schemas.child(root, node, fault.subject) is None
    return not _may_hold(root, known, fault.path, open_places)


def _may_hold(root: Schema, known: dict[str, Any], path: Path, open_places: frozenset[Path]) -> bool:
    node = schemas.at(root, path)
    return node is not None and schemas.may_hold(root, node, _value_at(known, path), open_places, path)


def _problems_of(reading: Reading, spec: ToolSpec, known: dict[str, Any], fault: Fault) -> Iterator[Problem]:
    root = spec.input_schema
    found = schemas.at(root, fault.path)
    node = ANYTHING if found is None else found
    value = _value_at(known, fault.path)
    kind, wanted = schemas.type_of(value), schemas.types(root, node)
    if fault.keyword in _UNEXPECTED:
        yield from (unexpected(reading, spec, path) for path in _surplus(root, node, value, fault))
    elif fault.subject and fault.keyword in _MISSING:
        yield _missing(reading, spec, (*fault.path, fault.subject))
    elif wanted and not schemas.accepts(wanted, kind):
        yield mistyped(reading, spec, fault.path, kind, node)
    else:
        code = "wrong_type" if fault.keyword == "type" else "invalid_value"
        said = f"`{place_name(fault.path)}` does not fit {spec.name}: {one_line(fault.message)}"
        yield reading.problem(code, said, ("tool_input", *fault.path), f"give {wanted_at(root, node)}")


def mistyped(reading: Reading, spec: ToolSpec, path: Path, kind: str, node: Schema) -> Problem:
    """Return the problem of a value of the wrong type, where the schema says `node`."""
    wanted = schemas.in_words(schemas.types(spec.input_schema, node))
    said = f"`{place_name(path)}` is of type {kind}, but {spec.name} wants {wanted}"
    hint = f"give {wanted_at(spec.input_schema, node)}"
    return reading.problem("wrong_type", said, ("tool_input", *path), hint)


def _missing(reading: Reading, spec: ToolSpec, path: Path) -> Problem:
    node = schemas.at(spec.input_schema, path)
    wanted = wanted_at(spec.input_schema, ANYTHING if node is None else node)
    said = f"{spec.name} needs `{place_name(path)}`"
    return reading.problem("missing_input", said, ("tool_input", *path), f"add it: {wanted}")


def _surplus(root: Schema, node: Schema, value: Any, fault: Fault) -> list[Path]:
    """The paths of the fields or items that must not be there."""
    if fault.subject:
        return [(*fault.path, fault.subject)]
    inner = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(*fault.path, key) for key in inner if schemas.child(root, node, key) is None] or [fault.path]


def unexpected(reading: Reading, spec: ToolSpec, path: Path) -> Problem:
    """Return the problem of a field or an item for which the tool has no place."""
    parent = schemas.at(spec.input_schema, path[:-1])
    names = [] if parent is None else schemas.fields(spec.input_schema, parent)
    hint = choice(str(path[-1]), names, "fields") if path else ""
    said = f"{spec.name} takes no `{place_name(path)}`"
    return reading.problem("unexpected_input", said, ("tool_input", *path), hint)


def _value_at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
