"""What becomes of requests, for those who count or trace them; and the trace that each of them is part of."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

from runwright.core.trace import Trace, is_sampled, trace_of
from runwright.log import Log
from runwright.request_port import Answered, AnsweredSink

log = Log("runwright.http")

NO_ROUTE = "none"
FAULT = 500
SWITCHED = 101
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STREAMS = frozenset({"/api/v1/runs/stream", "/api/v1/runs/{run_id}/events", "/ws/runs/{run_id}"})


@dataclass(slots=True)
class Track:
    """A request on its way.

    trace       the span of the request; what it begins is part of its trace
    parent_id   the caller's span
    status      0 until there is an answer
    """

    trace: Trace
    parent_id: str | None
    began_at_s: float = field(default_factory=time.time)
    began_s: float = field(default_factory=time.perf_counter)
    status: int = 0


class Tracks:
    """Follows requests.

    sinks          are told of every request that has its answer
    sample_ratio   share of the traces that begin here whose spans are kept; callers decide of theirs
    """

    def __init__(self, sinks: Sequence[AnsweredSink], sample_ratio: float) -> None:
        self._sinks, self._sample_ratio = tuple(sinks), sample_ratio

    def begun(self, traceparent: str | None) -> Track:
        """Return the track of a request that has just come."""
        caller, own = trace_of(traceparent), os.urandom(8).hex()
        if caller is not None:
            return Track(caller._replace(span_id=own), caller.span_id)
        trace_id = os.urandom(16).hex()
        return Track(Trace(trace_id, own, is_sampled(trace_id, self._sample_ratio)), None)

    def ended(self, track: Track, scope: Scope) -> None:
        """Tell what became of a request."""
        socket = scope["type"] == "websocket"
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = "WS" if socket else scope["method"]
        if track.status >= FAULT and not route.startswith(
            "/health"
        ):  # that one is away is no fault of theirs
            log.warning("request.failed", route=route, status=track.status, code=scope.get("problem"))
        if not self._sinks:
            return
        answered = Answered(
            method=method if method in _METHODS or socket else "OTHER",
            route=route,
            status=track.status or (SWITCHED if socket else 499),
            code=scope.get("problem"),
            began_at_s=track.began_at_s,
            duration_s=time.perf_counter() - track.began_s,
            is_stream=route in _STREAMS,
            trace=_trace(track, scope),
            parent_id=track.parent_id,
        )
        for sink in self._sinks:
            sink(answered)


def _trace(track: Track, scope: Scope) -> Trace:
    """Where a request's span belongs; of those whom nobody knows, none says that theirs are kept."""
    if track.parent_id is None or getattr(scope.get("access"), "scopes", None):
        return track.trace
    return track.trace._replace(sampled=False)


UNTRACKED: Final = Tracks((), 0.0)
