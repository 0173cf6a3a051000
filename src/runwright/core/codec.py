"""Events as bytes: one encoding, shared by the journal, the streams and every reader.

A record is the event exactly as clients see it, plus a hash that chains it to the record before:
`hash = BLAKE2b-128(previous hash + body)`. The body contains seq and run id, so a record that is
changed, moved, left out or taken from another run breaks the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from runwright.core.errors import RunCorrupt
from runwright.core.events import FACTS, Event
from runwright.core.ids import RunId

GENESIS = b""


class Record(NamedTuple):
    """One row of the journal; `body` is the event's JSON, byte for byte what clients get."""

    seq: int
    type: str
    body: bytes
    hash: bytes


class Tip(NamedTuple):
    """The end of a run's journal: what the next append must stand on."""

    seq: int
    hash: bytes


EMPTY = Tip(0, GENESIS)


class _Envelope(msgspec.Struct, frozen=True):
    seq: int
    type: str
    run_id: str
    at: str
    data: msgspec.Raw
    step_number: int | None = None


_encode_fact = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_fact = {name: msgspec.json.Decoder(fact).decode for name, fact in FACTS.items()}


@lru_cache(maxsize=64)  # the events of a turn share their time
def timestamp(at_s: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC, to the millisecond."""
    seconds, milliseconds = divmod(round(at_s * 1_000), 1_000)
    return f"{_to_the_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=8)  # and turns come in bursts of the same second
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


def instant(text: str) -> float:
    """Return an RFC 3339 time as epoch seconds.

    Raises   ValueError when the text is no such time or has no zone
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no zone; write it in UTC with a Z at the end")
    return moment.timestamp()


def encode(run_id: RunId, event: Event) -> bytes:
    """Return an event's JSON as clients see it."""
    seq, at_s, fact, step_number = event.seq, event.at_s, event.fact, event.step_number
    step = "" if step_number is None else f'"step_number":{step_number},'
    head = f'{{"seq":{seq},"type":"{fact.type}","run_id":"{run_id}","at":"{timestamp(at_s)}",{step}"data":'
    return b"%b%b}" % (head.encode(), _encode_fact(fact))


def decode(body: bytes, run_id: RunId | None = None) -> Event:
    """Return the event that a record's body holds.

    Raises   RunCorrupt when it holds none, or one of another run than `run_id`
    """
    try:
        envelope = _decode_envelope(body)
        if run_id is not None and envelope.run_id != run_id:
            raise RunCorrupt("a record of the run's journal belongs to another run")
        fact = _decode_fact[envelope.type](envelope.data)
        return Event(envelope.seq, instant(envelope.at), fact, envelope.step_number)
    except (msgspec.DecodeError, KeyError, ValueError, RecursionError) as error:
        raise RunCorrupt("a record of the run's journal cannot be read") from error


def chained(run_id: RunId, tip: Tip, events: Iterable[Event]) -> tuple[list[Record], Tip]:
    """Return the records of events that stand behind the tip, in order, and the new tip."""
    seq, last = tip
    records = []
    for event in events:
        seq += 1
        body = encode(run_id, event)
        last = link(last, body)
        records.append(Record(seq, event.fact.type, body, last))
    return records, Tip(seq, last)


def link(previous: bytes, body: bytes) -> bytes:
    """Return the hash of a body that stands behind the record with hash `previous`; 16 bytes."""
    return hashlib.blake2b(previous + body, digest_size=16).digest()


def verified(
    records: Iterable[Record], after: Tip, tip: Tip | None = None, run_id: RunId | None = None
) -> list[Event]:
    """Return the events of records, in order, once their chain holds.

    after    the tip that the first record stands on
    tip      where the chain must end, when that is known
    run_id   whose events they must be, when that is known
    Raises   RunCorrupt naming the first seq that is damaged or missing
    """
    seq, last = after
    events = []
    for record in records:
        seq += 1
        if record.seq != seq:
            raise RunCorrupt(f"event {seq} of the run's journal is missing")
        last = link(last, record.body)
        if last != record.hash:
            raise RunCorrupt(f"event {seq} of the run's journal was damaged or changed")
        event = decode(record.body, run_id)
        if event.seq != seq or event.fact.type != record.type:
            raise RunCorrupt(f"event {seq} of the run's journal stands in the wrong place")
        events.append(event)
    if tip is not None and seq != tip.seq:
        raise RunCorrupt(f"the run's journal ends at event {seq}, but {tip.seq} were recorded")
    if tip is not None and last != tip.hash:
        raise RunCorrupt(f"event {seq} of the run's journal is not the one that was recorded")
    return events
