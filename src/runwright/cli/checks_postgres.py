"""What `runwright doctor` looks at in a PostgreSQL database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from runwright.stores import database_of

if TYPE_CHECKING:
    from runwright.adapters.postgres import Connection
    from runwright.settings import Settings

ROUNDS = 9
ROUND_SLOW_MS = 5.0
# what else a server has connections for
SPARE_CONNECTIONS = 10
WRITERS = 3


class Said(NamedTuple):
    """The fields of a finding."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    said: str
    fix: str = ""


def findings(settings: Settings) -> list[Said]:
    """Return what there is to say about the database.

    Raises   JournalUnavailable when it cannot be reached; Invalid when its driver is not installed
    """
    return asyncio.run(_findings(settings))


async def _findings(settings: Settings) -> list[Said]:
    database = await database_of(settings, migrating=False)
    try:
        async with database.connection() as con:
            return [
                await _schema(con, database.version),
                await _durable(con),
                await _connections(con, settings.database_connections_max + WRITERS),
                await _near(con),
            ]
    finally:
        await database.close()


async def _schema(con: Connection, version: str) -> Said:
    from runwright.adapters.postgres_schema import SERVER_MIN, migrations, schema_version

    have, newest = await schema_version(con), len(migrations())
    size_mib = await con.fetchval("SELECT pg_database_size(current_database())") / 1024**2
    said = f"PostgreSQL {version}, {size_mib:,.1f} MiB, schema {have} of {newest}"
    if int(version.partition(".")[0]) < SERVER_MIN:
        return Said("database", "fail", said, f"use PostgreSQL {SERVER_MIN} or newer")
    if have > newest:
        return Said("database", "fail", said, "it was made by a newer Runwright; install that version")
    return Said(
        "database", "warn" if have < newest else "ok", said, "runwright db upgrade" if have < newest else ""
    )


async def _durable(con: Connection) -> Said:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    values = {name: await con.fetchval("SELECT current_setting($1)", name) for name in names}
    said = ", ".join(f"{name} {value}" for name, value in values.items())
    weak = [name for name, value in values.items() if value == "off"]
    fix = (
        f"switch on {', '.join(weak)} in postgresql.conf, else a power cut loses accepted runs"
        if weak
        else ""
    )
    return Said("durability", "fail" if weak else "ok", said, fix)


async def _connections(con: Connection, wanted: int) -> Said:
    allowed = int(await con.fetchval("SELECT current_setting('max_connections')"))
    said = f"{wanted} at most from each process, the server allows {allowed}"
    tight = wanted + SPARE_CONNECTIONS > allowed
    fix = "lower RUNWRIGHT_DATABASE_CONNECTIONS_MAX or raise max_connections" if tight else ""
    return Said("connections", "warn" if tight else "ok", said, fix)


async def _near(con: Connection) -> Said:
    took_s = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        await con.execute("SELECT 1")
        took_s.append(time.perf_counter() - began_s)
    took_ms = sorted(took_s)[ROUNDS // 2] * 1_000
    slow = took_ms > ROUND_SLOW_MS
    fix = "every step waits for the server; put it nearer" if slow else ""
    return Said("round trip", "warn" if slow else "ok", f"{took_ms:.2f} ms to the server and back", fix)
