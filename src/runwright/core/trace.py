"""The trace that a run belongs to, as W3C Trace Context has it.

The identity of a span is a function of what it is about, as a step's idempotency key is. So whichever
process ends a step knows the span that it is in, and nothing has to be handed from process to process but
what the journal holds.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NONE = ("0" * 32, "0" * 16)


class Trace(NamedTuple):
    """Where in a trace something happens.

    trace_id   32 hexadecimal digits
    span_id    16 hexadecimal digits
    sampled    whether spans of the trace are kept
    """

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header that names it."""
        return self.naming(self.span_id)

    def naming(self, span_id: str) -> str:
        """Return the header that names another span of this trace."""
        return f"00-{self.trace_id}-{span_id}-{'01' if self.sampled else '00'}"


@lru_cache(maxsize=4_096)  # it is asked for with every event of a run
def trace_of(traceparent: str | None) -> Trace | None:
    """Return what a `traceparent` header names; None for one that names nothing."""
    found = None if traceparent is None else _FORM.fullmatch(traceparent)
    if found is None or found[1] == _NONE[0] or found[2] == _NONE[1]:
        return None
    if traceparent.startswith("00") and found[4]:  # type: ignore[union-attr]  # the form was found in it
        return None
    return Trace(found[1], found[2], bool(int(found[3], 16) & 1))


def is_sampled(trace_id: str, ratio: float) -> bool:
    """Whether a new trace is among the share that is kept; all processes decide alike."""
    return int(trace_id[16:], 16) < round(ratio * 2**64)


def span_id(*about: str | int) -> str:
    """Return the identity of the span that is about something: the same in every process, for ever."""
    return hashlib.blake2b("/".join(map(str, about)).encode(), digest_size=8).hexdigest()


def run_span(run_id: str, restarts: int) -> str:
    """Return the span of a run, from its creation or its restart to its end."""
    return span_id(run_id, "run", restarts)


def attempt_span(run_id: str, plan_id: str, step_number: int, attempt: int) -> str:
    """Return the span of an attempt of a step of a plan."""
    return span_id(run_id, plan_id, step_number, attempt)
