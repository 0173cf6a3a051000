"""One PostgreSQL database: its connections, and how long anything may take.

Every wait has a bound, on the server (statement and idle-in-transaction time-outs) and here (a server that
is paused, or a cable that is cut, enforces nothing). A server that cannot be reached is refused at once,
until a probe has reached it again. No error of the driver leaves this module, and no password.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import timedelta
from errno import ETIMEDOUT
from itertools import chain, repeat
from os import strerror
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from runwright.adapters.postgres_failures import LOST, failure
from runwright.core.errors import Invalid, JournalUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

# how much longer than the server an answer is waited for here
MARGIN_S = 1.0
PROBE_WAITS_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # the last one repeats
TERMINATE_MS = 2_000
GOODBYE_S = 1.0
PING_S = 2.0
MOMENT_S = 0.1  # a server that lost one connection is reached again by then


# $1 for how long a process has said nothing; `active` is also who waits for the rest of a statement
_END_SILENT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name LIKE 'runwright %'
  AND state = 'active' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - $1::interval"""


class Bounds(NamedTuple):
    """How long and how much, at most.

    connect_s      to be let in by the server
    statement_s    for one statement
    idle_s         for a transaction that does nothing, and holds its locks
    wait_s         for a free connection, and for word of a commit that was cut off
    connections    for everything but group commits, which have one each
    """

    connect_s: float
    statement_s: float
    idle_s: float
    wait_s: float
    connections: int


