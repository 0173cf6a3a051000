"""The port of what is not kept for ever: ended runs, clients' keys and tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from runwright.core.ids import RunId, Tenant


class Kept(NamedTuple):
    """An ended run, and the bytes that are kept of it: events, archive, prompt and document."""

    run_id: RunId
    size: int


class Leftovers(NamedTuple):
    """How many idempotency keys and tickets are of no use any more."""

    idempotency_keys: int
    tickets: int


class Expiry(Protocol):
    """Deletes what nobody is to find any more; harmless when several processes do it at once.

    Every method returns once it is durable, and raises JournalUnavailable when the store cannot be reached.
    """

    async def tenants(self) -> Sequence[Tenant]:
        """Return the tenants that have runs, by name."""

    async def over(
        self, tenant: Tenant, ended_before_s: float, after: RunId | None, limit: int
    ) -> Sequence[Kept]:
        """Return runs of a tenant that ended before a time, oldest first, behind `after`."""

    async def delete(self, tenant: Tenant, run_ids: Sequence[RunId], ended_before_s: float) -> int:
        """Delete runs with all that is kept of them, if they are still over since; return how many."""

    async def leftovers(self, now_s: float) -> Leftovers:
        """Return how many keys and tickets have expired."""

    async def forget(self, now_s: float, limit: int) -> Leftovers:
        """Delete expired keys and tickets, at most so many of each; return how many."""
