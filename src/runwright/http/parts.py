"""What the routes are made of: values and use cases, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.requests import HTTPConnection

from runwright.core.ids import DEFAULT_TENANT, Tenant
from runwright.http import reading
from runwright.ports import Journal, LiveFeed
from runwright.runtime.registry import Registry
from runwright.runtime.service import Service


class Streams:
    """How many streams are open, and how many may be."""

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0

    @property
    def full(self) -> bool:
        return self.open >= self.most

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that the routes need.

    health     the truth about every part, for `/health`
    draining   whether the server is shutting down
    own_port   the port that the server listens on, once that is known
    """

    service: Service
    registry: Registry
    journal: Journal
    feed: LiveFeed
    health: Callable[[], dict[str, Any]]
    draining: Callable[[], bool]
    own_port: Callable[[], int | None]
    body_bytes_max: int
    json_depth_max: int
    request_wait_s_max: float
    create_hold_s: float
    stream_heartbeat_s: float
    streams: Streams

    def tenant(self, connection: HTTPConnection) -> Tenant:
        """Return whose request it is: without keys, everybody is the default tenant."""
        return DEFAULT_TENANT

    async def body(self, request: Request) -> bytes:
        """Return the request's body within this server's bounds.

        Raises   Refusal
        """
        return await reading.body(request, self.body_bytes_max, self.json_depth_max)


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the application that this connection came to."""
    parts: Parts = connection.app.state.parts
    return parts
