"""The rows of `events` in PostgreSQL, each of which holds what one append has added to a run; and documents.

A row costs the server's log some 150 bytes before anything stands in it, and events of one kind differ in a
few bytes only. So the bodies of an append share a row; the run's id, which is its key, is left out of them;
and they are deflated with a dictionary of what most of them say. So are the documents of ended runs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any
from uuid import UUID

from runwright.core.codec import Record
from runwright.core.ids import RunId

_RUN_ID = re.compile("run_[0-9a-f]{32}")
PREFIX = len("run_")
HASH_BYTES = 16
# Longer ones are left to the server, which compresses what is long by itself: this is done on the loop's
# thread.
DEFLATED_BYTES_MAX = 16 * 1024

# What a row begins with. Rows of older builds hold one event or document as it is, and begin with its brace.
_PLAIN, _DEFLATED, _OLD = b"\x01", b"\x02", b"{"
_BETWEEN = b"\x1e"  # which no JSON contains
_WINDOW, _MEMORY, _LEVEL = -12, 4, 1  # small: a copy for each row must cost little

# Part of the format of the database: it never changes. A second one would get a first byte of its own.
DICTIONARY = (
    b'{"run_id":"run_","tenant":"default","user":null,"metadata":{},"trace_id":null,"prompt":"",'
    b'"deadline_s":3600.0,"status":"completed","plan":{"plan_id":"plan_","goal":"",'
    b'"source":"rules","source":"given","plan_hash":""},"result":null,"error":null,"created_at":"2026-01-01T'
    b'00:00:00.000Z","started_at":"2026-01-01T00:00:00.000Z","completed_at":"2026-01-01T00:00:00.000Z",'
    b'"restarts":0,"usage":{"prompt_tokens":0,"completion_tokens":0,"cost_usd":0.0,"llm_calls":0},'
    b'"eligible_actions":[]}'
    b'"error":{"code":"tool_failed","message":"","step_number":1},"duration_ms":1}}'
    b'"run.failed","step.failed","step.skipped","run.cancelled","step.cancelled","reason":"'
    b'"type":"step.retrying","data":{"attempt":2,"error":{"code":"timeout","message":"retry_at_s":'
    b'"completion_tokens":"prompt_tokens":"cost_usd":"model":"round":1,"purpose":"plan"'
    b'"input_schema":{"type":"object","properties":{"type":"string"},"description":"required":["'
    b'"idempotency_key":"timeout_s":"retries":"on_error":"when":"policy":"approval":"required"'
    b'{"seq":1,"type":"run.created","at":"2026-01-01T00:00:00.000Z","data":{"tenant":"default","prompt":"'
    b'","deadline_s":3600.0,"draft":{"goal":"","steps":[{"step_number":1,"tool_name":"","tool_input":{"'
    b'"}}]}}}\x1e{"seq":2,"type":"plan.started","at":"2026-01-01T00:00:00.000Z","data":{}}\x1e'
    b'{"seq":3,"type":"plan.accepted","at":"2026-01-01T00:00:00.000Z","data":{"plan":{"plan_id":"plan_'
    b'","goal":"","steps":[{"step_number":1,"tool_name":"","tool_input":{"text":"","name":"","id":"'
    b'"},"tool_version":"1.0.0"},"depends_on":[1,2]},{"step_number":2,"tool_name":"'
    b'"plan_hash":"sha256:"}}\x1e{"seq":4,"type":"run.started","at":"2026-01-01T00:00:00.000Z","data":{}}\x1e'
    b'{"seq":8,"type":"run.completed","at":"2026-01-01T00:00:00.000Z","data":{}}'
    b'{"seq":6,"type":"step.succeeded","at":"2026-01-01T00:00:00.000Z","step_number":1,"data":'
    b'{"attempt":1,"output":{"result":"","text":"ok":true},"duration_ms":0.01}}\x1e'
    b'{"seq":7,"type":"step.started","at":"2026-01-01T00:00:00.000Z","step_number":2,"data":'
    b'{"attempt":1,"tool_name":"","tool_version":"1.0.0","tool_input":{"'
)
_PRIMED = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)


def columns(run_id: RunId, records: Sequence[Record]) -> tuple[str, int, bytes, bytes, str]:
    """Return an append's row: run, newest seq, hashes, bodies, and the newest type."""
    own = b'"run_id":"%b",' % run_id.encode()
    text = _BETWEEN.join([record.body.replace(own, b"", 1) for record in records])
    last = records[-1]
    return (
        run_id[PREFIX:],
        last.seq,
        b"".join([record.hash for record in records]),
        deflated(text),
        last.type,
    )


def records_of(run_id: RunId, rows: Iterable[Sequence[Any]]) -> Iterator[Record]:
    """Return the records that rows of seq, hashes and bodies hold.

    Damage to a row is not told of here: it leaves records whose hashes do not hold.
    """
    for last, hashes, body in rows:
        own_hashes = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        own = zip_longest(own_hashes, _bodies(run_id, body), fillvalue=b"")
        for seq, (digest, text) in enumerate(own, start=last - len(own_hashes) + 1):
            yield Record(seq, _type(text), text, digest)


def deflated(text: bytes) -> bytes:
    """Return a text as it is kept: in fewer bytes, unless it is long."""
    if len(text) > DEFLATED_BYTES_MAX:
        return _PLAIN + text
    deflating = _PRIMED.copy()
    return _DEFLATED + deflating.compress(text) + deflating.flush()


def inflated(body: bytes) -> bytes:
    """Return the text that is kept so; as it is when it was damaged."""
    if body[:1] != _DEFLATED:
        return body.removeprefix(_PLAIN)
    try:
        return zlib.decompressobj(_WINDOW, DICTIONARY).decompress(body[1:], DEFLATED_BYTES_MAX)
    except zlib.error:
        return body


def _bodies(run_id: RunId, body: bytes) -> list[bytes]:
    if body[:1] == _OLD:
        return [body]
    text = inflated(body)
    own = b',"run_id":"%b","at":' % run_id.encode()
    return [line.replace(b',"at":', own, 1) for line in text.split(_BETWEEN)]


def _type(body: bytes) -> str:
    """What a body begins with says: `{"seq":1,"type":"run.created"`."""
    parts = body.split(b'"', 6)
    return parts[5].decode(errors="replace") if len(parts) == 7 else ""


def bare(run_id: str) -> str | None:
    """Return a run id as it is kept; None for what is none."""
    return run_id[PREFIX:] if _RUN_ID.fullmatch(run_id) else None


def run_id_of(uuid: UUID) -> RunId:
    return RunId(f"run_{uuid.hex}")
