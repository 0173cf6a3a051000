"""What every adapter of the port `Tenants` must do."""

from __future__ import annotations

import asyncio

import pytest

from runwright.core.budget import Budget, ModelUse, TenantSettings
from runwright.core.errors import Invalid
from runwright.core.ids import Tenant
from runwright.tenant_port import Tenants

ANNA, BERT = Tenant("anna"), Tenant("bert")
LAST_HOUR_S = 1_701_385_200.0  # 2023-11-30 23:00 UTC: the last hour of a day and of a month
DAY_S = 86_400.0
CALL = ModelUse(tokens=100, cost_usd=0.25, llm_calls=1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = LAST_HOUR_S

    def __call__(self) -> float:
        return self.now_s


async def limited(tenants: Tenants, tenant: Tenant = ANNA, period: str = "month", **budget: float) -> None:
    """Set a tenant's budget."""

    def changed(before: TenantSettings) -> TenantSettings:
        return before._replace(budget=Budget(**budget), period=period)  # type: ignore[arg-type]  # by name

    await tenants.change(tenant, changed)


class TenantsContract:
    """The tests; a subclass gives the fixtures `clock`, and `tenants` that go by it, empty at first."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    async def test_nothing_is_known(self, tenants: Tenants) -> None:
        """A tenant that was never set has no limits, has used nothing, and is not listed."""
        found = await tenants.standing(ANNA)

        assert found.settings == TenantSettings(ANNA, Budget(), "month")
        assert found.used == found.reserved == ModelUse()
        assert list(await tenants.all()) == []

    async def test_settings_come_back_as_they_were_set(self, tenants: Tenants) -> None:
        """By name; a later change sees the earlier one and touches no other tenant."""
        await limited(tenants, BERT, "day", tokens=5)
        await limited(tenants, ANNA, tokens=10**15, cost_usd=0.1, llm_calls=0)
        anna = (await tenants.standing(ANNA)).settings
        seen: list[TenantSettings] = []

        def nothing(before: TenantSettings) -> TenantSettings:
            seen.append(before)
            return before

        assert await tenants.change(ANNA, nothing) == anna
        assert seen == [TenantSettings(ANNA, Budget(tokens=10**15, cost_usd=0.1, llm_calls=0), "month")]
        assert list(await tenants.all()) == [anna, TenantSettings(BERT, Budget(tokens=5), "day")]

    async def test_a_refused_change_changes_nothing(self, tenants: Tenants) -> None:
        """What the caller raises comes back, and the tenant is as it was."""
        await limited(tenants, tokens=7)

        def refused(before: TenantSettings) -> TenantSettings:
            raise Invalid("no")

        with pytest.raises(Invalid, match="no"):
            await tenants.change(ANNA, refused)
        assert (await tenants.standing(ANNA)).settings.budget == Budget(tokens=7)

    async def test_changes_at_once_are_all_kept(self, tenants: Tenants) -> None:
        """Each of ten that add one sees the others."""

        def one_more(before: TenantSettings) -> TenantSettings:
            return before._replace(budget=Budget(tokens=(before.budget.tokens or 0) + 1))

        await asyncio.gather(*(tenants.change(ANNA, one_more) for _ in range(10)))

        assert (await tenants.standing(ANNA)).settings.budget.tokens == 10

    async def test_without_a_limit_use_is_counted_all_the_same(self, tenants: Tenants) -> None:
        """Nothing is reserved; what calls took adds up, those without a price told apart."""
        assert await tenants.reserve(ANNA, "r1", CALL, 60) is None
        assert (await tenants.standing(ANNA)).reserved == ModelUse()
        await tenants.settle(ANNA, "r1", CALL)
        await tenants.settle(ANNA, "r2", ModelUse(tokens=7, llm_calls=1, unpriced_calls=1))
        await tenants.settle(BERT, "r3", CALL)

        assert (await tenants.standing(ANNA)).used == ModelUse(107, 0.25, 2, 1)

    @pytest.mark.parametrize("bound", ["tokens", "cost_usd", "llm_calls"])
    async def test_a_call_fits_or_not(self, tenants: Tenants, bound: str) -> None:
        """Up to the limit and not beyond; what others have reserved counts as if it were used."""
        wanted = getattr(CALL, bound)
        await limited(tenants, **{bound: 3 * wanted})
        await tenants.settle(ANNA, "before", CALL)
        first = await tenants.reserve(ANNA, "r1", CALL, 60)
        second = await tenants.reserve(ANNA, "r2", CALL, 60)
        third = await tenants.reserve(ANNA, "r3", CALL, 60)

        assert first is second is None
        assert third is not None
        assert third[:5] == (bound, 3 * wanted, wanted, 2 * wanted, wanted)
        assert third.may_pass
        assert third.renewed_at_s == LAST_HOUR_S + 3_600

    async def test_what_is_settled_is_free_again(self, tenants: Tenants) -> None:
        """A call that took less than it might leaves the rest to others; settled twice, it counts twice."""
        await limited(tenants, tokens=250)
        assert await tenants.reserve(ANNA, "r1", CALL, 60) is None
        assert await tenants.reserve(ANNA, "r2", CALL, 60) is None
        await tenants.settle(ANNA, "r1", ModelUse(tokens=30, llm_calls=1))
        standing = await tenants.standing(ANNA)

        assert (standing.used.tokens, standing.reserved.tokens) == (30, 100)
        assert await tenants.reserve(ANNA, "r3", CALL, 60) is None

    async def test_a_reservation_ends_by_itself(self, tenants: Tenants, clock: Clock) -> None:
        """That of a process which died is over at its end; one that is settled after all counts."""
        await limited(tenants, tokens=100)
        assert await tenants.reserve(ANNA, "r1", CALL, 60) is None
        clock.now_s += 59
        assert await tenants.reserve(ANNA, "r2", CALL, 60) is not None
        clock.now_s += 1
        assert (await tenants.standing(ANNA)).reserved == ModelUse()
        assert await tenants.reserve(ANNA, "r3", CALL, 60) is None
        await tenants.settle(ANNA, "r1", ModelUse(tokens=40))

        assert (await tenants.standing(ANNA)).used.tokens == 40

    async def test_a_period_begins_anew(self, tenants: Tenants, clock: Clock) -> None:
        """A day at midnight in UTC, a month on its first; a call that begins before counts where it ends."""
        await limited(tenants, ANNA, "day", tokens=100)
        await limited(tenants, BERT, "month", tokens=100)
        clock.now_s -= DAY_S
        for tenant in (ANNA, BERT):
            await tenants.settle(tenant, "r", CALL)
        clock.now_s += DAY_S
        used = [(await tenants.standing(tenant)).used.tokens for tenant in (ANNA, BERT)]
        clock.now_s += 3_600
        later = [(await tenants.standing(tenant)).used.tokens for tenant in (ANNA, BERT)]

        assert (used, later) == ([0, 100], [0, 0])

    async def test_no_price_no_call_within_a_cost_budget(self, tenants: Tenants) -> None:
        """Unknown is not free; other budgets count such a call as any other."""
        unpriced = ModelUse(tokens=100, llm_calls=1, unpriced_calls=1)
        await limited(tenants, cost_usd=1)
        await limited(tenants, BERT, tokens=100)
        short = await tenants.reserve(ANNA, "r1", unpriced, 60)

        assert short is not None
        assert (short.bound, short.wanted, short.may_pass) == ("cost_usd", None, False)
        assert await tenants.reserve(BERT, "r2", unpriced, 60) is None

    async def test_many_at_once_never_overrun(self, tenants: Tenants) -> None:
        """Of fifty calls at the same moment exactly those are let in that the budget has room for."""
        await limited(tenants, tokens=1_000)
        told = await asyncio.gather(*(tenants.reserve(ANNA, f"r{n}", CALL, 60) for n in range(50)))

        assert told.count(None) == 10
        assert (await tenants.standing(ANNA)).reserved == ModelUse(1_000, 2.5, 10)
