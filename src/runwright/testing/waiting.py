"""Waiting in tests: for something that will be true, never for some time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_STEP_S = 0.002


async def wait_until(predicate: Callable[[], object], timeout_s: float, description: str) -> None:
    """Return once the predicate is true.

    description   what is waited for, as the end of "waited 5 s for …"
    Raises        TimeoutError with that sentence
    """
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() >= deadline_s:
            raise TimeoutError(f"waited {timeout_s:g} s for {description}")
        await asyncio.sleep(_STEP_S)
