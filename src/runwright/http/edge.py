"""The outermost layer: ids for every request, headers for every answer, and who may call at all.

Pure ASGI, so that streams pass through untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import structlog
import uuid_utils
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runwright.http.problems import Refusal, answer

log = structlog.get_logger("runwright.http")

_SANE_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
LINE_BYTES_MAX, HEADERS_MAX = 8 * 1024, 100
HEADER_BYTES_MAX, HEADERS_BYTES_MAX = 16 * 1024, 64 * 1024
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PAGE_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


class Edge:
    """Request ids, security headers, the loopback rule, and the last word on unexpected errors.

    own_port   the port that the server listens on, once that is known
    """

    def __init__(self, app: ASGIApp, own_port: Callable[[], int | None]) -> None:
        self._app, self._own_port = app, own_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid_utils.uuid7().hex
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = False

        async def send_with_headers(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                answered = MutableHeaders(scope=message)
                answered["X-Request-ID"] = request_id
                for name, value in HEADERS.items():
                    answered.setdefault(name, value)
            await send(message)

        connection = HTTPConnection(scope)
        try:
            if (refusal := self._refusal(scope, headers)) is not None:
                await self._refuse(scope, receive, send_with_headers, answer(connection, refusal))
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("request.crashed", method=scope.get("method"), path=scope["path"][:200])
            if began or scope["type"] == "websocket":
                raise
            unexpected = Refusal("internal", "something went wrong inside the server; it has been logged")
            await answer(connection, unexpected)(scope, receive, send_with_headers)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, response: Any) -> None:
        if scope["type"] == "http":
            await response(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4403, "reason": "not allowed from there"})

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why the request may not come in: without keys, only this computer's own pages and programs may.

        A page of another site can make a browser call us; the names it used tell.
        """
        if (too_large := _too_large(scope)) is not None:
            return Refusal("headers_too_large", too_large)
        port = self._own_port()
        if not _is_own(headers.get("host", ""), port):
            return Refusal("forbidden", "the Host header does not name this server on this computer")
        origin = headers.get("origin")
        if origin is not None and not _is_own(origin.partition("://")[2], port):
            return Refusal("forbidden", "requests from pages of other sites are not answered")
        if scope.get("method") in _WRITES and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return Refusal("forbidden", "requests from pages of other sites are not answered")
        return None


def _too_large(scope: Scope) -> str | None:
    """What of the request's head is larger than it may be, if anything is."""
    sizes = [len(name) + len(value) for name, value in scope["headers"]]
    line = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    for what, size, most in (
        ("the address of the request", line, LINE_BYTES_MAX),
        ("the number of headers", len(sizes), HEADERS_MAX),
        ("the largest header", max(sizes, default=0), HEADER_BYTES_MAX),
        ("all headers together", sum(sizes), HEADERS_BYTES_MAX),
    ):
        if size > most:
            return f"{what}: {size}, at most {most} are allowed"
    return None


def _is_own(authority: str, port: int | None) -> bool:
    name, colon, digits = authority.lower().rpartition(":")
    if not colon or digits.endswith("]"):
        name, digits = authority.lower(), "80"
    return name in LOOPBACK_NAMES and (port is None or digits == str(port))
