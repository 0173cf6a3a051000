"""API keys at the edge: who is let in, what each scope may do, and what a wrong key learns."""

from __future__ import annotations

import asyncio
import hmac
import time
from pathlib import Path

import httpx2
import pytest

from engines.callers import Make
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.errors import JournalUnavailable
from runwright.http.access import ROUTES, need_of
from runwright.http.app import http_app
from runwright.http.guesses import ADDRESSES_MAX, Guesses
from runwright.runtime import keyring
from runwright.testing.waiting import wait_until

UNKNOWN = "rw_" + "a" * 12 + "_" + "0" * 64
WAITING = {"prompt": "add todo x", "approval": "required"}


def test_every_route_says_what_it_needs(app: Application) -> None:
    """A route without an entry in the table, or an entry without its route, fails here."""
    routes = served(app)

    assert routes == set(ROUTES)
    for route in routes:
        method, _, path = route.partition(" ")
        assert need_of(method, path.replace("{", "").replace("}", "")) == ROUTES[route]


def served(app: Application) -> set[str]:
    """The routes of the application, as the table of scopes names them."""
    fast = http_app(parts_of(app, None))._app
    found = set()
    for router in [
        route.original_router for route in fast.router.routes if hasattr(route, "original_router")
    ]:
        for route in router.routes:
            found |= {f"{method} {route.path}" for method in getattr(route, "methods", None) or {"WS"}}
    found |= {f"GET {route.path}" for route in fast.router.routes if hasattr(route, "path")}
    return found


async def test_the_document_names_no_route_that_the_table_does_not(client: httpx2.AsyncClient) -> None:
    """Every operation of the OpenAPI document has its scopes, and a path that is none needs a key."""
    paths = (await client.get("/api/openapi.json")).json()["paths"]
    named = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    assert named <= set(ROUTES)
    assert len(named) > 15
    assert need_of("GET", "/api/v2/runs").scopes == need_of("DELETE", "/").scopes == {"run", "read", "admin"}


@pytest.mark.parametrize(
    "suffix", ["%0A", "%0D", "%00", "%0B", "%C2%85", "%E2%80%A8", "%1F", "/", "%2F", "%20", ";", "%3F"]
)
async def test_no_spelling_of_a_path_goes_round_the_table(
    client: httpx2.AsyncClient, make: Make, suffix: str
) -> None:
    """What routing takes for a route, the table of scopes takes for the same: a reader creates and changes nothing."""
    (_, reader), (_, maker) = await make(scopes="read"), await make(scopes="run")
    headers = {"X-API-Key": maker}
    run_id = (await client.post("/api/v1/runs", json=WAITING, headers=headers)).json()["run_id"]
    for path in ("/api/v1/runs", f"/api/v1/runs/{run_id}/cancel", "/api/v1/plans"):
        assert await asked(client, "POST", path + suffix, reader, json={"prompt": "calculate 1"}) in (
            403,
            404,
            405,
        )
    for path in ("/api/v1/runs", f"/api/v1/runs/{run_id}", "/api/v1/tools"):
        assert await asked(client, "GET", path + suffix, maker) in (403, 404, 405)
        assert await asked(client, "GET", path + suffix) in (401, 404)
    listed = await client.get("/api/v1/runs", headers={"X-API-Key": reader})

    assert [run["status"] for run in listed.json()["items"]] == ["awaiting_approval"]


async def asked(client: httpx2.AsyncClient, method: str, path: str, key: str = "", **more: object) -> int:
    """The status of an answer to a request with this key."""
    headers = {"X-API-Key": key} if key else {}
    return (await client.request(method, path, headers=headers, **more)).status_code


async def test_the_first_key_closes_the_server(client: httpx2.AsyncClient, make: Make) -> None:
    """Without keys everybody on this computer may come; with one, nobody without it, and health says little."""
    before = await asked(client, "GET", "/api/v1/runs")
    _, text = await make()
    after = await client.get("/api/v1/runs")
    problem = after.json()

    assert (before, after.status_code) == (200, 401)
    assert (problem["code"], problem["status"]) == ("unauthorized", 401)
    assert after.headers["www-authenticate"].startswith("Bearer")
    assert after.headers["content-type"] == "application/problem+json"
    assert await asked(client, "GET", "/api/v1/runs", text) == 200
    bearer = await client.get("/api/v1/runs", headers={"Authorization": f"bearer {text}"})
    assert bearer.status_code == 200


