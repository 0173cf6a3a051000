"""How a process is set that stays: a server or a worker."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from importlib import import_module


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the faster event loop where it can be had; None: the standard one."""
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def tune_collector() -> None:
    """What is loaded by now stays for good; young runs live longer than the default expects of objects."""
    import_module("runwright.planning.rules.plan")  # the first prompt is not to wait for it
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
