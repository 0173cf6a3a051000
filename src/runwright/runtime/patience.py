"""How a run waits for a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId
from runwright.log import Log

P = ParamSpec("P")
T = TypeVar("T")
log = Log("runwright.runtime")

STORE_RETRY_S = (0.05, 0.2, 0.5, 1.0, 2.0)  # waits while the store is away; the last one repeats


async def patiently(run_id: RunId, ask: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the store's answer, however often it must be asked: its absence only delays a run."""
    asked = 0
    while True:
        try:
            return await ask(*args, **kwargs)
        except JournalUnavailable as error:
            delay_s = STORE_RETRY_S[min(asked, len(STORE_RETRY_S) - 1)]
            log.warning("journal.unavailable", run_id=run_id, error=error.message, retry_in_s=delay_s)
            await asyncio.sleep(delay_s)
        asked += 1