async def test_another_name_of_the_server_is_fine_with_a_key(client: httpx2.AsyncClient, make: Make) -> None:
    """A key says more than a Host header: the server may be reached by any name once there are keys."""
    _, text = await make()
    elsewhere = {"Host": "runs.example.org", "X-API-Key": text}

    assert (await client.get("/api/v1/runs", headers=elsewhere)).status_code == 200
    del elsewhere["X-API-Key"]
    assert (await client.get("/api/v1/runs", headers=elsewhere)).status_code == 401
    assert (await client.get("/", headers=elsewhere)).status_code == 200


@pytest.mark.parametrize(
    "presented",
    [
        b"",
        b"x",
        UNKNOWN.encode(),
        b"rw_",
        b"rw_\xff\xfe_\xc3\xa9",
        b"rw_" + "é".encode() * 12 + b"_" + b"0" * 64,
        b"rw_aaaaaaaaaaaa_" + "²".encode() * 64,
        b"a" * 15_000,
    ],
)
async def test_what_is_no_key_is_401(client: httpx2.AsyncClient, make: Make, presented: bytes) -> None:
    """Whatever bytes come as a key, in either header, the answer is 401 and never a fault."""
    await make()

    for name in (b"X-API-Key", b"Authorization"):
        value = presented if name == b"X-API-Key" else b"Bearer " + presented
        answer = await client.get("/api/v1/runs", headers=[(name, value)])
        assert answer.status_code == 401
        assert presented == b"" or presented not in answer.content


async def test_two_different_keys_are_none(client: httpx2.AsyncClient, make: Make) -> None:
    """Nobody guesses which was meant; the same key said twice is one."""
    (_, one), (_, two) = await make(), await make()
    both = {"X-API-Key": one, "Authorization": f"Bearer {two}"}

    assert (await client.get("/api/v1/runs", headers=both)).status_code == 401
    both["Authorization"] = f"Bearer {one}"
    assert (await client.get("/api/v1/runs", headers=both)).status_code == 200


@pytest.mark.parametrize("route", sorted(route for route in ROUTES if not route.startswith("WS ")))
async def test_a_key_does_what_its_scopes_say(client: httpx2.AsyncClient, make: Make, route: str) -> None:
    """On every route: 401 without a key, 403 with every scope but the right ones, something else with them."""
    method, _, path = route.partition(" ")
    path = (
        path.replace("{run_id}", "run_" + "0" * 32)
        .replace("{name}", "calculator")
        .replace("{code}", "internal")
    )
    need = ROUTES[route]
    keys = {scope: (await make(scopes=scope))[1] for scope in ("run", "read", "admin")}
    without = await asked(client, method, path)
    statuses = {scope: await asked(client, method, path, text) for scope, text in keys.items()}

    if not need.scopes:
        assert {without, *statuses.values()} <= {200, 404}
        return
    assert without == 401
    assert {scope for scope, status in statuses.items() if status != 403} == need.scopes
    assert 401 not in statuses.values()


async def test_a_missing_scope_is_named(client: httpx2.AsyncClient, make: Make) -> None:
    """403 says which scope would have been needed; nothing was created."""
    _, text = await make(scopes="read")
    answer = await client.post("/api/v1/runs", json=WAITING, headers={"X-API-Key": text})
    listed = await client.get("/api/v1/runs", headers={"X-API-Key": text})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert "`run`" in answer.json()["detail"]
    assert listed.json()["items"] == []


async def test_health_in_full_is_for_admins(client: httpx2.AsyncClient, make: Make) -> None:
    """Others, with a key or without, learn whether all is well; a wrong key is a wrong key here, too."""
    (_, admin), (_, other) = await make(scopes="admin"), await make()

    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/health", headers={"X-API-Key": other})).json() == {"status": "ok"}
    assert "parts" in (await client.get("/health", headers={"X-API-Key": admin})).json()
    assert await asked(client, "GET", "/health", UNKNOWN) == 401
    assert await asked(client, "GET", "/health/live", UNKNOWN) == 200


