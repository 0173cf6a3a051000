"""How the journal in PostgreSQL reads runs that are in the archive, and takes one back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from runwright.adapters.archived import last_hash, part, unpacked
from runwright.adapters.journal_postgres_rows import PREFIX, columns
from runwright.adapters.postgres import Connection
from runwright.core.codec import Record
from runwright.core.ids import RunId

Rows: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]

MARKS = "SELECT marks FROM run_archive WHERE run_id = $1"
PART = "SELECT substring(document FROM $2 FOR $3) FROM run_archive WHERE run_id = $1"
DOCUMENTS = "SELECT run_id, document, marks FROM run_archive WHERE run_id = ANY($1::uuid[])"
TAKE_BACK = """
WITH copy AS (
    DELETE FROM run_archive WHERE run_id = $1
), figures AS (
    DELETE FROM run_stats WHERE run_id = $1
)
DELETE FROM step_stats WHERE run_id = $1"""
_INSERT = "INSERT INTO events (run_id, seq, hashes, body, type) VALUES ($1, $2, $3, $4, $5)"
_RECORDS_AT_ONCE = 50  # in a row, so that some events can be read without all of them


async def archived_page(
    rows: Rows, run_id: RunId, after_seq: int, limit: int | None = None, bytes_max: int | None = None
) -> tuple[bytes, tuple[Record, ...], bool]:
    """Return the hash of the event at `after_seq`, the records behind it, and whether there are more."""
    uuid = run_id[PREFIX:]
    found = await rows(MARKS, uuid)
    if not found:
        return b"", (), False
    start, size, marks, cut = part(run_id, found[0][0], after_seq, limit, bytes_max)
    body = await rows(PART, uuid, start + 1, size)  # SQL counts bytes from 1
    before = part(run_id, found[0][0], max(0, after_seq - 1), 1).marks if after_seq else b""
    return last_hash(before), unpacked(body[0][0], marks, after_seq), cut


async def archived_tip_hash(rows: Rows, run_id: RunId) -> bytes | None:
    """Return the hash of the newest event of a run in the archive; None: it is not there."""
    found = await rows(MARKS, run_id[PREFIX:])
    return last_hash(found[0][0]) if found else None


async def take_back(con: Connection, run_id: RunId, records: Sequence[Record]) -> None:
    """Put the records of a run that goes on into the journal again; its copy and its figures are stale."""
    await con.execute(TAKE_BACK, run_id[PREFIX:])
    parts = [records[n : n + _RECORDS_AT_ONCE] for n in range(0, len(records), _RECORDS_AT_ONCE)]
    await con.executemany(_INSERT, [columns(run_id, part) for part in parts])
