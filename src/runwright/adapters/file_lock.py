"""The lock that makes one process the driver of a SQLite file, and says which one it is."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from runwright.core.errors import DatabaseInUse, JournalUnavailable


class Lock:
    """The operating system's lock that makes this process the one that drives a file.

    The lock file says who holds it: `{"pid": …, "address": …}`. The system frees the lock when the
    process dies, however it dies.
    """

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises   DatabaseInUse when another process holds it
        """
        self._path = lock_path(database)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            holder = lock_holder(database)
            raise DatabaseInUse(database, holder.get("pid"), holder.get("address")) from error
        self.announce(None)

    def announce(self, address: str | None) -> None:
        """Write down where this process can be reached."""
        text = json.dumps({"pid": os.getpid(), "address": address}).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def lock_path(database: Path) -> Path:
    """Return where the lock of a database file lies."""
    return database.with_name(database.name + ".lock")


def lock_holder(database: Path) -> dict[str, Any]:
    """Return what the lock file says of its holder: `pid` and `address`, where it is readable."""
    try:
        held = json.loads(lock_path(database).read_bytes() or b"{}")
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def make_place(path: Path) -> None:
    """Make a database file and its folder, for their owner alone, where they are not there.

    What SQLite writes beside the file gets the rights of the file.

    Raises   JournalUnavailable, saying why it cannot be made
    """
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise JournalUnavailable(
            f"the database {path} cannot be made: {error.strerror}",
            hint="set RUNWRIGHT_DATABASE_URL to a file in a folder that you may write",
        ) from error
