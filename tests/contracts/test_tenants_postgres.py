"""The tenants in a PostgreSQL database keep the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.postgres_opened import BOUNDS
from runwright.adapters.postgres import Database
from runwright.adapters.tenants_postgres import PostgresTenants
from runwright.testing.tenants_contract import ANNA, CALL, Clock, TenantsContract, limited


class TestPostgresTenants(TenantsContract):
    """The contract, on a database of the test's own."""

    @pytest.fixture
    async def tenants(self, postgres_url: str, clock: Clock) -> AsyncIterator[PostgresTenants]:
        database = Database(postgres_url, BOUNDS)
        await database.open()
        yield PostgresTenants(database, clock)
        await database.close()


async def test_several_processes_never_overrun_together(postgres_url: str) -> None:
    """Four that know nothing of each other let in exactly what the budget has room for, by the database's clock."""
    databases = [Database(postgres_url, BOUNDS) for _ in range(4)]
    for database in databases:
        await database.open()
    processes = [PostgresTenants(database) for database in databases]
    await limited(processes[0], tokens=1_000)

    async def calls(number: int) -> int:
        let_in = 0
        for n in range(10):
            if await processes[number].reserve(ANNA, f"{number}-{n}", CALL, 60) is None:
                let_in += 1
                if n % 2:
                    await processes[number].settle(ANNA, f"{number}-{n}", CALL)
        return let_in

    let_in = sum(await asyncio.gather(*map(calls, range(4))))
    standing = await processes[1].standing(ANNA)
    for database in databases:
        await database.close()

    assert let_in == 10
    assert standing.used.plus(standing.reserved)[:3] == (1_000, 2.5, 10)
