"""A run in the middle of its life as bytes, and back: the rest of its journal is folded onto it.

The graph is left out: it follows from the plan. What is read back equals what was kept, field for field.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from runwright.core.codec import Tip
from runwright.core.errors import Invalid
from runwright.core.graph import graph_of
from runwright.core.state import Run


class Snapshot(NamedTuple):
    """A run as its events up to the tip have made it."""

    run: Run
    tip: Tip


class NoSnapshot(ValueError):
    """Bytes are no snapshot of a run."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[bytes, Run]).decode


def encoded(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes."""
    return _encode((snapshot.tip.hash, replace(snapshot.run, graph=None)))


def decoded(body: bytes) -> Snapshot:
    """Return the snapshot that bytes hold.

    Raises   NoSnapshot
    """
    try:
        last, run = _decode(body)
        graph = None if run.plan is None else graph_of(run.plan.steps)
    except (msgspec.DecodeError, Invalid, ValueError, RecursionError) as error:
        raise NoSnapshot("the bytes hold no run") from error
    return Snapshot(replace(run, graph=graph), Tip(run.seq, last))


def format_of() -> bytes:
    """Return a schema of what a snapshot holds: builds that differ in it cannot read each other's."""
    return _encode(msgspec.json.schema(Run))
