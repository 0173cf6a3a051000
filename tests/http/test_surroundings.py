"""Proxies, other origins and networks: what a request tells of itself is believed of nobody but who is trusted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest
from pydantic import ValidationError

from engines.callers import Make, Socket
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.audit import AuditFilter
from runwright.http.app import http_app
from runwright.settings import Settings

WRONG = {"X-API-Key": "rw_" + "a" * 12 + "_" + "0" * 64}
HARDENED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PAGE = "https://app.example.org"


@asynccontextmanager
async def behind(
    app: Application, address: str = "127.0.0.1", **more: object
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that connects from an address to the same application with other settings."""
    settings = Settings(**{**app.settings.model_dump(exclude_unset=True), **more})
    transport = httpx2.ASGITransport(
        http_app(parts_of(replace(app, settings=settings), None)),
        raise_app_exceptions=False,
        client=(address, 999),
    )
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as opened:
        yield opened


async def address_seen(app: Application, client: httpx2.AsyncClient, headers: dict[str, str]) -> str | None:
    """The address that the audit trail gets of a refused request."""
    assert (await client.get("/api/v1/runs", headers={**WRONG, **headers})).status_code == 401
    entries: list[str | None] = [one.address for one in app.audit._waiting]
    entries += [one.entry.address for one in await app.store.audit.page(AuditFilter(), None, 1)]
    return entries[0]


@pytest.mark.parametrize(
    ("proxies", "connects", "forwarded", "seen"),
    [
        ("", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.0/8", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.0/8", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, rubbish", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("10.0.0.0/8,::1/128", "::1", "2001:db8::5", "2001:db8::5"),
        ("10.0.0.0/8", "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.1", "[2001:db8::5]:4711, 10.0.0.7:80", "2001:db8::5"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.1", ",".join(["10.0.0.2"] * 1_000), "10.0.0.2"),
    ],
)
async def test_who_called(
    app: Application, make: Make, proxies: str, connects: str, forwarded: str, seen: str
) -> None:
    """The nearest address that is no trusted proxy; what a caller adds at the left changes nothing."""
    await make()
    async with behind(app, connects, trusted_proxies=proxies) as client:
        assert await address_seen(app, client, {"X-Forwarded-For": forwarded}) == seen


async def test_guesses_count_for_the_caller_and_not_for_the_proxy(app: Application, make: Make) -> None:
    """One who guesses through a trusted proxy does not lock out the others; a forged address wins nothing."""
    _, text = await make()
    limits = {"wrong_keys_per_minute_max": 3}
    async with behind(app, "10.0.0.1", trusted_proxies="10.0.0.0/8", **limits) as client:
        guessed = [
            (await client.get("/api/v1/runs", headers={**WRONG, "X-Forwarded-For": f"6.6.6.{n}, 8.8.8.8"}))
            for n in range(5)
        ]
        other = await client.get("/api/v1/runs", headers={"X-API-Key": text, "X-Forwarded-For": "9.9.9.9"})
    async with behind(app, "203.0.113.9", **limits) as client:
        forged = [
            (await client.get("/api/v1/runs", headers={**WRONG, "X-Forwarded-For": f"6.6.6.{n}"}))
            for n in range(5)
        ]

    assert [answer.status_code for answer in guessed] == [401] * 3 + [429] * 2
    assert other.status_code == 200
    assert [answer.status_code for answer in forged] == [401] * 3 + [429] * 2


@pytest.mark.parametrize(
    ("proxies", "asked", "strict"),
    [
        ("127.0.0.1/32", "https", True),
        ("127.0.0.1/32", "http", False),
        ("127.0.0.1/32", "https, http", False),
        ("127.0.0.1/32", "gopher", False),
        ("10.0.0.0/8", "https", False),
        ("", "https", False),
    ],
)
async def test_strict_transport_only_over_tls(
    app: Application, proxies: str, asked: str, strict: bool
) -> None:
    """A browser is told to stay with https when it came so, as a trusted proxy knows; refusals tell it too."""
    async with behind(app, trusted_proxies=proxies) as client:
        for path in ("/", "/api/v1/runs", "/nope"):
            headers = (await client.get(path, headers={"X-Forwarded-Proto": asked})).headers
            assert headers.get("strict-transport-security") == ("max-age=31536000" if strict else None)


async def test_no_page_elsewhere_reads_anything_unless_it_is_named(app: Application, make: Make) -> None:
    """Without the setting no answer shares anything; a preflight is refused like any other request."""
    _, text = await make()
    async with behind(app) as client:
        for answer in (
            await client.get("/api/v1/runs", headers={"Origin": PAGE, "X-API-Key": text}),
            await client.options(
                "/api/v1/runs", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}
            ),
        ):
            assert not any(name.startswith("access-control") for name in answer.headers)


async def test_a_page_that_is_named_reads_refusals_too(app: Application, make: Make) -> None:
    """Its own origin and no star, no credentials; other pages get nothing; every answer keeps its headers."""
    _, text = await make()
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    async with behind(app, cors_origins=PAGE, creations_per_minute_max=1) as client:
        preflight = await client.options("/api/v1/runs", headers={"Origin": PAGE, **asking})
        other = await client.options("/api/v1/runs", headers={"Origin": PAGE + ".evil.example", **asking})
        refused = await client.get("/api/v1/runs", headers={"Origin": PAGE})
        keyed = {"Origin": PAGE, "X-API-Key": text}
        codes = [(await client.post("/api/v1/runs", json={}, headers=keyed)) for _ in range(2)]

    assert preflight.status_code == 200 and "X-API-Key" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in other.headers
    assert [answer.status_code for answer in (refused, *codes)] == [401, 422, 429]
    for answer in (preflight, refused, *codes):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in answer.headers["vary"].lower()
        assert answer.headers.items() >= HARDENED.items() and "x-request-id" in answer.headers


@pytest.mark.parametrize(
    "origins", ["*", "null", "https://app.example.org/", "https://*.example.org", "app.example.org"]
)
def test_what_is_no_origin_is_refused_at_start(settings: Settings, origins: str) -> None:
    """A star would share everything with everybody."""
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=origins)


