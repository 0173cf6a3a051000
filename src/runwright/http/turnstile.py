"""A crowd of requests lets the runs go on: only so many come in between two looks at everything else."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from runwright.core.errors import Overloaded

EACH_TURN = 100  # some 50 ms of work


class Turnstile:
    """Lets requests in, in the order in which they came, so many in each turn of the event loop.

    The loop serves whatever is ready before it looks again: thousands of requests at the same moment would
    put off every step of every run until the last of them is answered, and once more for the next step.
    """

    def __init__(self, each_turn: int = EACH_TURN, wait_s_max: float = math.inf) -> None:
        self._each_turn = self._left = each_turn
        self._wait_s_max = wait_s_max
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._turning = False

    async def enter(self) -> None:
        """Return when it is this request's turn; at once as long as there is no crowd.

        Raises   Overloaded when those in front have waited too long already: more would only wait longer
        """
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn)
        if self._left > 0 and not self._waiting:
            self._left -= 1
            return
        if self._waiting and loop.time() - self._waiting[0][1] > self._wait_s_max:
            raise Overloaded(
                f"requests have waited for more than {self._wait_s_max:g} s (RUNWRIGHT_REQUESTS_WAIT_S_MAX)"
            )
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append((turn, loop.time()))
        await turn

    def _turn(self) -> None:
        self._left = self._each_turn
        while self._waiting and self._left > 0:
            turn, _ = self._waiting.popleft()
            if not turn.done():  # its client is still there
                turn.set_result(None)
                self._left -= 1
        self._turning = bool(self._waiting)
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)
