"""The port of API keys: who may call, kept such that reading it lets nobody call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from runwright.core.keys import ApiKey


class Keys(Protocol):
    """The API keys of all tenants; none is ever deleted. All methods raise JournalUnavailable."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    async def all(self) -> Sequence[ApiKey]:
        """Return every key, oldest first, those that are of no use any more with them."""

    async def revoke(self, key_id: str, now_s: float) -> ApiKey | None:
        """Return the key, revoked now or before; None when there is none with this id."""

    async def version(self) -> int:
        """Return a number that grows with every new and every revoked key; 0: there never was one."""

    async def used(self, last_used_at_s: Mapping[str, float]) -> None:
        """Note when keys were used last; an earlier time than the one on record changes nothing."""

    async def pepper(self) -> bytes:
        """Return the secret that digests are made with; it is made when it is asked for first."""

    async def add_ticket(self, digest: bytes, key_id: str, now_s: float, expires_at_s: float) -> None:
        """Store a ticket, and let go of those that are over."""

    async def take_ticket(self, digest: bytes, now_s: float) -> str | None:
        """Return the id of the key that a ticket stands for, once; None when it is over, or was taken."""
