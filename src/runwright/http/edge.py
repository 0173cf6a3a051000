"""The outermost layer: ids for every request, headers for every answer, and who may call at all.

Pure ASGI, so that streams pass through untouched.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable

import structlog
import uuid_utils
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runwright.core.errors import Overloaded, RunwrightError
from runwright.http.access import Gate, is_socket
from runwright.http.audited import note
from runwright.http.problems import RETRY_AFTER_S, Refusal, answer, refusal_of
from runwright.http.surroundings import Surroundings, believe, is_secure, shared_with
from runwright.http.tracks import UNTRACKED, Tracks
from runwright.http.turnstile import Turnstile
from runwright.log import Log
from runwright.runtime.audit_trail import AuditTrail
from runwright.runtime.rate_limits import Counted

log = Log("runwright.http")

_SANE_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
LINE_BYTES_MAX, HEADERS_MAX = 8 * 1024, 100
HEADER_BYTES_MAX, HEADERS_BYTES_MAX = 16 * 1024, 64 * 1024
_REASONS = {
    4401: "no valid key",
    4403: "not allowed",
    4404: "nothing is there",
    4429: "too many requests",
    1013: f"try again later: in {RETRY_AFTER_S} s",
}
_CLOSES = {401: 4401, 403: 4403, 404: 4404, 429: 4429, 503: 1013}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
FAREWELL = "farewell"  # in a request's state: what a reader that is let go for being slow gets to read
REQUESTS_MAX = 10_000
STRICTLY = "max-age=31536000"  # seconds for which a browser takes nothing but https
PAGE_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


class Edge:
    """Request ids, security headers, nobody in who may not, and the last word on unexpected errors.

    draining   whether the server is shutting down: clients are told not to reuse their connections
    open_max   requests at the same time, those that wait for a run to end and open streams included
    wait_s_max seconds that those in front of a new request may have waited for their turn
    tracks     follows requests for those who count or trace them
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        audit: AuditTrail,
        around: Surroundings,
        draining: Callable[[], bool],
        open_max: int = REQUESTS_MAX,
        *,
        wait_s_max: float = math.inf,
        tracks: Tracks = UNTRACKED,
    ) -> None:
        self._app, self._gate, self._audit, self._draining = app, gate, audit, draining
        self._proxies, self._shared = around.proxies, shared_with(around.origins, self._guarded)
        self._tracks = tracks
        self._open, self._open_max = 0, open_max
        self._turnstile = Turnstile(wait_s_max=wait_s_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        believe(self._proxies, scope, headers)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid_utils.uuid7().hex
        scope["request_id"] = request_id
        track = scope["track"] = self._tracks.begun(headers.get("traceparent"))
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=track.trace.trace_id)
        began = False

        async def send_with_headers(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began, track.status = True, message["status"]
                note(self._audit, scope, message["status"])
                answered = MutableHeaders(scope=message)
                answered["X-Request-ID"] = request_id
                if self._draining():
                    answered["Connection"] = "close"
                if (counted := scope.get("counted")) is not None:
                    _tell_limit(answered, counted)
                given = {name for name, _ in answered.raw}
                answered.raw.extend(one for one in _RAW_HEADERS if one[0] not in given)
                if is_secure(scope):
                    answered["Strict-Transport-Security"] = STRICTLY
            await send(message)

        connection = HTTPConnection(scope)
        self._open += 1
        try:
            await self._shared(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.debug("request.abandoned", method=scope.get("method"), path=scope["path"][:200])
        except Exception:
            log.exception("request.crashed", method=scope.get("method"), path=scope["path"][:200])
            if began or scope["type"] == "websocket":
                raise
            unexpected = Refusal("internal", "something went wrong inside the server; it has been logged")
            await answer(connection, unexpected)(scope, receive, send_with_headers)
        finally:
            self._open -= 1
            self._tracks.ended(track, scope)
            structlog.contextvars.unbind_contextvars("request_id", "trace_id")

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        if (refusal := await self._refusal(scope, Headers(scope=scope))) is not None:
            response = answer(HTTPConnection(scope), refusal)
            if scope["type"] == "websocket":
                note(self._audit, scope, response.status_code)
            await _refuse(scope, receive, send, response)
        elif scope.get("method") == "HEAD":
            await _answer_head(self._app, scope, send)
        else:
            if not scope["path"].startswith("/health"):
                try:
                    await self._turnstile.enter()
                except Overloaded as error:
                    await _refuse(scope, receive, send, answer(HTTPConnection(scope), refusal_of(error)))
                    return
            await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why the request may not come in; when it may, the scope holds what its caller may do."""
        if (too_large := _too_large(scope)) is not None:
            return Refusal("headers_too_large", too_large)
        if self._open > self._open_max and not scope["path"].startswith("/health"):
            return Refusal("overloaded", f"{self._open_max} requests are open already; try again later")
        if scope["type"] == "websocket" and not is_socket(scope["path"]):
            return Refusal("not_found", "there is nothing at this path")
        try:
            scope["access"] = await self._gate.admit(scope, headers)
        except Refusal as refusal:
            return refusal
        except RunwrightError as error:
            return refusal_of(error)
        return None


def _tell_limit(headers: MutableHeaders, counted: Counted) -> None:
    """As draft-ietf-httpapi-ratelimit-headers-11 has it: what may be asked, and what is left of it."""
    (name, limit, window_s, _), verdict = counted.rate, counted.verdict
    headers["RateLimit-Policy"] = f'"{name}";q={limit};w={window_s}'
    # an admission counts a little longer than the window that clients are told of
    until_s = min(window_s, math.ceil(verdict.wait_s))
    headers["RateLimit"] = f'"{name}";r={verdict.remaining};t={until_s}'


async def _refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    code = _CLOSES.get(response.status_code, 4400)
    await send({"type": "websocket.close", "code": code, "reason": _REASONS.get(code, "not possible")})


async def _answer_head(app: ASGIApp, scope: Scope, send: Send) -> None:
    """Answer as GET does, without the body; a stream ends with its head."""
    done = asyncio.Event()

    async def receive() -> Message:
        await done.wait()
        return {"type": "http.disconnect"}

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
        elif not done.is_set():
            done.set()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    await app({**scope, "method": "GET"}, receive, send_head)


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
