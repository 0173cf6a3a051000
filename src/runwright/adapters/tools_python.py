"""Tools out of Python files, folders of them, and installed packages.

A file runs under a private module name, so that it never takes the place of a module that happens to
have its name, and anew each time it is loaded, so that an edit is seen and what runs keeps its old code.
What counts is every tool that a file holds at its top level, by itself or in a list, tuple or dict,
except those it imported from a module that holds them already. Files of one folder may import each
other by `from .other import …`; folders inside it are theirs to import and are not searched.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from traceback import walk_tb
from types import CodeType, ModuleType
from typing import Any

from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid, RunwrightError

GROUP = "runwright.tools"
_CAUSE_MAX = 300
_PREFIX = "_runwright_tools_"
_loads = count(1)


def load(path: str | Path) -> list[DeclaredTool]:
    """Return the tools of a `.py` file, or of all such files of a folder, in the order of their names.

    Raises   Invalid with file, line and cause when a file cannot be run, when there is no tool, and when
             two have the same name and version
    """
    given = Path(path).expanduser()
    package = ModuleType(f"{_PREFIX}{next(_loads)}")
    files = _files(given)
    package.__path__ = [str(given.resolve() if given.is_dir() else given.resolve().parent)]
    importlib.invalidate_caches()
    sys.modules[package.__name__] = package
    try:
        found = [(str(file), tool) for file in files for tool in _held(_run(package, file))]
        if not found:
            raise Invalid(f"{given} holds no tool; write @tool (from runwright import tool) above a function")
        return _distinct(found)
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == package.__name__]:
            del sys.modules[name]
        raise


def entry_points() -> list[DeclaredTool]:
    """Return the tools that installed packages offer under `runwright.tools`.

    What an entry point names is a tool, a list of them, or a module that holds some.

    Raises   Invalid naming the entry point that cannot be used
    """
    from importlib import metadata  # costs a start without such packages nothing

    found: list[tuple[str, DeclaredTool]] = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        label = f"entry point {point.name} = {point.value}"
        try:
            value = point.load()
        except (Exception, SystemExit) as error:
            raise Invalid(f"{label}: {_cause(error)}") from error
        tools = list(_held(value) if isinstance(value, ModuleType) else _tools_in(value))
        if not tools:
            raise Invalid(f"{label} names neither a tool, nor a list of tools, nor a module with tools")
        found += [(label, tool) for tool in tools]
    return _distinct(found)


class _Anew(SourceFileLoader):
    """Compiles the file as it is now: cached bytecode may be older than an edit of the same second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _files(given: Path) -> list[Path]:
    if given.is_file():
        if given.suffix != ".py":
            raise Invalid(f"{given} is no Python file; a tool file ends in .py")
        return [given]
    if not given.is_dir():
        raise Invalid(f"there is no tool file or folder {given}")
    folder = given.resolve()
    files = sorted(file for file in given.glob("*.py") if not file.name.startswith("."))
    for file in files:
        if not file.resolve().is_relative_to(folder):
            raise Invalid(f"{file} is a link that leads out of the folder; put the file itself there")
    return [file for file in files if file.is_file()]


def _run(package: ModuleType, file: Path) -> ModuleType:
    """Return the module that the file makes, unless a file before it has imported it already."""
    name = f"{package.__name__}.{file.stem.replace('.', '/')}"
    if name in sys.modules:
        return sys.modules[name]
    real = str(file.resolve())
    spec = spec_from_file_location(name, real, loader=_Anew(name, real))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Invalid(f"{file}:{_line(error, real)}: {_cause(error)}{_fix(error, file)}") from error
    return module


def top_level(module: ModuleType) -> Iterator[DeclaredTool]:
    """Yield the tools at the top level of a module, by themselves or in a list, tuple or dict."""
    for value in list(vars(module).values()):
        yield from _tools_in(value)


def is_tool_file(module: ModuleType) -> bool:
    """Whether `load` has made this module of a file."""
    return module.__name__.startswith(_PREFIX)


def _held(module: ModuleType) -> Iterator[DeclaredTool]:
    """Yield the tools that were made in this module."""
    for tool in top_level(module):
        owner = sys.modules.get(vars(tool)["__module__"] or "")
        if owner is None or f"{owner.__name__}.".startswith(f"{module.__name__}."):
            yield tool
        elif not any(other is tool for other in vars(owner).values()):
            yield tool  # a function from elsewhere, made a tool here


def _tools_in(value: Any) -> Iterator[DeclaredTool]:
    if isinstance(value, DeclaredTool):
        yield value
    elif isinstance(value, list | tuple | dict):
        items = value.values() if isinstance(value, dict) else value
        yield from (item for item in list(items) if isinstance(item, DeclaredTool))


def _distinct(found: Iterable[tuple[str, DeclaredTool]]) -> list[DeclaredTool]:
    """Return each tool once; the text of a pair says where it was found."""
    places: dict[tuple[str, str], str] = {}
    tools: dict[tuple[str, str], DeclaredTool] = {}
    for place, tool in found:
        key = (tool.spec.name, tool.spec.version)
        if tools.setdefault(key, tool) is not tool:
            there = f" and in {places[key]}" if places[key] != place else " twice"
            raise Invalid(f"tool `{key[0]}` in version {key[1]} is declared in {place}{there}; rename one")
        places.setdefault(key, place)
    return list(tools.values())


def _line(error: BaseException, real: str) -> int:
    """Return the last line of the file that had a part in the error."""
    if isinstance(error, SyntaxError) and error.filename == real:
        return error.lineno or 1
    return next(
        (
            line
            for frame, line in reversed(list(walk_tb(error.__traceback__)))
            if frame.f_code.co_filename == real
        ),
        1,
    )


def _cause(error: BaseException) -> str:
    if isinstance(error, RunwrightError):
        return error.message
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = text.strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}"[:_CAUSE_MAX].removesuffix(": ")


def _fix(error: BaseException, file: Path) -> str:
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name and (file.parent / f"{name}.py").is_file():
        return f"; it lies beside this file: write `from . import {name}`"
    return ""
