"""What stands in the rows of runs beside the chain of events, and the witnesses that it is as it was written.

The chain covers events, the row's `seq` and its `head`. A witness is a hash over the rest of a row, so that a
damaged status, time or document is noticed instead of shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from runwright.core.codec import Record
from runwright.ports import RunRow

KEY_LIFE_S = 24 * 3_600.0  # of a client's key for a creation
_encode = msgspec.json.Encoder().encode


def changing(last: Record, row: RunRow) -> tuple[Any, ...]:
    """Return the columns of a run that its appends change, the witness over all its columns at the end."""
    tools = f" {' '.join(row.tools)} " if row.tools else ""
    times = _time(row.started_at_s), _time(row.completed_at_s)
    own = (row.run_id, row.tenant, row.status, float(row.created_at_s), *times, row.plan_hash, tools)
    return (last.seq, last.hash, row.status, *times, row.plan_hash, tools, _witness(own))


def document_columns(row: RunRow) -> tuple[Any, ...]:
    """Return a run's prompt and document, and the witness over both."""
    return row.prompt, row.document, _witness((row.run_id, row.prompt, row.document))


def is_sound(own: Sequence[Any], witness: bytes) -> bool:
    """Return whether columns are those that their witness saw; rows of older builds have none."""
    return not witness or _witness(own) == witness


def _witness(columns: Sequence[Any]) -> bytes:
    *columns, last = columns
    tail = last if isinstance(last, bytes) else _encode(last)  # a document is JSON already
    return hashlib.blake2b(_encode(columns) + tail, digest_size=16).digest()


def _time(at_s: float | None) -> float | None:
    return None if at_s is None else float(at_s)  # as the column keeps it
