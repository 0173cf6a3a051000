"""Which callers may come how often, counted for all processes; and what holds while nobody can count so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from runwright.core.errors import LimitsUnavailable
from runwright.core.rates import Rate, Verdict
from runwright.limit_port import Limiter

RateName: TypeAlias = Literal["creations", "plans", "requests"]


class Counted(NamedTuple):
    """A caller's limit, and what became of a request under it."""

    rate: Rate
    verdict: Verdict


class RateLimits:
    """The rate limits of a server.

    limits    how often, by name; what is missing is not limited
    shared    counts for all processes; None where this one alone does
    closed    limits under which nobody is let in while `shared` cannot say; under the others this process
              counts by itself for as long
    """

    def __init__(
        self,
        limits: Mapping[RateName, int],
        *,
        alone: Limiter,
        shared: Limiter | None = None,
        closed: frozenset[RateName] = frozenset(),
    ) -> None:
        self._rates = {name: Rate(name, limit) for name, limit in limits.items() if limit > 0}
        self._alone, self._shared, self._closed = alone, shared, closed

    async def counted(self, key_id: str, name: RateName) -> Counted | None:
        """Return what becomes of one more request with this key; None where there is no limit.

        Raises   LimitsUnavailable
        """
        rate = self._rates.get(name)
        if rate is None:
            return None
        if self._shared is not None:
            try:
                return Counted(rate, await self._shared.admit(key_id, rate))
            except LimitsUnavailable:
                if name in self._closed:
                    raise
        return Counted(rate, await self._alone.admit(key_id, rate))
