"""Connections that go where they were checked to go.

A host's name is resolved once for each connection; every address that it has must be allowed, and it is one
of these very addresses that is connected to. The name stays what TLS verifies and what `Host` says. Redirects
are connections like any other.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
import httpcore2
import httpx2

from runwright.core.errors import ToolTerminal
from runwright.core.outbound import OutboundRules, refusal

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
Options: TypeAlias = Iterable[Any] | None

ADDRESSES_MAX = 4  # of a host are tried, in the resolver's order


class AsyncTransport(httpx2.AsyncHTTPTransport):
    """A transport whose connections are pinned; it is used for one request and its redirects."""

    def __init__(self, rules: OutboundRules, resolve: Resolve | None) -> None:
        context = tls()
        super().__init__(verify=context, trust_env=False)
        backend = _AsyncPinned(rules, resolve or resolved)
        self._pool = httpcore2.AsyncConnectionPool(ssl_context=context, network_backend=backend)


class Transport(httpx2.HTTPTransport):
    """The same for threads, which nobody can cut off: every wait on a socket ends with the attempt.

    left_s   returns the time that is left, in seconds; it raises once that is over
    """

    def __init__(self, rules: OutboundRules, resolve: Resolve | None, left_s: Callable[[], float]) -> None:
        context = tls()
        super().__init__(verify=context, trust_env=False)
        backend = _Pinned(rules, resolve or resolved, left_s)
        self._pool = httpcore2.ConnectionPool(ssl_context=context, network_backend=backend)


@cache
def tls() -> SSLContext:
    """What the system trusts, and what SSL_CERT_FILE and SSL_CERT_DIR name."""
    return httpx2.create_ssl_context()


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"the name {host[:100]} is not known") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def checked(rules: OutboundRules, resolve: Resolve, host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host once each of them is allowed.

    Raises   ToolTerminal
    """
    addresses = [host] if _is_address(host) else resolve(host, port)
    if not addresses:
        raise httpcore2.ConnectError(f"the name {host[:100]} has no address")
    for address in addresses:
        why = refusal(host, address, rules.allow)
        if why is not None:
            raise ToolTerminal(
                f"tools may not connect to {host[:100]}: {why}",
                hint="the operator can allow it with RUNWRIGHT_OUTBOUND_ALLOW",
            )
    return addresses[:ADDRESSES_MAX]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _AsyncPinned(httpcore2.AsyncNetworkBackend):
    def __init__(self, rules: OutboundRules, resolve: Resolve) -> None:
        self._rules, self._resolve, self._direct = rules, resolve, httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options = None,
    ) -> httpcore2.AsyncNetworkStream:
        find = partial(checked, self._rules, self._resolve, host, port)
        try:
            with anyio.fail_after(timeout):
                addresses = await anyio.to_thread.run_sync(find, abandon_on_cancel=True)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"the name {host[:100]} was not found in time") from None
        *first, last = addresses
        for address in first:
            try:
                return await self._direct.connect_tcp(address, port, timeout, socket_options=socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._direct.connect_tcp(last, port, timeout, socket_options=socket_options)


class _Pinned(httpcore2.NetworkBackend):
    def __init__(self, rules: OutboundRules, resolve: Resolve, left_s: Callable[[], float]) -> None:
        self._rules, self._resolve, self._left_s = rules, resolve, left_s
        self._direct = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options = None,
    ) -> httpcore2.NetworkStream:
        *first, last = checked(self._rules, self._resolve, host, port)
        for address in first:
            try:
                return self._connected(address, port, timeout, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connected(last, port, timeout, socket_options)

    def _connected(
        self, address: str, port: int, timeout: float | None, socket_options: Options
    ) -> httpcore2.NetworkStream:
        within_s = self._left_s() if timeout is None else min(timeout, self._left_s())
        stream = self._direct.connect_tcp(address, port, within_s, socket_options=socket_options)
        return _Timed(stream, self._left_s)


class _Timed(httpcore2.NetworkStream):
    """A stream whose waits end with the attempt, however little comes at a time."""

    def __init__(self, stream: httpcore2.NetworkStream, left_s: Callable[[], float]) -> None:
        self._stream, self._left_s = stream, left_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Timed(
            self._stream.start_tls(ssl_context, server_hostname, timeout=self._left_s()), self._left_s
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
