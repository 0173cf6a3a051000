"""`@tool`: a Python function becomes a tool, checked when it is declared and not when it is first used."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

import msgspec

from runwright.core import declaration, signature
from runwright.core.errors import Invalid, ToolTerminal
from runwright.core.plain import NotPlain, plain
from runwright.core.policy import Retry
from runwright.core.signature import Parameters
from runwright.core.tool import Effects, Isolation, ToolContext, ToolSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class DeclaredTool:
    """A function with its description; calling it calls the function.

    parameters   what the function takes, and how it is read from JSON
    is_async     calling the function gives a coroutine
    made_in      name of the module in which it was declared
    """

    spec: ToolSpec
    function: Callable[..., Any] = field(repr=False)
    parameters: Parameters = field(repr=False)
    is_async: bool
    made_in: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for told in ("__module__", "__name__", "__qualname__", "__doc__"):
            vars(self)[told] = getattr(self.function, told, None)
        vars(self)["__wrapped__"] = self.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns, a coroutine where it is async."""
        return self.function(*args, **kwargs)

    @property
    def takes_context(self) -> bool:
        """Whether the function is to be told of the call that it serves."""
        return self.parameters.context_name is not None

    def bind(self, tool_input: Mapping[str, Any], ctx: ToolContext | None) -> Callable[[], Any]:
        """Return the function with its arguments in place, ready to be called once.

        tool_input   plain JSON; every call gets containers of its own, so a tool may change them
        ctx          may be None for a function that takes none
        Raises       ToolTerminal when a value cannot be read as the type its parameter is annotated with
        """
        parameters = self.parameters
        arguments: dict[str, Any] = msgspec.to_builtins(tool_input)
        if parameters.shape is not None:
            values = self._read(arguments, parameters.shape)
            for name in parameters.names:
                if name in arguments:
                    arguments[name] = getattr(values, name)
        if parameters.context_name is not None:
            if parameters.context_name in arguments:
                raise ToolTerminal(f"{self.spec.name} takes no input named `{parameters.context_name}`")
            arguments[parameters.context_name] = ctx
        return functools.partial(self.function, **arguments)

    def _read(self, arguments: dict[str, Any], shape: type[msgspec.Struct]) -> msgspec.Struct:
        try:
            return msgspec.convert(arguments, shape, str_keys=True)
        except msgspec.ValidationError:
            pass
        try:
            # 3.0 is an integer to JSON Schema and not to msgspec
            return msgspec.convert(_whole_as_integers(arguments), shape, str_keys=True)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).replace("`", "").partition(" - at $.")
            where = f" at `{place}`" if place else ""
            text = f"{self.spec.name} cannot read its input{where}: {reason[:1].lower()}{reason[1:200]}"
            raise ToolTerminal(text) from error


def encode_output(value: Any) -> Any:
    """Return what a tool returned as plain JSON values, in containers that the tool does not hold.

    Raises   ToolTerminal when it cannot be written as JSON without changing it
    """
    try:
        return plain(value)
    except NotPlain as error:
        where = f" at `{error.place}`" if error.place else ""
        raise ToolTerminal(f"the tool's result{where} cannot be kept: {error.reason}") from error


@overload
def tool(function: Callable[..., Any], /) -> DeclaredTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    version: str = "1.0.0",
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    effects: Effects = "unsafe",
    isolation: Isolation | None = None,
    timeout_s: float = 30.0,
    memory_bytes_max: int | None = None,
    cpu_s_max: int | None = None,
    retry: Retry | None = None,
) -> Callable[[Callable[..., Any]], DeclaredTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1.0.0",
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    effects: Effects = "unsafe",
    isolation: Isolation | None = None,
    timeout_s: float = 30.0,
    memory_bytes_max: int | None = None,
    cpu_s_max: int | None = None,
    retry: Retry | None = None,
) -> DeclaredTool | Callable[[Callable[..., Any]], DeclaredTool]:
    """Return the function as a tool: `@tool`, `@tool(version="1.2.0", effects="pure")`.

    name            the function's own where none is given
    description     the first paragraph of the docstring where none is given
    input_schema    made from the annotations where none is given; with one, `**kwargs` is allowed
    output_schema   made from the result's annotation where none is given
    effects         pure: reads only · idempotent: twice is as once · keyed: twice with one key is as once ·
                    unsafe: nobody knows; never repeated on its own
    isolation       inline for async functions, thread for others, where none is given; process: one of its
                    own for each call, killed with its children when it passes a limit
    timeout_s       of one attempt
    memory_bytes_max, cpu_s_max   limits of a process tool; where none are given, those of the settings
    Raises          Invalid, when the function is declared, with the fix
    """
    local_names, made_in = _names_around()
    given = {
        "name": name,
        "version": version,
        "description": description,
        "input_schema": input_schema,
        "output_schema": output_schema,
        "effects": effects,
        "isolation": isolation,
        "timeout_s": timeout_s,
        "memory_bytes_max": memory_bytes_max,
        "cpu_s_max": cpu_s_max,
        "retry": retry,
    }

    def declare(function: Callable[..., Any]) -> DeclaredTool:
        return _declare(function, given, local_names, made_in)

    return declare if function is None else declare(function)


def _names_around() -> tuple[dict[str, Any], str | None]:
    """Return what is defined where `tool` is called, and the name of the module.

    Annotations may name classes of a function's body.
    """
    frame = inspect.currentframe()
    caller = frame.f_back.f_back if frame and frame.f_back else None
    return (dict(caller.f_locals), caller.f_globals.get("__name__")) if caller else ({}, None)


def _declare(
    function: Any, given: dict[str, Any], local_names: Mapping[str, Any], made_in: str | None
) -> DeclaredTool:
    if not callable(function) or isinstance(function, type | DeclaredTool):
        raise Invalid(f"@tool stands before a function, not {function!r:.60}; write @tool(name=…) above one")
    name = given["name"] or getattr(function, "__name__", "")
    label = f"tool `{name}`"
    hints = signature.annotated_types(function, label, local_names)
    parameters = signature.parameters(function, label, hints)
    paragraph, words = signature.texts(function.__doc__)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 (an object with an async __call__ is async too)
    )
    spec = ToolSpec(
        name=name,
        version=given["version"],
        description=paragraph if given["description"] is None else given["description"],
        input_schema=declaration.input_schema(label, given["input_schema"], parameters, words),
        output_schema=signature.output_schema(label, hints)
        if given["output_schema"] is None
        else declaration.given_schema(label, "output_schema", given["output_schema"]),
        effects=given["effects"],
        isolation=given["isolation"] or ("inline" if is_async else "thread"),
        timeout_s=given["timeout_s"],
        memory_bytes_max=given["memory_bytes_max"],
        cpu_s_max=given["cpu_s_max"],
        retry=given["retry"] or Retry(),
    )
    declaration.check_facts(label, spec)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Invalid(f"{label}: it yields, and a step has one result; return a list")
    if is_async and spec.isolation == "thread":
        raise Invalid(
            f"{label}: an async function runs inline or in a process, not in a thread; leave isolation out"
        )
    return DeclaredTool(
        spec=spec, function=function, parameters=parameters, is_async=is_async, made_in=made_in
    )


def _whole_as_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
