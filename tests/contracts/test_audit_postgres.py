"""The audit trail in a PostgreSQL database keeps the contract, and the database itself refuses every change."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from contracts.postgres_opened import BOUNDS
from runwright.adapters.audit_postgres import PostgresAudit
from runwright.adapters.postgres import Database
from runwright.core.audit import AuditEntry, AuditFilter
from runwright.testing.audit_contract import AuditContract


@pytest.fixture
async def audit(postgres_url: str) -> AsyncIterator[PostgresAudit]:
    """The trail in a database of the test's own."""
    database = Database(postgres_url, BOUNDS)
    await database.open()
    yield PostgresAudit(database)
    await database.close()


class TestPostgresAudit(AuditContract):
    """The contract, on a database of the test's own."""


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET result = 'ok'", "DELETE FROM audit", "TRUNCATE audit", "TRUNCATE audit CASCADE"],
)
async def test_whoever_is_connected_can_only_add(
    audit: PostgresAudit, postgres_url: str, change: str
) -> None:
    """Not only our code: the database refuses the statement."""
    entry = AuditEntry(time.time(), "key.refused", "unauthorized")
    await audit.append([entry])
    con = await asyncpg.connect(postgres_url, timeout=30)
    try:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await con.execute(change)
    finally:
        await con.close()

    assert [one.entry for one in await audit.page(AuditFilter(), None, 10)] == [entry]
