"""The tenants in a SQLite file keep the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runwright.adapters.sqlite import Reader, Writer
from runwright.adapters.tenants_sqlite import SqliteTenants
from runwright.testing.tenants_contract import Clock, TenantsContract


class TestSqliteTenants(TenantsContract):
    """The contract, on a file in a temporary folder."""

    @pytest.fixture
    async def tenants(self, tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteTenants]:
        writer = Writer(tmp_path / "tenants.db", inline_max_s=60, waiting_max=1_000)
        writer.migrate()
        reader = Reader(tmp_path / "tenants.db")
        yield SqliteTenants(writer, reader, clock)
        reader.close()
        await writer.close()
