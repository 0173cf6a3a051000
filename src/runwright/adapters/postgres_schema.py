"""The schema of a PostgreSQL database: numbered migrations, applied under a lock of the server."""

from __future__ import annotations

from importlib.resources import files

import asyncpg

from runwright.adapters.postgres import Connection
from runwright.adapters.postgres_failures import LOST, failure
from runwright.core.errors import JournalUnavailable

MIGRATION_LOCK = 7_283_492
SERVER_MIN = 14  # pg_terminate_backend that waits


async def migrate(con: Connection) -> int:
    """Bring a database up to this build's schema, in one transaction; return the version it is at.

    Raises   JournalUnavailable when the database was made by a newer build, or cannot be changed
    """
    try:
        if (major := con.get_server_version().major) < SERVER_MIN:
            hint = f"use PostgreSQL {SERVER_MIN} or newer"
            raise JournalUnavailable(f"the server is PostgreSQL {major}, which is too old", hint=hint)
        async with con.transaction():
            await con.execute("SET LOCAL statement_timeout = 0")
            await con.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, timeout=None)
            return await _migrated(con, migrations())
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise failure(error) from error


async def _migrated(con: Connection, scripts: list[str]) -> int:
    await con.execute(
        "CREATE TABLE IF NOT EXISTS schema_version "
        "(version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    have = await schema_version(con)
    if have > len(scripts):
        raise JournalUnavailable(
            f"the database has schema {have}, this build of Runwright knows up to {len(scripts)}; "
            "install the version that made it, or a newer one"
        )
    for number, sql in enumerate(scripts[have:], start=have + 1):
        await con.execute(sql)
        await con.execute("INSERT INTO schema_version (version) VALUES ($1)", number)
    return len(scripts)


async def schema_version(con: Connection) -> int:
    """Return the number of the newest migration that was applied; 0 for an empty database."""
    if await con.fetchval("SELECT to_regclass('schema_version')") is None:
        return 0
    return int(await con.fetchval("SELECT coalesce(max(version), 0) FROM schema_version"))


def migrations() -> list[str]:
    """Return the SQL of all migrations, oldest first."""
    folder = files("runwright.adapters") / "sql" / "postgres"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in found]
