"""What a process without an API answers: whether it lives, whether it is ready, and its figures.

Nobody has to say who he is: nothing of runs or callers is told, and nothing can be changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


def probes(
    ready: Callable[[], Awaitable[dict[str, Any]]], figures: Callable[[], Awaitable[bytes]], media_type: str
) -> ASGIApp:
    """Return the ASGI application.

    ready     what is told of the process; its `status` is `ok`, or the process is not ready
    figures   for Prometheus, in this media type
    """

    async def live(_: Request) -> Response:
        return _told({"status": "ok"})

    async def is_ready(_: Request) -> Response:
        return _told(await ready())

    async def metrics(_: Request) -> Response:
        return Response(await figures(), media_type=media_type)

    return Starlette(
        routes=[Route("/health/live", live), Route("/health/ready", is_ready), Route("/metrics", metrics)]
    )


def _told(value: dict[str, Any]) -> Response:
    status = 200 if value["status"] == "ok" else 503
    return Response(msgspec.json.encode(value), status, media_type="application/json")
