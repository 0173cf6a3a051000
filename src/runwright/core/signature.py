"""What a function says of itself: JSON Schemas from its annotations, words from its docstring.

The same struct that a schema is made from also reads the input, so that what a schema promises and what
a function gets cannot differ. Schemas are JSON Schema draft 2020-12 with every type in their own `$defs`.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Optional, get_args, get_type_hints

import msgspec

from runwright.core.errors import Invalid
from runwright.core.plain import NotPlain, plain
from runwright.core.tool import ToolContext

_PART = "#/$defs/"
_JSON_TYPES = "use JSON types, dataclasses, TypedDicts, enums or Literal"
_ARGUMENTS = re.compile(r"(args|arguments|parameters):\s*", re.IGNORECASE)
_ARGUMENT = re.compile(r"\*{0,2}([^\W\d]\w*)(?:\s*\([^()]*\))?\s*:\s*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a function takes, read once.

    names          of the parameters that come from the input, in order
    required       those of them without a default
    shape          reads the input: one field a parameter, unset where it was not given; None without any
    schema         of the input, as the annotations have it
    context_name   of the parameter that wants the ToolContext
    takes_others   it has `**kwargs`
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    shape: type[msgspec.Struct] | None
    schema: dict[str, Any]
    context_name: str | None
    takes_others: bool


def annotated_types(
    function: Callable[..., Any], label: str, local_names: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the types that a function's annotations name, its result's under `return`.

    local_names   what the annotations may name besides the globals of the function
    Raises        Invalid when one names something that is not there
    """
    hinted: Any = function
    while isinstance(hinted, functools.partial):
        hinted = hinted.func
    if not inspect.isroutine(hinted):
        hinted = type(hinted).__call__
    try:
        try:
            return get_type_hints(hinted, include_extras=True)
        except NameError:
            return get_type_hints(hinted, localns=dict(local_names), include_extras=True)
    except NameError as error:
        raise Invalid(
            f"{label}: an annotation names `{error.name}`, which is not there when the module runs; "
            "import it outside of `if TYPE_CHECKING`"
        ) from error
    except (TypeError, SyntaxError) as error:
        raise Invalid(f"{label}: an annotation cannot be read; {_JSON_TYPES}") from error


def parameters(function: Callable[..., Any], label: str, hints: Mapping[str, Any]) -> Parameters:
    """Return what a function takes; `hints` are its `annotated_types`.

    Raises   Invalid naming the parameter that cannot be served from JSON
    """
    context_name: str | None = None
    takes_others = False
    types: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for parameter in _signature(function, label).parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_others = True
        elif parameter.kind is parameter.VAR_POSITIONAL or parameter.kind is parameter.POSITIONAL_ONLY:
            raise Invalid(f"{label}: `{parameter}` cannot be given by name; declare it as a named parameter")
        elif _is_context(parameter.name, hint):
            context_name = parameter.name
        elif parameter.name.startswith("__"):
            raise Invalid(f"{label}: `{parameter.name}` begins with two underscores; choose another name")
        else:
            types[parameter.name] = hint = Any if hint is object else hint
            if parameter.default is not parameter.empty:
                default = _default(label, parameter.name, parameter.default)
                types[parameter.name] = _with_default(label, parameter.name, hint, default)
                defaults[parameter.name] = default
    shape = _shape(label, types, frozenset(defaults), takes_others)
    schema: dict[str, Any] = _schema(shape, label, "its input has") if shape else {"type": "object"}
    schema.pop("title", None)
    for name, default in defaults.items():
        schema["properties"][name].setdefault("default", default)
    return Parameters(
        names=tuple(types),
        required=tuple(name for name in types if name not in defaults),
        shape=shape,
        schema=schema,
        context_name=context_name,
        takes_others=takes_others,
    )


