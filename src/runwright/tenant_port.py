"""The port of tenants: what an operator has set for each, and what language models took for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from runwright.core.budget import ModelUse, Shortfall, Standing, TenantSettings
from runwright.core.ids import Tenant


class Tenants(Protocol):
    """Settings and budgets of tenants; one of whom nothing is known has no limits.

    Days, months and the end of a reservation go by the clock of the store. All methods raise
    JournalUnavailable.
    """

    async def change(
        self, tenant: Tenant, changed: Callable[[TenantSettings], TenantSettings]
    ) -> TenantSettings:
        """Return the settings of a tenant, changed; whoever changes them meanwhile waits.

        changed   makes the new ones of the old ones; what it raises is passed on, and nothing has changed
        """

    async def standing(self, tenant: Tenant) -> Standing:
        """Return what is set for a tenant and what it has used in the period that is now."""

    async def all(self) -> Sequence[TenantSettings]:
        """Return all that were set, by name."""

    async def reserve(
        self, tenant: Tenant, reservation_id: str, most: ModelUse, lasts_s: float
    ) -> Shortfall | None:
        """Keep room in the tenant's budgets for a call, or return the budget that it does not fit in.

        Whoever asks, in whichever process: what is used and what is reserved never exceed a budget.

        most      what the call may take
        lasts_s   after which the reservation is over, as that of a process that died
        """

    async def settle(self, tenant: Tenant, reservation_id: str, took: ModelUse) -> None:
        """Give a reservation back, if there is still one, and note what the call took."""
