"""The port of rate limits: how often a caller may come, counted for this process or for several."""

from __future__ import annotations

from typing import Protocol

from runwright.core.rates import Rate, Verdict


class Limiter(Protocol):
    """Counts callers. In no window does it admit more than the limit, however many ask at once."""

    async def admit(self, caller: str, rate: Rate) -> Verdict:
        """Return whether this caller may come once more now, and count it if so; a refusal is not counted.

        caller   1 to 128 of the characters A-Z a-z 0-9 _ . / -
        Raises   LimitsUnavailable when nobody can say
        """
