"""What the routes are made of: values and use cases, handed in by the composition root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from fastapi import Request
from starlette.requests import HTTPConnection

from runwright.core.ids import Tenant
from runwright.http import reading
from runwright.http.access import Access, Gate
from runwright.http.lines import Lines
from runwright.http.problems import Refusal
from runwright.http.surroundings import Surroundings
from runwright.http.tracks import Tracks
from runwright.runtime.audit_trail import AuditTrail
from runwright.runtime.keyring import KeyRing
from runwright.runtime.registry import Registry
from runwright.runtime.service import Service
from runwright.runtime.stream import Followers


class Streams:
    """How many streams are open, in all and with each key, and how many may be.

    let_go   how many readers were let go because they did not read
    """

    def __init__(self, most: int, of_key_max: int) -> None:
        self.most, self._of_key_max = most, of_key_max
        self.let_go = 0
        self._open: Counter[str | None] = Counter()

    @property
    def open(self) -> int:
        """How many streams are open."""
        return self._open.total()

    def one_let_go(self) -> None:
        """Count a reader that was let go."""
        self.let_go += 1

    @contextmanager
    def opened(self, key_id: str | None) -> Iterator[None]:
        """Count a stream, of whatever kind, until the context is left.

        Raises   Refusal when there are as many as there may be
        """
        if self.open >= self.most:
            raise Refusal("too_many_streams", f"{self.most} streams are open already (RUNWRIGHT_STREAMS_MAX)")
        if key_id is not None and self._open[key_id] >= self._of_key_max:
            raise Refusal(
                "too_many_streams",
                f"{self._of_key_max} streams are open with this key (RUNWRIGHT_STREAMS_PER_KEY_MAX)",
            )
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPage:
    """The figures of this process as text, and the networks from which they may be read.

    refresh   asks for those that are not in the process, within a bounded time
    """

    refresh: Callable[[], Awaitable[None]]
    text: Callable[[], bytes]
    media_type: str
    allow: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that the routes need.

    health     the truth about every part, or, without that, whether requests should be sent here
    draining   whether the server is shutting down
    ring       the API keys
    lines      where creations wait for their turn in a crowd
    gate       lets callers in
    around     what stands between the server and its callers
    bodies     that are being received
    audit      is told of what was refused and decided
    metrics    figures for Prometheus; None where nobody counts
    tracks     follows requests
    """

    service: Service
    registry: Registry
    followers: Followers
    lines: Lines
    requests_wait_s_max: float
    health: Callable[[bool], Awaitable[dict[str, Any]]]
    draining: Callable[[], bool]
    ring: KeyRing
    gate: Gate
    audit: AuditTrail
    around: Surroundings
    bodies: reading.Bodies
    body_bytes_max: int
    json_depth_max: int
    request_wait_s_max: float
    create_hold_s: float
    streams: Streams
    metrics: MetricsPage | None
    tracks: Tracks

    async def body(self, request: Request) -> bytes:
        """Return the request's body within this server's bounds.

        Raises   Refusal
        """
        return await reading.body(request, self.bodies, self.body_bytes_max, self.json_depth_max)


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the application that this connection came to."""
    parts: Parts = connection.app.state.parts
    return parts


def access_of(connection: HTTPConnection) -> Access:
    """Return what the caller was let in as."""
    access: Access = connection.scope["access"]
    return access


def tenant_of(connection: HTTPConnection) -> Tenant:
    """Return whose request it is."""
    return access_of(connection).tenant
