"""The API keys in a PostgreSQL database keep the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.postgres_opened import BOUNDS
from runwright.adapters.keys_postgres import PostgresKeys
from runwright.adapters.postgres import Database
from runwright.testing.keys_contract import KeysContract


class TestPostgresKeys(KeysContract):
    """The contract, on a database of the test's own."""

    @pytest.fixture
    async def keys(self, postgres_url: str) -> AsyncIterator[PostgresKeys]:
        database = Database(postgres_url, BOUNDS)
        await database.open()
        yield PostgresKeys(database)
        await database.close()