def output_schema(label: str, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a function's result; `{}`, anything, where the annotations leave it open.

    Dataclasses, TypedDicts and structs are closed: a reference to a field they lack is a defect of a plan.
    """
    hint = hints.get("return", Any)
    if hint is object or hint is NoReturn:
        return {}
    if hint in (bytes, bytearray, memoryview):
        raise Invalid(f"{label}: bytes are not JSON; return text, such as its base64")
    return _schema(hint, label, f"the result type `{_name(hint)}` has")


def texts(docstring: str | None) -> tuple[str, dict[str, str]]:
    """Return the first paragraph as one line, and what the `Args:` section says of each parameter."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    first: list[str] = []
    for line in lines:
        if not line.strip() or _ARGUMENTS.fullmatch(line):
            break
        first.append(line.strip())
    start = next((index for index, line in enumerate(lines, 1) if _ARGUMENTS.fullmatch(line)), len(lines))
    return " ".join(first), _arguments(lines[start:])


def _arguments(lines: list[str]) -> dict[str, str]:
    """Return the texts of an `Args:` section, whose lines these are, up to the next section."""
    found: dict[str, list[str]] = {}
    margin = 0
    name = ""
    for line in lines:
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not text:
            continue
        if not indent:
            break
        margin = margin or indent
        match = _ARGUMENT.fullmatch(text) if indent <= margin else None
        if match:
            name = match[1]
            found[name] = [match[2]]
        elif name:
            found[name].append(text)
    return {name: " ".join(filter(None, parts)) for name, parts in found.items()}


def described(schema: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Return an object's schema whose fields carry these descriptions, unless they have their own."""
    fields = {
        name: {**field, "description": words[name]}
        if words.get(name) and isinstance(field, dict) and "description" not in field
        else field
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": fields} if fields else schema


def _signature(function: Callable[..., Any], label: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError as error:
        raise Invalid(f"{label}: Python does not say what it takes; write a function around it") from error


def _is_context(name: str, hint: Any) -> bool:
    return hint is ToolContext or ToolContext in get_args(hint) or (name == "ctx" and hint is Any)


def _default(label: str, name: str, value: Any) -> Any:
    try:
        return plain(value)
    except NotPlain as error:
        raise Invalid(
            f"{label}: the default of `{name}` cannot be written as JSON: {error.reason}"
        ) from error


def _with_default(label: str, name: str, hint: Any, default: Any) -> Any:
    """Return the type of a parameter whose default must fit it; None as default makes it optional."""
    try:
        msgspec.convert(default, hint, str_keys=True)
    except msgspec.ValidationError as error:
        if default is None:
            return Optional[hint]  # noqa: UP045 (`|` is not defined for every annotation)
        raise Invalid(f"{label}: the default of `{name}` does not fit its annotation") from error
    except (TypeError, NameError, AttributeError):
        return hint  # the schema says what is wrong with it
    return hint


def _shape(
    label: str, types: Mapping[str, Any], optional: frozenset[str], takes_others: bool
) -> type[msgspec.Struct] | None:
    if takes_others and not types:
        return None
    for name, hint in types.items():
        _schema(hint, label, f"the type `{_name(hint)}` of `{name}` has")
    fields = [(name, hint, *([msgspec.UNSET] if name in optional else [])) for name, hint in types.items()]
    return msgspec.defstruct("Input", fields, kw_only=True, forbid_unknown_fields=not takes_others)


def _schema(hint: Any, label: str, whose: str) -> dict[str, Any]:
    """Return the schema of a type, its own parts under `$defs`, closed."""
    try:
        (root,), parts = msgspec.json.schema_components((hint,), ref_template=_PART + "{name}")
    except NameError as error:
        raise Invalid(f"{label}: {whose} a part `{error.name}` that its module does not know") from error
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Invalid(f"{label}: {whose} no JSON Schema; {_JSON_TYPES}") from error
    for part in parts.values():
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
    name = root.get("$ref", "").removeprefix(_PART)
    if name:
        root = dict(parts[name])
        if f'"{_PART}{name}"'.encode() not in msgspec.json.encode(parts):
            del parts[name]  # nothing inside points back to it
    return {**root, "$defs": parts} if parts else dict(root)


def _name(hint: Any) -> str:
    return (hint.__name__ if isinstance(hint, type) else str(hint))[:80]
