"""Tenants in a PostgreSQL database, by its clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runwright.adapters.postgres import Connection, Database
from runwright.core.budget import (
    Budget,
    ModelUse,
    Shortfall,
    Standing,
    TenantSettings,
    day_of,
    first_day,
    next_period_s,
    shortfall,
)
from runwright.core.ids import Tenant

_COLUMNS = "tenant, tokens_max, cost_usd_max, llm_calls_max, period, retention_days"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_ONE = f"SELECT {_COLUMNS} FROM tenants WHERE tenant = $1"  # noqa: S608  # own names
_ALL = f'SELECT {_COLUMNS} FROM tenants ORDER BY tenant COLLATE "C"'  # noqa: S608
_MAKE = "INSERT INTO tenants (tenant, period) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_LOCK = f"{_ONE} FOR UPDATE"
_SET = """
UPDATE tenants SET tokens_max = $2, cost_usd_max = $3, llm_calls_max = $4, period = $5,
    retention_days = $6
WHERE tenant = $1"""
# one statement, so that a call which is being settled is counted once: as reserved or as used
_USED_AND_RESERVED = """
SELECT used.*, reserved.* FROM (
    SELECT coalesce(sum(tokens), 0)::bigint, coalesce(sum(cost_usd), 0),
           coalesce(sum(llm_calls), 0)::bigint, coalesce(sum(unpriced_calls), 0)::bigint
    FROM model_use WHERE tenant = $1 AND day >= $2
) AS used, (
    SELECT coalesce(sum(tokens), 0)::bigint, coalesce(sum(cost_usd), 0), count(*)
    FROM reservations WHERE tenant = $1 AND expires_at > $3
) AS reserved"""
_FORGET = "DELETE FROM reservations WHERE tenant = $1 AND expires_at <= $2"
_RESERVE = """
INSERT INTO reservations (reservation_id, tenant, tokens, cost_usd, expires_at) VALUES ($1, $2, $3, $4, $5)"""
_GIVE_BACK = "DELETE FROM reservations WHERE reservation_id = $1"
_NOTE = """
INSERT INTO model_use AS sums (tenant, day, tokens, cost_usd, llm_calls, unpriced_calls)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, day) DO UPDATE SET tokens = sums.tokens + excluded.tokens,
    cost_usd = sums.cost_usd + excluded.cost_usd, llm_calls = sums.llm_calls + excluded.llm_calls,
    unpriced_calls = sums.unpriced_calls + excluded.unpriced_calls"""


class PostgresTenants:
    """`Tenants` on a database that several processes share.

    now_s   a clock in the place of the database's
    """

    def __init__(self, database: Database, now_s: Callable[[], float] | None = None) -> None:
        self._database, self._given_now_s = database, now_s

    async def change(
        self, tenant: Tenant, changed: Callable[[TenantSettings], TenantSettings]
    ) -> TenantSettings:
        async with self._database.connection() as con, con.transaction():
            await con.execute(_MAKE, tenant, TenantSettings(tenant).period)
            after = changed(_settings(tenant, await con.fetch(_LOCK, tenant)))
            budget = after.budget
            await con.execute(_SET, tenant, budget.tokens, budget.cost_usd, budget.llm_calls, *after[2:])
            return after

    async def standing(self, tenant: Tenant) -> Standing:
        async with self._database.connection() as con:
            now_s, settings = await self._now_s(con), _settings(tenant, await con.fetch(_ONE, tenant))
            return await _standing(con, settings, now_s)

    async def all(self) -> Sequence[TenantSettings]:
        return [_settings(Tenant(row[0]), [row]) for row in await self._database.rows(_ALL)]

    async def reserve(
        self, tenant: Tenant, reservation_id: str, most: ModelUse, lasts_s: float
    ) -> Shortfall | None:
        async with self._database.connection() as con, con.transaction():
            # the lock first: what is read behind it is what the last one who had it left
            settings = _settings(tenant, await con.fetch(_LOCK, tenant))
            if not settings.budget.is_limited:
                return None
            now_s = await self._now_s(con)
            _, used, reserved, renewed_at_s = await _standing(con, settings, now_s)
            if short := shortfall(settings.budget, used, reserved, most):
                return short._replace(renewed_at_s=renewed_at_s)
            await con.execute(_FORGET, tenant, now_s)
            await con.execute(_RESERVE, reservation_id, tenant, most.tokens, most.cost_usd, now_s + lasts_s)
            return None

    async def settle(self, tenant: Tenant, reservation_id: str, took: ModelUse) -> None:
        async with self._database.connection() as con, con.transaction():
            await con.execute(_GIVE_BACK, reservation_id)
            await con.execute(_NOTE, tenant, day_of(await self._now_s(con)), *took)

    async def _now_s(self, con: Connection) -> float:
        return float(await con.fetchval(_NOW)) if self._given_now_s is None else self._given_now_s()


async def _standing(con: Connection, settings: TenantSettings, now_s: float) -> Standing:
    first = first_day(now_s, settings.period)
    row = await con.fetchrow(_USED_AND_RESERVED, settings.tenant, first, now_s)
    assert row is not None
    sums = tuple(row)
    return Standing(settings, ModelUse(*sums[:4]), ModelUse(*sums[4:]), next_period_s(now_s, settings.period))


def _settings(tenant: Tenant, rows: Sequence[Sequence[Any]]) -> TenantSettings:
    if not rows:
        return TenantSettings(tenant)
    _, tokens, cost_usd, llm_calls, *more = rows[0]
    return TenantSettings(tenant, Budget(tokens=tokens, cost_usd=cost_usd, llm_calls=llm_calls), *more)
