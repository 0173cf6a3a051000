"""What an author writes into a declaration, checked: each defect is one sentence with the fix."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, get_args

from runwright.core import schema as schemas
from runwright.core.errors import Invalid
from runwright.core.plain import NotPlain, plain
from runwright.core.policy import Retry
from runwright.core.signature import Parameters, described
from runwright.core.tool import NAME_PATTERN, Effects, Isolation

_VERSION_PATTERN = r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}"
_ATTEMPTS_MAX = 100
MEMORY_LEAST, MEMORY_MOST = 16 * 1024**2, 1024**4
CPU_S_MOST = 86_400


def check_facts(label: str, spec: Any) -> None:
    """Refuse what no run could work with.

    spec   a ToolSpec; its fields may hold anything, for nothing has looked at them yet
    """
    if not isinstance(spec.name, str) or not re.fullmatch(NAME_PATTERN, spec.name):
        raise Invalid(f"{label}: a name starts with a letter, then letters, digits and _.-; give name=…")
    if not isinstance(spec.version, str) or not re.fullmatch(_VERSION_PATTERN, spec.version):
        raise Invalid(f'{label}: version {spec.version!r:.60} is none; write it like "1.2.0"')
    if not isinstance(spec.description, str):
        raise Invalid(f"{label}: description must be text")
    if any("\ud800" <= character <= "\udfff" for character in spec.description):
        raise Invalid(f"{label}: the description holds half of a surrogate pair, which is no character")
    for field_name, allowed in (("effects", get_args(Effects)), ("isolation", get_args(Isolation))):
        value = getattr(spec, field_name)
        if value not in allowed:
            raise Invalid(f"{label}: {field_name} is {value!r:.60}; choose one of {', '.join(allowed)}")
    if not _is_number(spec.timeout_s) or spec.timeout_s <= 0:
        raise Invalid(f"{label}: timeout_s is {spec.timeout_s!r:.60}; it must be more than 0 seconds")
    for field_name, least, most in (
        ("memory_bytes_max", MEMORY_LEAST, MEMORY_MOST),
        ("cpu_s_max", 1, CPU_S_MOST),
    ):
        value = getattr(spec, field_name)
        if value is None:
            continue
        if spec.isolation != "process":
            raise Invalid(f'{label}: {field_name} binds processes only; add isolation="process"')
        if type(value) is not int or not least <= value <= most:
            raise Invalid(
                f"{label}: {field_name} is {value!r:.60}; it must be an integer from {least} to {most}"
            )
    retry = spec.retry
    if not isinstance(retry, Retry):
        raise Invalid(f"{label}: retry must be a Retry, such as Retry(attempts_max=2)")
    if type(retry.attempts_max) is not int or not 1 <= retry.attempts_max <= _ATTEMPTS_MAX:
        raise Invalid(f"{label}: retry.attempts_max must be 1 to {_ATTEMPTS_MAX}")
    waits = (retry.base_s, retry.factor, retry.max_s, retry.jitter_s)
    if not all(_is_number(wait) and wait >= 0 for wait in waits):
        raise Invalid(f"{label}: the numbers of retry must not be negative")


def input_schema(label: str, given: Any, parameters: Parameters, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of a tool's input: the given one if it fits the function, else the function's own.

    words   what the docstring says of each parameter
    """
    if given is None:
        if parameters.takes_others:
            raise Invalid(
                f"{label}: `**` says nothing of the input; name the parameters or give input_schema"
            )
        return described(parameters.schema, words)
    schema = given_schema(label, "input_schema", given)
    kinds = schema.get("type", "object")
    named = "object" in (kinds if isinstance(kinds, list) else [kinds])
    if not named or "object" not in schemas.types(schema, schema):
        raise Invalid(f'{label}: input_schema must describe an object; write "type": "object"')
    fields = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(fields, dict) or not isinstance(required, list):
        raise Invalid(f"{label}: input_schema needs an object as `properties` and a list as `required`")
    if parameters.context_name in fields:
        raise Invalid(f"{label}: `{parameters.context_name}` is the ToolContext; name the input otherwise")
    if not parameters.takes_others:
        strange = next((field for field in fields if field not in parameters.names), None)
        if strange is not None:
            raise Invalid(
                f"{label}: the function does not take `{strange}` of input_schema; add it or `**kwargs`"
            )
    bare = next((field for field in parameters.required if field not in required), None)
    if bare is not None:
        raise Invalid(f"{label}: input_schema does not require `{bare}`, which has no default; give it one")
    return _closed(schema)


_OPENING = (
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, closed unless it says otherwise: an input that nobody named is a slip, not a wish."""
    if "properties" not in schema or any(keyword in schema for keyword in _OPENING):
        return schema
    return {**schema, "additionalProperties": False}


def given_schema(label: str, which: str, given: Any) -> dict[str, Any]:
    """Return the schema in containers of its own, so that nobody changes it later."""
    if not isinstance(given, dict):
        raise Invalid(f"{label}: {which} must be a JSON Schema as a dict, not {type(given).__name__}")
    try:
        schema: dict[str, Any] = plain(given)
    except NotPlain as error:
        where = f" at `{error.place}`" if error.place else ""
        raise Invalid(f"{label}: {which}{where} is not JSON: {error.reason}") from error
    ref = foreign_ref(schema)
    if ref is not None:
        raise Invalid(
            f"{label}: {which} refers to {ref!r:.100}; only `#/…` inside the schema can be followed"
        )
    return schema


def foreign_ref(schema: Any) -> str | None:
    """Return the first `$ref` of a schema that leads out of it, where there is one."""
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
                ref = node.get(keyword, "#")
                if isinstance(ref, str) and not ref.startswith("#"):
                    return ref
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
    return None


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max
