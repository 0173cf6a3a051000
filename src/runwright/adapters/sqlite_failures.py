"""What the errors of SQLite's driver mean to callers."""

from __future__ import annotations

from pathlib import Path

import apsw

from runwright.core.errors import JournalFault, JournalUnavailable, RunCorrupt


def failure(error: Exception, path: Path | None = None) -> Exception:
    """The error that callers see: a driver's message reaches nobody raw."""
    if not isinstance(error, apsw.Error):
        unreadable = isinstance(error, UnicodeDecodeError)
        return RunCorrupt("a text in the database cannot be read: it was damaged") if unreadable else error
    where, kind = f" {path}" if path else "", type(error).__name__
    if isinstance(error, apsw.FullError):
        return JournalUnavailable("the disk with the database is full; free some space")
    if isinstance(error, apsw.ConstraintError):  # asking again would be refused again
        return JournalFault(f"the database refused a record: {kind}")
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return JournalUnavailable(f"the file{where} is no SQLite database, or it is damaged")
    return JournalUnavailable(f"the database{where} cannot be used just now: {kind}")