class Database:
    """The connections of this process to one database."""

    def __init__(self, url: str, bounds: Bounds) -> None:
        self._url, self.bounds = url, bounds
        # names this process among the server's backends, so that it ends none but its own
        self.name = f"runwright {secrets.token_hex(4)}"
        self._pool: Pool | None = None
        self._reachable = asyncio.Event()
        self.version = ""
        self._probe: asyncio.Task[None] | None = None
        self._pinging: asyncio.Task[None] | None = None
        self.away: str | None = None

    async def open(self) -> None:
        """Make the first connection.

        Raises   JournalUnavailable, Invalid for an address that is none
        """
        check(self._url)
        try:
            con = await self.connect()
            self.version = con.get_settings().server_version.partition(" ")[0]
            await let_go(con)
            self._pool = await asyncpg.create_pool(
                min_size=0, max_size=self.bounds.connections, reset=_as_it_is, connect=self._connected
            )
        except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise failure(error) from error
        self._reachable.set()

    async def close(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        if self._pool is not None:
            await let_go(self._pool)

    async def connect(self, **server_settings: str) -> Connection:
        """Return a new connection; its caller closes it.

        Raises   JournalUnavailable
        """
        try:
            con = await self._connected(server_settings=server_settings)
        except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise failure(error) from error
        return con

    async def _connected(self, *_: Any, **given: Any) -> Connection:
        settings = {
            "application_name": self.name,
            "statement_timeout": str(round(self.bounds.statement_s * 1_000)),
            "idle_in_transaction_session_timeout": str(round(self.bounds.idle_s * 1_000)),
            "jit": "off",
        }
        try:
            return await asyncpg.connect(
                self._url,
                timeout=self.bounds.connect_s,
                command_timeout=self.bounds.statement_s + MARGIN_S,
                server_settings=settings | given.get("server_settings", {}),
            )
        except TimeoutError as error:  # who waits for a free connection must not take it for that
            raise ConnectionError(ETIMEDOUT, strerror(ETIMEDOUT)) from error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Yield a connection of the pool; the driver's errors inside are translated.

        Raises   JournalUnavailable, at once while the server is known to be away
        """
        assert self._pool is not None
        await self.reached()
        try:
            try:
                con = await self._pool.acquire(timeout=self.bounds.wait_s)
            except TimeoutError as error:
                raise JournalUnavailable(
                    f"no connection to the database was free for {self.bounds.wait_s:g} s; try again"
                ) from error
            try:
                yield con
            finally:
                await self._released(con)
        except LOST as error:
            self.lost(error)
            raise failure(error) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise failure(error) from error

    async def _released(self, con: Connection) -> None:
        assert self._pool is not None
        try:
            await self._pool.release(con, timeout=GOODBYE_S)
        except LOST as error:  # nothing that its user has to know
            self.lost(error)

    @asynccontextmanager
    async def again(self) -> AsyncIterator[Connection]:
        """Yield a connection as soon as the server can be reached again.

        Raises   JournalUnavailable when that takes too long
        """
        try:
            async with asyncio.timeout(self.bounds.wait_s):
                await self._reachable.wait()
        except TimeoutError as error:
            raise failure(error) from error
        async with self.connection() as con:
            yield con

    async def ping(self) -> None:
        """Return once the server has answered; however many ask at the same time, it is asked once.

        Raises   JournalUnavailable, soon
        """
        if self._pinging is None or self._pinging.done():
            self._pinging = asyncio.get_running_loop().create_task(self._ping(), context=Context())
            self._pinging.add_done_callback(_looked_at)
        await asyncio.shield(self._pinging)

    async def _ping(self) -> None:
        has_connection = False
        try:
            async with asyncio.timeout(PING_S), self.connection() as con:
                has_connection = True
                await con.execute("SELECT 1")
        except TimeoutError as error:
            if not has_connection:  # others have them all, which says nothing of the server
                raise JournalUnavailable(
                    f"no connection to the database was free for {PING_S:g} s"
                ) from error
            self.lost(error)
            raise failure(error) from error

    async def rows(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query, from a connection of the pool.

        Raises   JournalUnavailable
        """
        async with self.connection() as con:
            return list(await con.fetch(sql, *bindings))

    def lost(self, error: BaseException) -> None:
        """Take note that the server did not answer; from now on it is asked by the probe alone."""
        self.away = failure(error).message
        self._reachable.clear()
        if self._probe is None or self._probe.done():
            self._probe = asyncio.get_running_loop().create_task(self._probed())

    async def back(self) -> None:
        """Return once the server can be reached."""
        await self._reachable.wait()

    async def reached(self) -> None:
        """Return when the server can be reached, now or in a moment.

        Raises   JournalUnavailable
        """
        if self.away is None:
            return
        try:
            async with asyncio.timeout(MOMENT_S):
                await self._reachable.wait()
        except TimeoutError as error:
            raise JournalUnavailable(self.away or failure(error).message) from error

    async def _probed(self) -> None:
        assert self._pool is not None
        await self._pool.expire_connections()
        for wait_s in chain(PROBE_WAITS_S, repeat(PROBE_WAITS_S[-1])):
            try:
                await let_go(await self.connect())
            except JournalUnavailable as error:
                self.away = failure(error).message
                await asyncio.sleep(wait_s)
            else:
                break
        self.away = None
        self._reachable.set()

    async def end_silent(self, con: Connection) -> int:
        """End connections whose process says no more in the middle of a transaction; return how many.

        The server does that by itself where a process is silent between two statements. asyncpg has a
        statement read first and carried out then, and a process that is stopped between the two would hold
        its locks for as long as it is.
        """
        return int(await con.fetchval(_END_SILENT, timedelta(seconds=self.bounds.idle_s)))

    async def ended(self, con: Connection, backend: int) -> bool:
        """Whether a backend of this process is gone for sure, so that what it left is all that it did."""
        told = await con.fetchval(
            "SELECT bool_and(pg_terminate_backend(pid, $3)) FROM pg_stat_activity "
            "WHERE pid = $1 AND application_name = $2",
            backend,
            self.name,
            TERMINATE_MS,
        )
        return told is not False


def _looked_at(ping: asyncio.Task[None]) -> None:
    """Whoever waited for it may have left; then nobody else would look at what went wrong."""
    if not ping.cancelled():
        ping.exception()


async def let_go(held: Connection | Pool) -> None:
    """Close a connection or a pool, politely when the server answers."""
    try:
        async with asyncio.timeout(GOODBYE_S):
            await held.close()
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError):
        held.terminate()


async def _as_it_is(con: Connection) -> None:
    """Leave a connection as it is: nothing here changes one for good, and a reset costs a round trip."""


def check(url: str) -> None:
    """Refuse an address that cannot be one of a PostgreSQL database, without repeating it.

    Raises   Invalid
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise Invalid(
            "RUNWRIGHT_DATABASE_URL is no address of a PostgreSQL database",
            hint="write postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        )
