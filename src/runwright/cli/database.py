"""`runwright db …`: the schema of the data file."""

from __future__ import annotations

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
    from runwright.bootstrap import _make_folder

    _make_folder(path)
    lock = Lock(path)
    try:
        connection = sqlite.connect(path)
        before, after = sqlite.schema_version(connection), sqlite.migrate(connection)
        connection.close()
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
    connection = sqlite.connect(path, read_only=True)
    have = sqlite.schema_version(connection)
    connection.close()
    if have > newest:
        raise JournalUnavailable(
            f"{path} has schema {have}, this version knows up to {newest}", hint="install a newer Runwright"
        )
    print(f"{path}: schema {have} of {newest}" + ("" if have == newest else "; run `runwright db upgrade`"))
