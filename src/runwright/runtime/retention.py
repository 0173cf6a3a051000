"""Ended runs are kept as long as their tenant wants, and then deleted with all that is kept of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from runwright.core.ids import Tenant
from runwright.expiry_port import Expiry, Kept, Leftovers
from runwright.log import Log
from runwright.tenant_port import Tenants

log = Log("runwright.retention")

DAY_S = 86_400.0
BATCH_MAX = 100  # runs, or keys, of one statement
PAUSE_S = 0.05  # between two of them, so that runs under way have the store for themselves


class Gone(NamedTuple):
    """What was deleted of a tenant, or would be."""

    tenant: Tenant
    runs: int
    size: int


class Collected(NamedTuple):
    """What was deleted, or would be: by tenant, those alone that have any."""

    tenants: Sequence[Gone]
    leftovers: Leftovers


class Retention:
    """Deletes what is over for longer than it is kept.

    days   of tenants for whom nothing else is set; 0: for ever
    """

    def __init__(self, expiry: Expiry, tenants: Tenants, days: int, now_s: Callable[[], float]) -> None:
        self._expiry, self._tenants, self._days, self._now_s = expiry, tenants, days, now_s

    async def collect(self, *, dry_run: bool = False) -> Collected:
        """Delete everything whose time is over, in small batches, and return what it was.

        dry_run   count it only
        Raises    JournalUnavailable
        """
        now_s, gone = self._now_s(), list[Gone]()
        own = {one.tenant: one.retention_days for one in await self._tenants.all()}
        for tenant in await self._expiry.tenants():
            days = own.get(tenant)
            days = self._days if days is None else days
            if days:
                gone.append(await self._of(tenant, now_s - days * DAY_S, dry_run=dry_run))
        leftovers = await self._expiry.leftovers(now_s) if dry_run else await self._forgotten(now_s)
        found = Collected([one for one in gone if one.runs], leftovers)
        if not dry_run and (found.tenants or any(leftovers)):
            runs, size = sum(one.runs for one in gone), sum(one.size for one in gone)
            log.info("retention.deleted", runs=runs, bytes=size, **leftovers._asdict())
        return found

    async def _of(self, tenant: Tenant, ended_before_s: float, *, dry_run: bool) -> Gone:
        runs = size = 0
        async for batch in self._batches(tenant, ended_before_s):
            sizes = sum(one.size for one in batch)
            if dry_run:
                runs, size = runs + len(batch), size + sizes
                continue
            ids = [one.run_id for one in batch]
            deleted = await self._expiry.delete(tenant, ids, ended_before_s)
            runs, size = runs + deleted, size + (sizes if deleted == len(batch) else 0)
            await asyncio.sleep(PAUSE_S)
        return Gone(tenant, runs, size)

    async def _batches(self, tenant: Tenant, ended_before_s: float) -> AsyncIterator[Sequence[Kept]]:
        after = None
        while batch := await self._expiry.over(tenant, ended_before_s, after, BATCH_MAX):
            yield batch
            after = batch[-1].run_id

    async def _forgotten(self, now_s: float) -> Leftovers:
        keys = tickets = 0
        while any(some := await self._expiry.forget(now_s, BATCH_MAX)):
            keys, tickets = keys + some.idempotency_keys, tickets + some.tickets
            await asyncio.sleep(PAUSE_S)
        return Leftovers(keys, tickets)
