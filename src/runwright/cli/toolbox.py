"""The tools that plans made here can use, without a data file behind them: to be described, not called."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, cast

import msgspec

from runwright.adapters import tools_python
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.bootstrap import registry_of
from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid, RunwrightError
from runwright.isolation.places import place_of
from runwright.ports import Todos
from runwright.runtime.registry import Registry
from runwright.settings import Settings
from runwright.tools.builtin import builtin_tools

Json = dict[str, Any]


def registry(settings: Settings) -> Registry:
    """Return the built-in tools, those of the settings and those of installed packages.

    Raises   Invalid, naming the tool or the file
    """
    with redirect_stdout(sys.stderr):  # what a tool file prints is no answer of ours
        return registry_of(settings, _builtin())


def checked(path: Path) -> list[Json]:
    """Return a verdict `{ok, name, version, problem, tool}` on each tool, and one on each file without.

    Raises   Invalid when there is no such file or folder
    """
    with redirect_stdout(sys.stderr):
        tools, problems = _loaded(path)
    known = Registry(contract)
    for tool in _builtin():
        known.add(tool)
    return [
        *(_verdict(known, tool) for tool in tools),
        *({"ok": False, "problem": said} for said in problems),
    ]


def _loaded(path: Path) -> tuple[list[DeclaredTool], list[str]]:
    try:
        return tools_python.load(path), []
    except Invalid as error:
        if not path.is_dir():
            if not path.exists():
                raise
            return [], [error.message]
        whole = error.message
    tools: list[DeclaredTool] = []
    problems: list[str] = []
    for file in sorted(path.glob("[!.]*.py")):
        try:
            tools += tools_python.load(file)
        except Invalid as error:
            if error.message.startswith(f"{file}:"):
                problems.append(error.message)
    return tools, problems or [whole]


def _verdict(known: Registry, tool: DeclaredTool) -> Json:
    spec = tool.spec
    try:
        if spec.isolation == "process":
            place_of(tool)
        known.add(tool)
    except RunwrightError as error:
        return {"ok": False, "name": spec.name, "version": spec.version, "problem": error.message}
    described = msgspec.to_builtins(spec)
    return {"ok": True, "name": spec.name, "version": spec.version, "problem": None, "tool": described}


def _builtin() -> list[DeclaredTool]:
    # nothing is called here, so the todo tools need no todos
    return builtin_tools(cast("Todos", None))
