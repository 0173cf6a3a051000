"""The form of a run in the archive: one JSON document with all of its events, and marks to find them by.

The document is `{"run_id":"run_…","events":[…]}`, each event byte for byte as the journal had it. A mark is
the hash of an event in the chain, and its length. So some events can be read without the rest, a record is
what it was in the journal, and damage is named by its number.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from runwright.core.codec import Record
from runwright.core.ids import RunId

MARK = struct.Struct(">16sI")
_TAIL = b"]}"


class _Typed(msgspec.Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed).decode


class Part(NamedTuple):
    """Some events of a document that follow each other.

    start  their first byte in the document, from 0
    size   their bytes, with the commas between them
    marks  of these events
    cut    there are more behind them
    """

    start: int
    size: int
    marks: bytes
    cut: bool


def packed(run_id: RunId, records: Sequence[Record]) -> tuple[bytes, bytes]:
    """Return the document and the marks of a run's records."""
    document = _head(run_id) + b",".join([record.body for record in records]) + _TAIL
    return document, b"".join([MARK.pack(record.hash, len(record.body)) for record in records])


def part(
    run_id: RunId, marks: bytes, after_seq: int = 0, limit: int | None = None, bytes_max: int | None = None
) -> Part:
    """Return where the events behind a seq are: as many as may be, the first one in any case."""
    sizes = [size for _, size in MARK.iter_unpack(marks[: len(marks) // MARK.size * MARK.size])]
    start = len(_head(run_id)) + sum(sizes[:after_seq]) + len(sizes[:after_seq])
    count = total = 0
    for size in sizes[after_seq:]:
        total += size
        if count == limit or (count and bytes_max is not None and total > bytes_max):
            break
        count += 1
    until = after_seq + count
    own = sizes[after_seq:until]
    some = marks[after_seq * MARK.size : until * MARK.size]
    return Part(start, sum(own) + max(0, count - 1), some, cut=until < len(sizes))


def unpacked(found: bytes, marks: bytes, after_seq: int = 0) -> tuple[Record, ...]:
    """Return the records in some bytes of a document; whether they are sound is for their chain to say."""
    records, at = list[Record](), 0
    for seq, (recorded, size) in enumerate(MARK.iter_unpack(marks), start=after_seq + 1):
        body = found[at : at + size]
        records.append(Record(seq, _type_of(body), body, recorded))
        at += size + 1
    return tuple(records)


def whole(run_id: RunId, document: bytes, marks: bytes) -> tuple[Record, ...] | None:
    """Return all records of a document; None when it is not exactly what `packed` makes of them."""
    own = part(run_id, marks)
    records = unpacked(document[own.start : own.start + own.size], own.marks)
    return records if packed(run_id, records) == (document, marks) else None


def last_hash(marks: bytes) -> bytes:
    """Return the hash of the newest event that the marks know."""
    return marks[-MARK.size :][:16]


def _head(run_id: RunId) -> bytes:
    return b'{"run_id":"%b","events":[' % run_id.encode()


def _type_of(body: bytes) -> str:
    try:
        return _typed(body).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # damaged, as its hash tells


def newest_id_at(at_s: float) -> RunId:
    """Return an id that no run which was created before this moment is greater than."""
    return RunId(f"run_{min(max(0, int(at_s * 1_000)), (1 << 48) - 1):012x}{'f' * 20}")
