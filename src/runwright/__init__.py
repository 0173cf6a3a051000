"""Runwright: a prompt becomes a checked plan, carried out durably and in parallel.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runwright.version import VERSION

if TYPE_CHECKING:
    from runwright.core import errors
    from runwright.core.declare import tool
    from runwright.core.policy import Retry
    from runwright.core.tool import ToolContext
    from runwright.embedded import Runwright
    from runwright.settings import Settings

__all__ = ["Retry", "Runwright", "Settings", "ToolContext", "__version__", "errors", "tool"]
__version__ = VERSION

_HOMES = {
    "Retry": "runwright.core.policy",
    "Runwright": "runwright.embedded",
    "Settings": "runwright.settings",
    "ToolContext": "runwright.core.tool",
    "tool": "runwright.core.declare",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("runwright.core.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