async def test_a_revoked_key_is_no_key(app: Application, client: httpx2.AsyncClient, make: Make) -> None:
    """It is refused like one that never was, and the last key to go leaves the server closed."""
    key, text = await make()
    before = await asked(client, "GET", "/api/v1/runs", text)
    await app.store.keys.revoke(key.key_id, time.time())
    same = {"X-Request-ID": "r", "traceparent": f"00-{'1' * 32}-{'1' * 16}-00"}
    after = await client.get("/api/v1/runs", headers={"X-API-Key": text, **same})
    never = await client.get("/api/v1/runs", headers={"X-API-Key": UNKNOWN, **same})

    assert (before, after.status_code) == (200, 401)
    assert after.content == never.content
    assert await asked(client, "GET", "/api/v1/runs") == 401


async def test_a_key_ends_at_its_time(client: httpx2.AsyncClient, make: Make) -> None:
    """A key whose time is over is refused."""
    _, over = await make(expires_in_s=-1.0)
    _, usable = await make(expires_in_s=600.0)

    assert [await asked(client, "GET", "/api/v1/runs", text) for text in (over, usable)] == [401, 200]


@pytest.mark.parametrize("which", ["right", "wrong secret", "unknown", "malformed", "revoked"])
async def test_every_key_costs_one_digest_and_one_comparison(
    app: Application, client: httpx2.AsyncClient, make: Make, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is such a key cannot be told by the work that is done."""
    key, text = await make()
    if which == "revoked":
        await app.store.keys.revoke(key.key_id, time.time())
    other = "0" if text[-1] != "0" else "1"
    texts = {"wrong secret": text[:-1] + other, "unknown": UNKNOWN, "malformed": "rw_é"}
    await asked(client, "GET", "/health/live")
    done: list[str] = []
    one, two = hmac.digest, hmac.compare_digest
    monkeypatch.setattr(hmac, "digest", lambda *args: done.append("digest") or one(*args))
    monkeypatch.setattr(hmac, "compare_digest", lambda *args: done.append("compare") or two(*args))

    found = app.ring.presented(texts.get(which, text).encode())

    assert (found.key is not None) == (which == "right")
    assert done == ["digest", "compare"]


async def test_guessing_is_slow_and_harms_nobody(app: Application, make: Make) -> None:
    """After some wrong keys an address is not listened to, except with keys that came from there before."""
    (_, known), (_, fresh) = await make(), await make()
    edge = http_app(parts_of(app, None))

    def at(address: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(edge, client=(address, 1))
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    async with at("203.0.113.7") as guesser, at("203.0.113.8") as other:
        assert await asked(guesser, "GET", "/api/v1/runs", known) == 200
        guesses = [await asked(guesser, "GET", "/api/v1/runs", f"rw_{n}") for n in range(22)]
        refused = await guesser.get("/api/v1/runs", headers={"X-API-Key": fresh})

        assert guesses == [401] * 20 + [429] * 2
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert await asked(guesser, "GET", "/api/v1/runs", known) == 200
        assert await asked(guesser, "GET", "/api/v1/runs") == 401
        assert await asked(other, "GET", "/api/v1/runs", fresh) == 200


def test_guesses_are_bounded_in_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that begins anew does not let in twice as many around its border."""
    guesses, now_s = Guesses(20), 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    looked_at = list[float]()
    for tenth in range(2_000):
        now_s = 1_000.0 + tenth / 10
        if (tenth == 0 or tenth > 590) and not guesses.wait_s("192.0.2.1", b"x"):
            guesses.wrong("192.0.2.1")
            looked_at.append(now_s)

    assert len(looked_at) > 40
    for number in range(len(looked_at) - 20):
        assert looked_at[number + 20] - looked_at[number] >= 60 - 1e-6


def test_guesses_are_counted_in_bounded_space() -> None:
    """Addresses and keys beyond the bound push the oldest out; a network of IPv6 counts as one address."""
    guesses = Guesses(1)
    for number in range(ADDRESSES_MAX + 5):
        guesses.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        guesses.right(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"d")
    guesses.wrong("2001:db8:1:2::1")

    assert (len(guesses._wrong), len(guesses._right)) == (ADDRESSES_MAX, ADDRESSES_MAX)
    assert guesses.wait_s("10.0.0.1", b"x") == 0
    assert guesses.wait_s("10.0.39.20", b"x") > 0
    assert guesses.wait_s("2001:db8:1:2:ffff::9", b"x") > 0
    assert guesses.wait_s("2001:db8:1:3::1", b"x") == 0
    guesses.wrong("::ffff:192.0.2.1")
    assert guesses.wait_s("192.0.2.1", b"x") > 0
    assert guesses.wait_s("::ffff:192.0.2.2", b"x") == 0


async def test_a_use_is_noted_now_and_then(app: Application, client: httpx2.AsyncClient, make: Make) -> None:
    """A hundred requests are no hundred writes: the store hears of a use at most once in a minute, and at the end."""
    _, text = await make()
    await asked(client, "GET", "/api/v1/runs", text)
    before = app.store.commits
    for _ in range(100):
        await asked(client, "GET", "/api/v1/runs", text)
    commits = app.store.commits - before
    await app.ring.close()

    assert commits <= 1
    (key,) = await app.store.keys.all()
    assert key.last_used_at_s is not None and abs(key.last_used_at_s - time.time()) < 60


async def test_nobody_gets_in_while_the_keys_cannot_be_read(
    app: Application, client: httpx2.AsyncClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When what is known of the keys is too old, requests are refused as 503, and health goes on answering."""
    _, text = await make()
    before = await asked(client, "GET", "/api/v1/tools", text)
    app.store._reader._con.close()
    monkeypatch.setattr(keyring, "STALE_S_MAX", 0.0)

    assert before == 200
    assert await asked(client, "GET", "/api/v1/tools", text) == 503
    assert await asked(client, "GET", "/health/live") == 200


async def test_a_look_that_hangs_keeps_nobody_out_for_as_long_as_keys_may_be_old(
    app: Application, client: httpx2.AsyncClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy database delays the look at the keys; a revocation is in effect within 5 s all the same."""
    _, text = await make()
    assert await asked(client, "GET", "/api/v1/tools", text) == 200
    looked_at_s = app.ring._looked_at
    asks, hung = 0, asyncio.Event()

    async def hang() -> int:
        nonlocal asks
        asks += 1
        await hung.wait()
        raise JournalUnavailable("no connection was free")

    monkeypatch.setattr(app.store.keys, "version", hang)
    monkeypatch.setattr(keyring, "LOOK_S_MAX", 60.0)
    monkeypatch.setattr(keyring, "_clock_s", lambda: looked_at_s + 4.4)
    waiting = asyncio.create_task(asked(client, "GET", "/api/v1/tools", text))
    await wait_until(lambda: asks == 1, 20, "a look")

    assert await asked(client, "GET", "/api/v1/tools", text) == 200
    assert await asked(client, "GET", "/health/live") == 200
    monkeypatch.setattr(keyring, "_clock_s", lambda: looked_at_s + 4.6)
    assert await asked(client, "GET", "/health/live") == 200  # it waits for no look
    hung.set()
    assert await waiting == 503
    assert await asked(client, "GET", "/api/v1/tools", text) == 503


async def test_no_answer_tells_a_secret(
    app: Application, client: httpx2.AsyncClient, make: Make, tmp_path: Path
) -> None:
    """Neither the key, nor its digest, nor the pepper is in any answer, and the database has no key."""
    key, text = await make(scopes="run read admin")
    pepper = await app.store.keys.pepper()
    answers = [
        await client.request(*route.partition(" ")[::2], headers={"X-API-Key": text})
        for route in ROUTES
        if not route.startswith("WS")
    ]
    told = b"".join(
        answer.content + b"".join(name + value for name, value in answer.headers.raw) for answer in answers
    )
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if "pepper" not in path.name)

    for secret in (
        text.encode(),
        text[16:].encode(),
        key.digest,
        key.digest.hex().encode(),
        pepper,
        pepper.hex().encode(),
    ):
        assert secret not in told
    assert text[16:].encode() not in kept
    assert key.digest in kept
    assert pepper not in kept
