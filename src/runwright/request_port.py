"""What is told of every request that was answered, to whoever counts requests or traces them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from runwright.core.trace import Trace


class Answered(NamedTuple):
    """A request that has its answer.

    route        as the table of routes writes it; `none` where no route has the path
    status       of a WebSocket 101, or that of the refusal
    code         of a refusal
    is_stream    it lasted as long as somebody listened
    trace        the span of the request
    parent_id    the caller's span
    """

    method: str
    route: str
    status: int
    code: str | None
    began_at_s: float
    duration_s: float
    is_stream: bool
    trace: Trace
    parent_id: str | None


AnsweredSink: TypeAlias = Callable[[Answered], None]
