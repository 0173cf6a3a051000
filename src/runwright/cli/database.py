"""`runwright db …`: the schema of the data file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import typer

from runwright.cli.lean import load_structlog
from runwright.core.errors import JournalUnavailable

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Migrate the data file.")


@app.command()
def upgrade() -> None:
    """Bring the data file up to the schema of this version; it is made where there is none.

    Every command that carries out runs does so by itself. Another process that drives the file is an error.

    \b
    Example:
      runwright db upgrade
    """
    from runwright.cli.configured import settings

    path = settings().database_path
    load_structlog()
    from runwright.adapters import sqlite
    from runwright.adapters.file_lock import Lock
    from runwright.bootstrap import make_folder

    make_folder(path)
    lock = Lock(path)
    try:
        with closing(sqlite.connect(path)) as connection, translated(path):
            before, after = sqlite.schema_version(connection), sqlite.migrate(connection)
    finally:
        lock.release()
    print(f"{path}: schema {after}" + (f", was {before}" if before != after else ", nothing to do"))


@app.command()
def current() -> None:
    """Print the schema of the data file, and the one that this version has.

    \b
    Example:
      runwright db current
    """
    from runwright.adapters import sqlite
    from runwright.cli.configured import settings

    path = settings().database_path
    newest = len(sqlite.migrations())
    if not path.exists():
        print(f"{path}: not there yet; this version makes schema {newest}")
        return
    have = version_of(path)
    if have > newest:
        raise JournalUnavailable(
            f"{path} has schema {have}, this version knows up to {newest}", hint="install a newer Runwright"
        )
    print(f"{path}: schema {have} of {newest}" + ("" if have == newest else "; run `runwright db upgrade`"))


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

    from runwright.adapters import sqlite

    try:
        yield
    except apsw.Error as error:
        raise sqlite.failure(error, path) from error
