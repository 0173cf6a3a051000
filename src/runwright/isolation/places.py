"""Where a tool comes from, told so that another process finds the same tool there."""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_module, run_path
from types import ModuleType

import msgspec

from runwright.adapters import tools_python
from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid
from runwright.core.tool import ToolSpec
from runwright.isolation.messages import Place

_loading: list[Place] = []  # by this process, now; a program that is loaded asks from far below
PROGRAM = "__mp_main__"  # the name under which Python's own multiprocessing runs a program once more


def place_of(tool: DeclaredTool) -> Place:
    """Return where a process of its own will find the tool.

    Raises   Invalid, with the fix, when it would not
    """
    label = f"tool `{tool.spec.name}` runs in a process of its own"
    if sys.platform != "linux":
        raise Invalid(f"{label}, and that needs Linux; choose another isolation")
    for name in dict.fromkeys((tool.made_in, tool.function.__module__)):
        module = sys.modules.get(name or "")
        if module is not None and any(held is tool for held in tools_python.top_level(module)):
            return _place_of_module(module, label)
    raise Invalid(
        f"{label}, which does not find it again: it is not at the top level of its module; "
        "declare it there, outside of functions and classes"
    )


def digest_of(spec: ToolSpec) -> str:
    """Return what tells whether two processes speak of the same tool."""
    return hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).hexdigest()


def _place_of_module(module: ModuleType, label: str) -> Place:
    if module.__name__ == "__main__":
        spec = getattr(module, "__spec__", None)
        if spec is not None:
            return Place("program", spec.name)
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).is_file():
            raise Invalid(f"{label}, and nothing typed in can be found there; put it into a file")
        return Place("script", str(Path(file).resolve()))
    if tools_python.is_tool_file(module):
        assert module.__file__ is not None
        return Place("file", module.__file__)
    return Place("module", module.__name__)


def refuse_while_loading() -> None:
    """Refuse to start Runwright in a tool host, which runs a program only to find its tools.

    Raises   Invalid, with the fix
    """
    if _loading:
        raise Invalid(
            "the program was loaded once more to find its process tools, and starts Runwright again; "
            'put what starts it below `if __name__ == "__main__":`'
        )


class Places:
    """The tools of a host, by place; each place is loaded once.

    `find` runs code of the tool's author.
    """

    def __init__(self) -> None:
        self._loaded: dict[Place, list[DeclaredTool]] = {}

    def find(self, place: Place, name: str, version: str, digest: str) -> DeclaredTool:
        """Return the tool.

        Raises   Invalid when it is not there any more, or is another now; whatever its module raises
        """
        if place not in self._loaded:
            _loading.append(place)
            try:
                self._loaded[place] = _loaded(place)
            finally:
                _loading.pop()
        same = [t for t in self._loaded[place] if (t.spec.name, t.spec.version) == (name, version)]
        for tool in same:
            if digest_of(tool.spec) == digest:
                return tool
        if same:
            raise Invalid(f"{place.where} was changed since the server loaded it; restart the server")
        raise Invalid(f"{place.where} does not hold tool `{name}` {version} any more; restart the server")


def _loaded(place: Place) -> list[DeclaredTool]:
    if place.kind == "file":
        return tools_python.load(place.where)
    if place.kind == "module":
        return list(tools_python.top_level(import_module(place.where)))
    run = run_path(place.where, run_name=PROGRAM) if place.kind == "script" else None
    found = run_module(place.where, run_name=PROGRAM, alter_sys=True) if run is None else run
    module = ModuleType(PROGRAM)
    vars(module).update(found)
    sys.modules["__main__"] = sys.modules[PROGRAM] = module
    return list(tools_python.top_level(module))
