"""What the driver of PostgreSQL may say went wrong, and what callers are told instead."""

from __future__ import annotations

import asyncpg

from runwright.core.errors import InvalidInput, JournalUnavailable, RunwrightError

# the connection is gone, or may be: whether a commit was carried out is not known
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InternalClientError,  # what the driver says of a connection that died under it
)


def failure(error: BaseException) -> RunwrightError:
    """Return the error that callers see: a driver's message never leaves this module raw."""
    match error:
        case RunwrightError():
            return error
        case TimeoutError():
            return JournalUnavailable("the database server does not answer in time")
        case OSError():
            return JournalUnavailable(
                f"the database server cannot be reached: {error.strerror or 'it hung up'}",
                hint="is it running, and is RUNWRIGHT_DATABASE_URL its address?",
            )
        case asyncpg.CharacterNotInRepertoireError():
            return InvalidInput("a text with the character U+0000 cannot be kept there by PostgreSQL")
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InsufficientPrivilegeError():
            said = "the database server does not let this user in, or not do this"
            return JournalUnavailable(said, hint="check user and password in RUNWRIGHT_DATABASE_URL")
        case asyncpg.InvalidCatalogNameError():
            return JournalUnavailable(
                "the database of RUNWRIGHT_DATABASE_URL does not exist", hint="make it with createdb"
            )
        case asyncpg.DiskFullError():
            return JournalUnavailable("the disk of the database server is full; free some space")
        case asyncpg.TooManyConnectionsError():
            return JournalUnavailable(
                "the database server has no connection left; raise max_connections there"
            )
        case asyncpg.QueryCanceledError():
            return JournalUnavailable("a statement took the database server too long")
        case _ if isinstance(error, LOST) or "connection is closed" in str(error):
            return JournalUnavailable("the connection to the database server was lost")
    return JournalUnavailable(f"the database cannot be used just now: {type(error).__name__}")
