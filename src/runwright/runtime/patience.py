"""How a run waits for a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

import structlog

from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId

T = TypeVar("T")
log = structlog.get_logger("runwright.runtime")

STORE_RETRY_S = (0.05, 0.2, 0.5, 1.0, 2.0)  # waits while the store is away; the last one repeats


async def patiently(run_id: RunId, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the store's answer, however often it must be asked: its absence only delays a run."""
    for delay_s in chain(STORE_RETRY_S, repeat(STORE_RETRY_S[-1])):
        try:
            return await ask()
        except JournalUnavailable as error:
            log.warning("journal.unavailable", run_id=run_id, error=error.message, retry_in_s=delay_s)
            await asyncio.sleep(delay_s)
    raise AssertionError("unreachable: the waits never end")
