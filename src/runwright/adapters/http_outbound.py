"""`ctx.http`: requests of tools, with the step's key, only to where tools may go.

What opens connections is loaded with the first request: a tool that asks nobody costs nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from runwright.core.errors import ToolRetryable, ToolTerminal
from runwright.core.ids import request_key
from runwright.core.outbound import SAFE_METHODS, HttpAnswer, HttpClient, OutboundRules
from runwright.version import VERSION

if TYPE_CHECKING:
    import httpx2

    from runwright.adapters.pinned import Resolve

PORT_MAX = 65_535
_KEY = "Idempotency-Key"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}|[0-9A-Fa-f:.]{2,45}")  # a name or IPv4 address, or an IPv6 address
# what goes along to another host; the rest may hold what is meant for the first host alone
_CARRIED = frozenset({"host", "accept", "accept-encoding", "accept-language", "user-agent"})


def outbound_client(
    rules: OutboundRules,
    step_key: str,
    deadline_s: float,
    *,
    blocking: bool,
    traceparent: str | None = None,
    resolve: Resolve | None = None,
) -> HttpClient:
    """Return a client for one attempt of a step; its arguments are plain data, so any process can make one.

    deadline_s   epoch seconds at which every request is given up
    blocking     its methods return answers, for tools that are no async functions; else awaitables of them
    traceparent  goes with every request
    resolve      finds the addresses of a host, in the place of the system's resolver
    """
    kind = _BlockingClient if blocking else _AsyncClient
    return kind(rules, step_key, deadline_s, resolve, traceparent)


class _Client(HttpClient):
    """What both kinds have in common: everything but the waiting."""

    __slots__ = ("_changing", "_deadline_s", "_resolve", "_rules", "_step_key", "_traceparent")

    def __init__(
        self,
        rules: OutboundRules,
        step_key: str,
        deadline_s: float,
        resolve: Resolve | None,
        trace: str | None,
    ) -> None:
        self._rules, self._step_key, self._deadline_s = rules, step_key, deadline_s
        self._resolve, self._traceparent = resolve, trace
        self._changing = 0

    def _headers(self, method: str, headers: dict[str, str] | None, key: str | None) -> dict[str, str]:
        """The headers of a request; its number counts from the call on, not from when it is awaited."""
        given = {"User-Agent": f"runwright/{VERSION}", "Accept": "*/*", "Accept-Encoding": "identity"}
        if self._traceparent is not None:
            given["traceparent"] = self._traceparent
        given.update(headers or {})
        if method.upper() not in SAFE_METHODS and _KEY.lower() not in map(str.lower, given):
            given[_KEY] = self._next_key(key)
        return given

    def _request(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, Any]
    ) -> httpx2.Request:
        """The request as it will be sent."""
        import httpx2

        try:
            request = httpx2.Request(method.upper(), url, headers=headers, **body)
        except (httpx2.InvalidURL, UnicodeError, TypeError, ValueError) as error:
            raise ToolTerminal(f"the request cannot be sent: {_sentence(error)}") from None
        if "host" in map(str.lower, headers):
            raise ToolTerminal("the Host header follows from the address; leave it out")
        _check(request.url)
        request.extensions = {"timeout": self._timeouts()}
        return request

    def _next_key(self, name: str | None) -> str:
        if name is not None:
            return request_key(self._step_key, name)
        self._changing += 1
        # a name may not be mistaken for a number
        return self._step_key if self._changing == 1 else request_key(self._step_key, f"#{self._changing}")

    def _timeouts(self) -> dict[str, float | None]:
        left_s = self._left_s()
        connect_s = min(left_s, self._rules.connect_s)
        return {"connect": connect_s, "read": left_s, "write": left_s, "pool": left_s}

    def _left_s(self) -> float:
        left_s = self._deadline_s - time.time()
        if left_s <= 0:
            raise ToolRetryable("the time of this attempt is over")
        return left_s

    def _redirected(self, response: httpx2.Response) -> httpx2.Request | None:
        """The request that a redirect asks for; None when the response is the answer."""
        before, after = response.request, response.next_request
        if after is None:
            return None
        _check(after.url)
        if (before.url.scheme, after.url.scheme) == ("https", "http"):
            raise ToolTerminal(f"{_place(before.url)} redirects from https to http, which is not followed")
        if _origin(before.url) != _origin(after.url):
            if after.method not in SAFE_METHODS:
                raise ToolTerminal(
                    f"{_place(before.url)} redirects a {after.method} to {_place(after.url)}; "
                    "what changes something is not sent to another host"
                )
            for name in [name for name in after.headers if name not in _CARRIED]:
                del after.headers[name]
        if after.method in SAFE_METHODS:
            after.headers.pop(_KEY, None)
        return after

    def _too_many(self, request: httpx2.Request) -> ToolTerminal:
        most = self._rules.redirects_max
        text = f"{_place(request.url)} was reached by {most} redirects and leads on"
        return ToolTerminal(text, hint="RUNWRIGHT_OUTBOUND_REDIRECTS_MAX")

    def _check_head(self, response: httpx2.Response) -> None:
        """Refuse a body before it is read: one that says it is too large, or that would swell."""
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            place = _place(response.request.url)
            raise ToolTerminal(f"{place} answered in the encoding {coding[:20]!r}, which was not asked for")
        declared = response.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and response.request.method != "HEAD":
            self._check_size(response, int(declared[:19]))

    def _check_size(self, response: httpx2.Response, size: int) -> None:
        most = self._rules.bytes_max
        if size > most:
            text = f"the answer of {_place(response.request.url)} is larger than {most} bytes"
            raise ToolTerminal(text, hint="RUNWRIGHT_OUTBOUND_BYTES_MAX")

    def _failure(self, error: Exception, request: httpx2.Request) -> Exception:
        """The error that a tool sees: one line, and retryable where a second try can help."""
        import httpx2

        place = _place(request.url)
        if isinstance(error, httpx2.TimeoutException | TimeoutError):
            return ToolRetryable(f"{place} did not answer in time")
        if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | httpx2.DecodingError):
            return ToolTerminal(f"the request to {place} cannot be sent: {_sentence(error)}")
        if isinstance(error, httpx2.ConnectError):
            return ToolRetryable(f"{place} cannot be reached: {_sentence(error)}")
        return ToolRetryable(f"{place} broke off: {_sentence(error)}")


class _AsyncClient(_Client):
    __slots__ = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        **body: Any,
    ) -> Coroutine[Any, Any, HttpAnswer]:
        return self._answered(method, url, self._headers(method, headers, key), body)

    async def _answered(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, Any]
    ) -> HttpAnswer:
        if not _load.cache_info().currsize:
            # what is loaded with the first request takes a quarter of a second, which the loop cannot spare
            await anyio.to_thread.run_sync(_load)
        import httpx2

        from runwright.adapters import pinned

        request = self._request(method, url, headers, body)
        transport = pinned.AsyncTransport(self._rules, self._resolve)
        try:
            async with (
                asyncio.timeout(self._left_s()),
                httpx2.AsyncClient(transport=transport, trust_env=False) as client,
            ):
                for _ in range(self._rules.redirects_max + 1):
                    response = await client.send(request, stream=True)
                    following = self._redirected(response)
                    if following is None:
                        return await self._read(response)
                    await response.aclose()
                    request = following
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise self._failure(error, request) from None
        raise self._too_many(request)

    async def _read(self, response: httpx2.Response) -> HttpAnswer:
        self._check_head(response)
        chunks, size = [], 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            self._check_size(response, size)
            chunks.append(chunk)
        return _answer(response, b"".join(chunks))


class _BlockingClient(_Client):
    __slots__ = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        **body: Any,
    ) -> HttpAnswer:
        return self._answered(self._request(method, url, self._headers(method, headers, key), body))

    def _answered(self, request: httpx2.Request) -> HttpAnswer:
        import httpx2

        from runwright.adapters import pinned

        transport = pinned.Transport(self._rules, self._resolve, self._left_s)
        try:
            with httpx2.Client(transport=transport, trust_env=False) as client:
                for _ in range(self._rules.redirects_max + 1):
                    response = client.send(request, stream=True)
                    following = self._redirected(response)
                    if following is None:
                        return self._read(response)
                    response.close()
                    request = following
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._failure(error, request) from None
        raise self._too_many(request)

    def _read(self, response: httpx2.Response) -> HttpAnswer:
        self._check_head(response)
        chunks, size = [], 0
        for chunk in response.iter_raw():
            size += len(chunk)
            self._check_size(response, size)
            chunks.append(chunk)
        return _answer(response, b"".join(chunks))


@cache
def _load() -> None:
    """Load what opens connections, and what is trusted."""
    from runwright.adapters import pinned

    pinned.tls()


def _answer(response: httpx2.Response, content: bytes) -> HttpAnswer:
    url, headers = str(response.request.url), dict(response.headers)
    return HttpAnswer(status_code=response.status_code, url=url, headers=headers, content=content)


def _check(url: httpx2.URL) -> None:
    """Refuse an address that is none of http, or that says who asks."""
    named = _HOST.fullmatch(url.raw_host.decode("ascii", "replace"))
    if url.scheme not in ("http", "https") or named is None or not 0 < (url.port or 80) <= PORT_MAX:
        raise ToolTerminal(f"{str(url)[:80]!r} is no address of http or https")
    if url.userinfo:
        raise ToolTerminal("an address may hold no user and password; send them in a header")


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _place(url: httpx2.URL) -> str:
    """What error texts show of an address: a path or query can hold a secret."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"[:200]


def _sentence(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return f"{text[:1].lower()}{text[1:200]}" if text else type(error).__name__
