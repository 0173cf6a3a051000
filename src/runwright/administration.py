"""What operators change in a store for a moment, whoever drives the runs in it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

from runwright.adapters import sqlite
from runwright.adapters.audit_sqlite import SqliteAudit
from runwright.adapters.expiry_sqlite import SqliteExpiry
from runwright.adapters.file_lock import Lock, make_place
from runwright.adapters.keys_sqlite import SqliteKeys
from runwright.adapters.tenants_sqlite import SqliteTenants
from runwright.audit_port import Audit
from runwright.expiry_port import Expiry
from runwright.key_port import Keys
from runwright.settings import Settings
from runwright.stores import database_of, pepper_path
from runwright.tenant_port import Tenants


class Administered(NamedTuple):
    """The parts of a store that operators change."""

    keys: Keys
    tenants: Tenants
    audit: Audit
    expiry: Expiry


@asynccontextmanager
async def administered(settings: Settings) -> AsyncIterator[Administered]:
    """Yield those parts of the settings' store.

    Raises   DatabaseInUse when the driver is of another version; JournalUnavailable, Invalid
    """
    if settings.postgres_url:
        from runwright.adapters.audit_postgres import PostgresAudit
        from runwright.adapters.expiry_postgres import PostgresExpiry
        from runwright.adapters.keys_postgres import PostgresKeys
        from runwright.adapters.tenants_postgres import PostgresTenants

        database = await database_of(settings)
        try:
            yield Administered(
                PostgresKeys(database),
                PostgresTenants(database),
                PostgresAudit(database),
                PostgresExpiry(database),
            )
        finally:
            await database.close()
        return
    path = settings.database_path
    make_place(path)
    with closing(sqlite.connect(path)) as con:
        if sqlite.schema_version(con) < len(sqlite.migrations()):
            lock = Lock(path)
            try:
                sqlite.migrate(con)
            finally:
                lock.release()
    writer = sqlite.Writer(path, inline_max_s=math.inf, waiting_max=settings.writes_waiting_max)
    try:
        with closing(sqlite.Reader(path)) as reader:
            keys = SqliteKeys(writer, reader, pepper_path(path))
            audit, expiry = SqliteAudit(writer, reader), SqliteExpiry(writer, reader)
            yield Administered(keys, SqliteTenants(writer, reader), audit, expiry)
    finally:
        await writer.close()
