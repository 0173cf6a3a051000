"""How the journal in SQLite reads runs that are in the archive, and takes one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import apsw

from runwright.adapters.archived import last_hash, part, unpacked, whole
from runwright.core.codec import Record
from runwright.core.ids import RunId

Rows: TypeAlias = Callable[[str, tuple[Any, ...]], Sequence[tuple[Any, ...]]]

_MARKS = "SELECT marks FROM run_archive WHERE run_id = ?"
_PART = "SELECT substr(document, ?, ?) FROM run_archive WHERE run_id = ?"
_DOCUMENT = "SELECT document, marks FROM run_archive WHERE run_id = ?"
_FORGET = (
    "DELETE FROM run_archive WHERE run_id = ?",
    "DELETE FROM run_stats WHERE run_id = ?",
    "DELETE FROM step_stats WHERE run_id = ?",
)
INSERT_EVENT = "INSERT INTO events (run_id, seq, type, body, hash) VALUES (?, ?, ?, ?, ?)"


def archived_page(
    rows: Rows, run_id: RunId, after_seq: int, limit: int | None = None, bytes_max: int | None = None
) -> tuple[bytes, tuple[Record, ...], bool]:
    """Return the hash of the event at `after_seq`, the records behind it, and whether there are more."""
    found = rows(_MARKS, (run_id,))
    if not found:
        return b"", (), False
    start, size, marks, cut = part(run_id, found[0][0], after_seq, limit, bytes_max)
    body = rows(_PART, (start + 1, size, run_id))  # SQLite counts bytes from 1
    before = part(run_id, found[0][0], max(0, after_seq - 1), 1).marks if after_seq else b""
    return last_hash(before), unpacked(body[0][0], marks, after_seq), cut


def archived_tip_hash(rows: Rows, run_id: RunId) -> bytes | None:
    """Return the hash of the newest event of a run in the archive; None: it is not there."""
    found = rows(_MARKS, (run_id,))
    return last_hash(found[0][0]) if found else None


def archived_whole(con: apsw.Connection, run_id: RunId) -> tuple[Record, ...]:
    """Return all records of a run in the archive; none when it is not there, or anything of it is damaged."""
    found = con.execute(_DOCUMENT, (run_id,)).fetchone()
    return (whole(run_id, *found) if found else None) or ()


def take_back(con: apsw.Connection, run_id: RunId, records: Sequence[Record]) -> None:
    """Put the records of a run that goes on into the journal again; its copy and its figures are stale."""
    con.executemany(INSERT_EVENT, [(run_id, *record) for record in records])
    for forget in _FORGET:
        con.execute(forget, (run_id,))
