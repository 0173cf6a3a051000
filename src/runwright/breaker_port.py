"""The port to circuit breakers: who may call a model's server, and what came of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from runwright.core.breaker import BreakerStatus, Permit, Report


class Standing(NamedTuple):
    """How a breaker stands.

    outages    in a row, while closed
    wait_s     for how long no call is allowed; 0 when one is
    is_asked   the server itself asked for this rest
    is_shared  true of all processes, as far as is known; else of this one alone
    """

    status: BreakerStatus
    outages: int
    wait_s: float
    is_asked: bool
    is_shared: bool


class Breaker(Protocol):
    """The circuit breaker of one model's server.

    No method raises, and none waits for long: a breaker that cannot ask others decides by itself.
    """

    def refusal(self) -> Standing | None:
        """Return why no call is allowed, as far as this process knows it without asking; None: ask."""

    async def enter(self) -> Permit | Standing:
        """Return the right to one call, or why there is none. A permit has to be reported on."""

    async def report(self, permit: Permit, report: Report, rest_s: float = 0.0) -> BreakerStatus | None:
        """Note how a call ended; the status is returned when this has changed it.

        rest_s  the server asked to be left alone for so long
        """

    async def standing(self) -> Standing:
        """Return how it stands."""
