"""`runwright db …`: the schema of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runwright.cli.audit import noted
from runwright.cli.options import AsJson
from runwright.core.errors import JournalUnavailable

if TYPE_CHECKING:
    from runwright.runtime.retention import Collected
    from runwright.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Migrate the database, delete what is over."
)


@app.command()
def upgrade() -> None:
    """Bring the database up to the schema of this version; a data file is made where there is none.

    Every command that carries out runs does so by itself. A data file must not be driven by another process.

    \b
    Example:
      runwright db upgrade
    """
    from runwright.cli.configured import settings

    configured = settings()
    if configured.postgres_url:
        name = "the database"
        before, after = asyncio.run(_postgres_versions(configured, upgrading=True))
    else:
        name = str(configured.database_path)
        before, after = _upgraded(configured.database_path)
    print(f"{name}: schema {after}" + (f", was {before}" if before != after else ", nothing to do"))


@app.command()
def current() -> None:
    """Print the schema of the database, and the one that this version has.

    \b
    Example:
      runwright db current
    """
    from runwright.cli.configured import settings

    configured = settings()
    if configured.postgres_url:
        name, (have, newest) = "the database", asyncio.run(_postgres_versions(configured, upgrading=False))
    else:
        from runwright.adapters import sqlite

        path = configured.database_path
        name, newest = str(path), len(sqlite.migrations())
        if not path.exists():
            print(f"{name}: not there yet; this version makes schema {newest}")
            return
        have = version_of(path)
    if have > newest:
        raise JournalUnavailable(
            f"{name} has schema {have}, this version knows up to {newest}", hint="install a newer Runwright"
        )
    print(f"{name}: schema {have} of {newest}" + ("" if have == newest else "; run `runwright db upgrade`"))


@app.command()
def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete runs that have been over for longer than they are kept, and expired keys and tickets.

    RUNWRIGHT_RETENTION_DAYS says how long that is, or `runwright tenants set --retention-days`.
    A server does the same every ten minutes. A SQLite file does not shrink: its space is used again.

    \b
    Example:
      runwright db gc --dry-run
    """
    found = asyncio.run(_collected(dry_run=dry_run))
    keys, tickets = found.leftovers
    if as_json:
        from runwright.cli.results import machine

        tenants = [{"tenant": one.tenant, "runs": one.runs, "bytes": one.size} for one in found.tenants]
        told = {"dry_run": dry_run, "tenants": tenants, **found.leftovers._asdict()}
        print(machine(told))
        return
    verb = "would be deleted" if dry_run else "deleted"
    for one in found.tenants:
        print(f"{one.tenant}: {one.runs:,} runs of {one.size:,} bytes {verb}")
    if not found.tenants:
        print(f"no runs {verb}")
    print(f"{keys:,} expired idempotency keys and {tickets:,} tickets {verb}")


async def _collected(*, dry_run: bool) -> Collected:
    from runwright.administration import administered
    from runwright.caretaking import retention_of
    from runwright.cli.configured import settings

    configured = settings()
    async with administered(configured) as store:
        retention = retention_of(configured, store.expiry, store.tenants)
        found = await retention.collect(dry_run=dry_run)
        if not dry_run:
            for one in found.tenants:
                await noted(store, "garbage.collected", tenant=one.tenant, subject=f"{one.runs} runs")
        return found


def _upgraded(path: Path) -> tuple[int, int]:
    from runwright.adapters import sqlite
    from runwright.adapters.file_lock import Lock, make_place

    make_place(path)
    lock = Lock(path)
    try:
        with closing(sqlite.connect(path)) as connection, translated(path):
            return sqlite.schema_version(connection), sqlite.migrate(connection)
    finally:
        lock.release()


async def _postgres_versions(settings: Settings, *, upgrading: bool) -> tuple[int, int]:
    """The schema that the database has, and the one that it gets or could get."""
    from runwright.stores import database_of

    database = await database_of(settings, migrating=False)
    from runwright.adapters.postgres_schema import migrate, migrations, schema_version

    try:
        async with database.connection() as con:
            have = await schema_version(con)
            return have, await migrate(con) if upgrading else len(migrations())
    finally:
        await database.close()


def version_of(path: Path) -> int:
    """Return the version of the schema that a data file has.

    Raises   JournalUnavailable when it cannot be read
    """
    from runwright.adapters import sqlite

    with closing(sqlite.connect(path, read_only=True)) as connection, translated(path):
        return sqlite.schema_version(connection)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise errors of the database as Runwright's own.

    Raises   JournalUnavailable
    """
    import apsw

    from runwright.adapters.sqlite_failures import failure

    try:
        yield
    except apsw.Error as error:
        raise failure(error, path) from error
