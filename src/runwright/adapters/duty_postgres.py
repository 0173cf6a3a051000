"""Duties that one process of all on a PostgreSQL database has at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from runwright.adapters.postgres import Connection, Database, let_go
from runwright.adapters.postgres_failures import LOST, failure

DUTIES = 7_283_494  # tells their locks from other advisory locks of the database
TAKE = "SELECT pg_try_advisory_xact_lock($1, hashtext($2))"


@asynccontextmanager
async def duty(database: Database, name: str) -> AsyncIterator[bool]:
    """Yield whether this process has the duty, until the context is left.

    The lock is one of a transaction that does nothing else. The server ends it when it hears nothing of it
    for `idle_s`, so that a process that was stopped does not keep a duty for ever.

    Raises   JournalUnavailable
    """
    con = await database.connect()
    try:
        try:
            await con.execute("BEGIN")
            has_it = bool(await con.fetchval(TAKE, DUTIES, name))
        except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise failure(error) from error
        keeping = asyncio.create_task(_kept(con, database.bounds.idle_s / 3))
        try:
            yield has_it
        finally:
            keeping.cancel()
            await asyncio.wait((keeping,))
    finally:
        await let_go(con)


async def _kept(con: Connection, every_s: float) -> None:
    """Let the server hear of a transaction again and again; a lock that is lost stays lost."""
    with suppress(*LOST, asyncpg.PostgresError, asyncpg.InterfaceError):
        while True:
            await asyncio.sleep(every_s)
            await con.execute("SELECT 1")
