"""What stands between the server and its callers, as the operator says: proxies, other origins, networks.

Whatever a request tells of itself is believed of a proxy that is trusted, and of nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Scope

Network: TypeAlias = IPv4Network | IPv6Network

HOPS_MAX: Final = 20  # of a list of addresses; what stands further left is not looked at
PREFLIGHT_S: Final = 600  # for which a browser need not ask again
_SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-API-Key",
    "X-Request-ID",
)
_RELAYED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_SHOWN = ("ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator says of the callers.

    proxies   whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed
    origins   of pages elsewhere that may call with an API key
    docs      networks that are shown the documentation of the API
    """

    proxies: tuple[Network, ...] = ()
    origins: frozenset[str] = frozenset()
    docs: tuple[Network, ...] = ()


def comes_from(networks: tuple[Network, ...], scope: Scope) -> bool:
    """Return whether a request comes from one of the networks; through a proxy nobody knows of, from none."""
    client = scope.get("client")
    return client is not None and not scope.get("relayed") and _is_within(networks, client[0])


def believe(proxies: tuple[Network, ...], scope: Scope, headers: Headers) -> None:
    """Let a request come from whom its trusted proxies say, by the scheme that the nearest was asked with.

    What comes through a proxy that is not trusted, or that does not say for whom it asks such that it can be
    understood, is marked as `relayed`.
    """
    client = scope.get("client")
    relayed = any(name in headers for name in _RELAYED)
    if client is None or not _is_within(proxies, client[0]):
        scope["relayed"] = relayed
        return
    hops = ",".join(headers.getlist("x-forwarded-for")).rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    nearest, address = client[0], None
    while hops and _is_within(proxies, nearest):
        address = _hop(hops.pop().strip())
        if address is None:
            break
        nearest = str(address)
    scope["relayed"] = relayed and address is None
    scope["client"] = (nearest, 0 if nearest != client[0] else client[1])
    asked = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
    if asked in ("http", "https"):
        secure = "s" if asked == "https" else ""
        scope["scheme"] = ("ws" if scope["type"] == "websocket" else "http") + secure


def is_secure(scope: Scope) -> bool:
    """Return whether the caller came over TLS, as far as anybody knows."""
    return scope.get("scheme") in ("https", "wss")


def may_open(origins: frozenset[str], origin: str | None, host: str) -> bool:
    """Return whether a page of this origin may open a WebSocket: an own page, or one that is allowed."""
    return origin is None or origin in origins or origin.partition("://")[2].lower() == host.lower()


def shared_with(origins: frozenset[str], app: ASGIApp) -> ASGIApp:
    """Return the application such that pages of these origins can read its answers, refusals too."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(origins),
        allow_methods=("GET", "POST"),
        allow_headers=_SENT,
        expose_headers=_SHOWN,
        max_age=PREFLIGHT_S,
    )


def _is_within(networks: tuple[Network, ...], host: str) -> bool:
    address = _address(host) if networks else None
    return address is not None and any(
        address in network for network in networks if network.version == address.version
    )


def _hop(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: some add the port."""
    plain, colon, port = text.rpartition(":")
    with_port = bool(colon) and port.isdigit() and (plain.endswith("]") or ":" not in plain)
    return _address(plain if with_port else text)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
