"""Tenants in a SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from runwright.adapters.sqlite import Reader, Writer
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
_ONE = f"SELECT {_COLUMNS} FROM tenants WHERE tenant = ?"  # noqa: S608  # own names
_ALL = f"SELECT {_COLUMNS} FROM tenants ORDER BY tenant"  # noqa: S608
_SET = f"""
INSERT INTO tenants ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant) DO UPDATE SET tokens_max = excluded.tokens_max, cost_usd_max = excluded.cost_usd_max,
    llm_calls_max = excluded.llm_calls_max, period = excluded.period,
    retention_days = excluded.retention_days"""  # noqa: S608
_USED = """
SELECT coalesce(sum(tokens), 0), coalesce(sum(cost_usd), 0.0), coalesce(sum(llm_calls), 0),
       coalesce(sum(unpriced_calls), 0)
FROM model_use WHERE tenant = ? AND day >= ?"""
_RESERVED = """
SELECT coalesce(sum(tokens), 0), coalesce(sum(cost_usd), 0.0), count(*)
FROM reservations WHERE tenant = ? AND expires_at > ?"""
_FORGET = "DELETE FROM reservations WHERE tenant = ? AND expires_at <= ?"
_RESERVE = """
INSERT INTO reservations (reservation_id, tenant, tokens, cost_usd, expires_at) VALUES (?, ?, ?, ?, ?)"""
_GIVE_BACK = "DELETE FROM reservations WHERE reservation_id = ?"
_NOTE = """
INSERT INTO model_use (tenant, day, tokens, cost_usd, llm_calls, unpriced_calls) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, day) DO UPDATE SET tokens = tokens + excluded.tokens,
    cost_usd = cost_usd + excluded.cost_usd, llm_calls = llm_calls + excluded.llm_calls,
    unpriced_calls = unpriced_calls + excluded.unpriced_calls"""


class SqliteTenants:
    """`Tenants` on one file; short writes of several processes take turns."""

    def __init__(self, writer: Writer, reader: Reader, now_s: Callable[[], float] = time.time) -> None:
        self._writer, self._reader, self._now_s = writer, reader, now_s

    async def change(
        self, tenant: Tenant, changed: Callable[[TenantSettings], TenantSettings]
    ) -> TenantSettings:
        def work(con: apsw.Connection) -> TenantSettings:
            after = changed(_settings(tenant, con.execute(_ONE, (tenant,)).fetchall()))
            budget = after.budget
            row = (tenant, budget.tokens, budget.cost_usd, budget.llm_calls, *after[2:])
            con.execute(_SET, row).fetchall()
            return after

        return await self._writer.submit(work)

    async def standing(self, tenant: Tenant) -> Standing:
        rows, now_s = self._reader.rows, self._now_s()
        with self._reader.snapshot():
            return _standing(tenant, rows, now_s)

    async def all(self) -> Sequence[TenantSettings]:
        return [_settings(Tenant(row[0]), [row]) for row in self._reader.rows(_ALL)]

    async def reserve(
        self, tenant: Tenant, reservation_id: str, most: ModelUse, lasts_s: float
    ) -> Shortfall | None:
        now_s = self._now_s()

        def work(con: apsw.Connection) -> Shortfall | None:
            def rows(sql: str, bindings: tuple[Any, ...]) -> list[tuple[Any, ...]]:
                return con.execute(sql, bindings).fetchall()

            settings, used, reserved, renewed_at_s = _standing(tenant, rows, now_s)
            if not settings.budget.is_limited:
                return None
            if short := shortfall(settings.budget, used, reserved, most):
                return short._replace(renewed_at_s=renewed_at_s)
            rows(_FORGET, (tenant, now_s))
            rows(_RESERVE, (reservation_id, tenant, most.tokens, most.cost_usd, now_s + lasts_s))
            return None

        return await self._writer.submit(work)

    async def settle(self, tenant: Tenant, reservation_id: str, took: ModelUse) -> None:
        row = (tenant, day_of(self._now_s()), *took)

        def work(con: apsw.Connection) -> None:
            con.execute(_GIVE_BACK, (reservation_id,)).fetchall()
            con.execute(_NOTE, row).fetchall()

        await self._writer.submit(work)


def _standing(
    tenant: Tenant, rows: Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]], now_s: float
) -> Standing:
    settings = _settings(tenant, rows(_ONE, (tenant,)))
    used = ModelUse(*rows(_USED, (tenant, first_day(now_s, settings.period)))[0])
    reserved = ModelUse(*rows(_RESERVED, (tenant, now_s))[0])
    return Standing(settings, used, reserved, next_period_s(now_s, settings.period))


def _settings(tenant: Tenant, rows: list[tuple[Any, ...]]) -> TenantSettings:
    if not rows:
        return TenantSettings(tenant)
    _, tokens, cost_usd, llm_calls, *more = rows[0]
    return TenantSettings(tenant, Budget(tokens=tokens, cost_usd=cost_usd, llm_calls=llm_calls), *more)
