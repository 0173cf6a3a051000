"""Tool contracts by jsonschema-rs: schemas compiled once, values checked in a microsecond.

Left alone, the library fetches whatever a `$ref` names. Here nothing is ever fetched: a schema that
leads out of itself is refused when the tool is registered. Formats that it does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

from runwright.core.declaration import foreign_ref
from runwright.core.errors import Invalid
from runwright.core.schema import ANY_TYPE, type_of
from runwright.core.tool import Fault, Faults, ToolContract, ToolSpec

_Kind = jsonschema_rs.ValidationErrorKind
_ALTERNATIVES = (_Kind.AnyOf, _Kind.OneOfNotValid)
_UNEXPECTED = (_Kind.AdditionalProperties, _Kind.UnevaluatedProperties)
_TYPES = sorted(ANY_TYPE)
_FAULTS_MAX = 100
_SHOWN_MAX = 100  # characters of a value, a name or a pattern inside a message
_OPTIONS_MAX = 10  # of an enum
_SENTENCES = {
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "exclusiveMinimum": "must be more than {limit}",
    "exclusiveMaximum": "must be less than {limit}",
    "multipleOf": "must be a multiple of {multiple_of}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "minItems": "must have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "minProperties": "must have at least {limit} fields",
    "maxProperties": "must have at most {limit} fields",
    "uniqueItems": "must not hold an item twice",
    "oneOf": "fits more than one of the ways that exclude each other",
    "falseSchema": "must not be there",
}
# A pattern with look-around or back-references backtracks; this bounds it to milliseconds.
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)


def contract(spec: ToolSpec) -> ToolContract:
    """Return the tool with the validators of its schemas.

    Raises   Invalid naming the tool, the schema and the place in it that cannot be used
    """
    return ToolContract(
        spec=spec,
        input_faults=_faults(f"the input_schema of tool `{spec.name}`", spec.input_schema),
        output_faults=_faults(f"the output_schema of tool `{spec.name}`", spec.output_schema),
    )


def _faults(label: str, schema: dict[str, Any]) -> Faults:
    """Return the function that lists where a value does not fit the schema."""
    if not schema:
        return _none
    ref = foreign_ref(schema)
    if ref is not None:
        raise Invalid(f"{label} refers to {_shown(ref)}; only `#/…` inside the schema can be followed")
    try:
        validator = jsonschema_rs.validator_for(
            schema, retriever=_refuse, validate_formats=False, pattern_options=_PATTERNS
        )
    except ValueError as error:
        raise Invalid(f"{label} is no JSON Schema{_defect(error)}") from error

    def faults(value: Any) -> tuple[Fault, ...]:
        try:
            if validator.is_valid(value):
                return ()
            return tuple(islice(_each(validator.iter_errors(value), value), _FAULTS_MAX))
        except ValueError:  # not a defect of the schema: half a surrogate pair, bytes, keys that are numbers
            return (Fault((), "type", "is not made of JSON values"),)

    return faults


def _none(_: Any) -> tuple[Fault, ...]:
    return ()


def _refuse(uri: str) -> NoReturn:
    raise LookupError(uri)


def _defect(error: ValueError) -> str:
    """Return where a schema is wrong and why, as the end of a sentence."""
    if not isinstance(error, jsonschema_rs.ValidationError):
        return ": it is nested too deep, or holds what is not JSON"
    path = error.instance_path
    if path[-1:] == ["type"] and path[-2:-1] != ["properties"]:
        given = error.instance if isinstance(error.instance, list) else [error.instance]
        wrong = next((kind for kind in given if kind not in _TYPES), error.instance)
        return f" at {_pointer(path)}: {_shown(wrong)} is none of {', '.join(_TYPES)}"
    where = f" at {_pointer(path)}" if path else ""
    return f"{where}: {_message(error)}"


def _each(errors: Iterable[jsonschema_rs.ValidationError], root: Any) -> Iterator[Fault]:
    for error in errors:
        yield from _of_one(error, root)


def _of_one(error: jsonschema_rs.ValidationError, root: Any) -> Iterator[Fault]:
    path, keyword, kind = tuple(error.instance_path), error.kind.name, error.kind
    if isinstance(kind, _Kind.Required):
        yield Fault(path, keyword, f"{_shown(kind.property)} is missing", kind.property)
    elif isinstance(kind, _UNEXPECTED):
        yield from _unexpected(path, keyword, kind.unexpected)
    elif isinstance(kind, _Kind.FalseSchema) and _is_closed_and_empty(error):
        for key in path:
            root = root[key]
        yield from _unexpected(path, "additionalProperties", root)
    elif isinstance(kind, _ALTERNATIVES):
        meant = [way for way in kind.context if not any(_misses(error, inner) for inner in way)]
        if len(meant) == 1:
            yield from _each(meant[0], root)
        else:
            yield _no_way(error, kind.context)
    else:
        yield Fault(path, keyword, _message(error))


def _unexpected(path: tuple[str | int, ...], keyword: str, names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        yield Fault(path, keyword, f"{_shown(name)} is not expected", name)


def _is_closed_and_empty(error: jsonschema_rs.ValidationError) -> bool:
    """Whether an object may hold nothing at all; the library does not name the fields of such a one."""
    return error.schema_path[-1:] == ["additionalProperties"] and error.schema_path[-2:-1] != ["properties"]


def _misses(outer: jsonschema_rs.ValidationError, inner: jsonschema_rs.ValidationError) -> bool:
    """Whether a way of an anyOf fails already by its kind, so that nobody meant it."""
    return inner.kind.name in ("type", "enum", "const") and inner.instance_path == outer.instance_path


def _no_way(error: jsonschema_rs.ValidationError, ways: list[list[jsonschema_rs.ValidationError]]) -> Fault:
    path = tuple(error.instance_path)
    types = [
        t for way in ways for inner in way if isinstance(inner.kind, _Kind.Type) for t in inner.kind.types
    ]
    if all(any(_misses(error, inner) and inner.kind.name == "type" for inner in way) for way in ways):
        return Fault(path, "type", _not_of(types, error.instance))
    shown = _shown(error.instance)
    return Fault(path, error.kind.name, f"fits none of the {len(ways)} ways that are allowed, got {shown}")


def _message(error: jsonschema_rs.ValidationError) -> str:
    """Return one short line about a value that does not fit."""
    kind, value = error.kind, error.instance
    if isinstance(kind, _Kind.Type):
        return _not_of(kind.types, value)
    if isinstance(kind, _Kind.Enum):
        options = ", ".join(_literal(option) for option in kind.options[:_OPTIONS_MAX])
        more = f" and {len(kind.options) - _OPTIONS_MAX} more" if len(kind.options) > _OPTIONS_MAX else ""
        return f"must be one of {options}{more}, got {_shown(value)}"
    if isinstance(kind, _Kind.Constant):
        return f"must be {_literal(kind.expected_value)}, got {_shown(value)}"
    if isinstance(kind, _Kind.Pattern):
        return f"must match the pattern {_shown(kind.pattern)}, got {_shown(value)}"
    if isinstance(kind, _Kind.PropertyNames):
        return f"has a name that is not allowed: {_message(kind.error)}"
    if kind.name in _SENTENCES:
        return f"{_SENTENCES[kind.name].format(**kind.as_dict())}, got {_shown(value)}"
    return _line(error.message)


def _not_of(types: list[str], value: Any) -> str:
    plainly = "" if value is None or isinstance(value, dict | list) else f" {_shown(value)}"
    return f"must be {' or '.join(types)}, not {type_of(value)}{plainly}"


def _shown(value: Any) -> str:
    """Return a value as it can stand in a sentence, shortened."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return _literal(value)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return msgspec.json.encode(_short(value)).decode()
    return _short(msgspec.json.encode(value).decode())


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _line(text: str) -> str:
    return _short(text.partition("\n")[0])


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)