async def test_pages_elsewhere_get_nothing_without_keys(app: Application) -> None:
    """Being named helps only with a key."""
    async with behind(app, cors_origins=PAGE) as client:
        answer = await client.post("/api/v1/runs", json={"prompt": "calculate 1"}, headers={"Origin": PAGE})

        assert answer.status_code == 403
        assert (await client.get("/api/v1/runs")).json()["items"] == []


async def test_documentation_and_metrics_are_for_this_computer(app: Application, make: Make) -> None:
    """Not for other addresses, nor through a proxy of which nobody knows; a network can be allowed."""
    await make()
    paths = ("/api/docs", "/api/openapi.json")
    async with behind(app) as client:
        near = [(await client.get(path)).status_code for path in paths]
        for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"):
            relayed = [(await client.get(path, headers={name: "1.1.1.1"})).status_code for path in paths]
            assert relayed == [404, 404]
    async with behind(app, "203.0.113.9") as client:
        far = [(await client.get(path)) for path in paths]
    async with behind(app, "203.0.113.9", docs_allow="203.0.113.0/24") as client:
        allowed = [(await client.get(path)).status_code for path in paths]
    async with behind(app, docs_allow="") as client:
        off = [(await client.get(path)).status_code for path in paths]

    assert (near, allowed, off) == ([200, 200], [200, 200], [404, 404])
    assert [answer.json()["code"] for answer in far] == ["not_found"] * 2


@pytest.mark.parametrize(
    ("relayed", "status"),
    [
        ({}, 200),  # whoever is on the proxy's own computer
        ({"X-Forwarded-For": "127.0.0.1"}, 200),
        ({"X-Forwarded-For": "203.0.113.9"}, 404),
        ({"X-Forwarded-For": "unknown"}, 404),
        ({"X-Forwarded-For": ""}, 404),
        ({"X-Forwarded-Proto": "https"}, 404),
        ({"Forwarded": "for=203.0.113.9"}, 404),
    ],
)
async def test_a_proxy_that_does_not_say_who_asks_is_nobody_near(
    app: Application, make: Make, relayed: dict[str, str], status: int
) -> None:
    """A trusted proxy on this computer passes strangers on: they are not taken for this computer."""
    await make()
    async with behind(app, trusted_proxies="127.0.0.0/8") as client:
        assert (await client.get("/api/docs", headers=relayed)).status_code == status


async def test_a_socket_of_a_page_elsewhere_is_refused(app: Application, make: Make) -> None:
    """With a key or not: 4403, unless the page is this server's own or is named."""
    _, text = await make()
    named = replace(app, settings=app.settings.model_copy(update={"cors_origins": (PAGE,)}))
    edge, edge_named = http_app(parts_of(app, None)), http_app(parts_of(named, None))
    for server, origin, code in (
        (edge, "http://localhost", 4404),
        (edge, PAGE, 4403),
        (edge, "null", 4403),
        (edge_named, PAGE, 4404),
        (edge_named, "https://evil.example", 4403),
    ):
        async with Socket(server, "/ws/runs/run_1", key=text, origin=origin) as socket:
            assert (await socket.code(), socket.said) == (code, [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/nope.js", 404),
        ("GET", "/health/live", 200),
        ("GET", "/api/v1/runs", 401),
        ("POST", "/api/v1/runs", 401),
        ("HEAD", "/api/docs", 200),
        ("OPTIONS", "/api/v1/runs", 401),
        ("GET", "/" + "a" * 9_000, 431),
        ("GET", "/metrics", 404),
    ],
)
async def test_every_answer_has_the_headers(
    app: Application, client: httpx2.AsyncClient, make: Make, method: str, path: str, status: int
) -> None:
    """Pages may load from here alone, everything else nothing at all; nothing is told of the software."""
    await make()
    answer = await client.request(method, path)
    policy = answer.headers["content-security-policy"]

    assert answer.status_code == status
    assert answer.headers.items() >= HARDENED.items() and "server" not in answer.headers
    page = path in ("/", "/api/docs")
    assert policy.startswith("default-src 'self'" if page else "default-src 'none'")
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.headers["cache-control"] == ("no-cache" if page else "no-store")
    assert "strict-transport-security" not in answer.headers
