"""How often a key may come: what is refused, what clients are told, and what holds without Redis."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

from engines.callers import Make, Socket
from runwright.asgi import parts_of
from runwright.bootstrap import Application, application
from runwright.http.app import http_app
from runwright.settings import Settings
from services.redis import PrivateRedis

PROMPT = {"prompt": "calculate 2 + 2"}
LEFT = re.compile(r'"creations";r=(\d+);t=(\d+)')


def keyed(text: str) -> dict[str, str]:
    """Headers with a key."""
    return {"X-API-Key": text}


async def test_ten_creations_in_a_minute(client: httpx2.AsyncClient, make: Make) -> None:
    """Each answer tells what is left; the eleventh is refused before it is read, and tells when to come again."""
    _, text = await make()
    answers = [await client.post("/api/v1/runs", json=PROMPT, headers=keyed(text)) for _ in range(10)]
    refused = await client.post("/api/v1/runs", content=b"no json", headers=keyed(text))
    problem = refused.json()

    assert [answer.status_code for answer in answers] == [201] * 10
    for left, answer in zip(range(9, -1, -1), answers, strict=True):
        found = LEFT.fullmatch(answer.headers["ratelimit"])
        assert answer.headers["ratelimit-policy"] == '"creations";q=10;w=60'
        assert found is not None and int(found[1]) == left and 0 < int(found[2]) <= 60
        assert "retry-after" not in answer.headers
    assert (refused.status_code, problem["code"]) == (429, "rate_limited")
    assert "10 creations in 60 s (RUNWRIGHT_CREATIONS_PER_MINUTE_MAX)" in problem["detail"]
    found = LEFT.fullmatch(refused.headers["ratelimit"])
    assert found is not None and found[1] == "0"
    assert int(found[2]) <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["ratelimit-policy"] == '"creations";q=10;w=60'
    assert len((await client.get("/api/v1/runs", headers=keyed(text))).json()["items"]) == 10


async def test_each_key_has_its_own_limit_and_each_kind_of_route(
    client: httpx2.AsyncClient, make: Make
) -> None:
    """A key that may create no more still reads, plans and cancels; another key of the tenant still creates."""
    (_, text), (_, other) = await make(), await make()
    for _ in range(11):
        answer = await client.post("/api/v1/runs/stream", json=PROMPT, headers=keyed(text))
    read = await client.get("/api/v1/runs", headers=keyed(text))
    plan = await client.post("/api/v1/plans", json=PROMPT, headers=keyed(text))
    fresh = await client.post("/api/v1/runs", json=PROMPT, headers=keyed(other))

    assert answer.status_code == 429
    assert read.headers["ratelimit-policy"] == '"requests";q=6000;w=60'
    assert read.headers["ratelimit"].startswith('"requests";r=5999;')
    assert plan.headers["ratelimit-policy"] == '"plans";q=60;w=60'
    assert (read.status_code, plan.status_code, fresh.status_code) == (200, 200, 201)


async def test_a_repeat_counts_and_a_refused_key_does_not(client: httpx2.AsyncClient, make: Make) -> None:
    """A repeat of a creation is a request like others; what never got in leaves the limit as it is."""
    _, text = await make()
    _, reader = await make(scopes="read")
    headers = {**keyed(text), "Idempotency-Key": "k"}
    first = await client.post("/api/v1/runs", json=PROMPT, headers=headers)
    again = await client.post("/api/v1/runs", json=PROMPT, headers=headers)
    refused = await client.post("/api/v1/runs", json=PROMPT, headers=keyed(reader))

    assert first.json()["run_id"] == again.json()["run_id"]
    assert LEFT.fullmatch(again.headers["ratelimit"])[1] == "8"
    assert refused.status_code == 403 and "ratelimit" not in refused.headers


async def test_without_keys_nothing_is_limited(client: httpx2.AsyncClient) -> None:
    """On this computer, before there is any key."""
    answers = [await client.post("/api/v1/plans", json=PROMPT) for _ in range(61)]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)


@asynccontextmanager
async def changed(app: Application, **more: object) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the same application with other settings of its HTTP API."""
    other = replace(app, settings=app.settings.model_copy(update=more))
    transport = httpx2.ASGITransport(http_app(parts_of(other, None)), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as opened:
        yield opened


async def test_a_limit_of_none(app: Application, make: Make) -> None:
    """0 stands for any number."""
    _, text = await make()
    async with changed(app, creations_per_minute_max=0) as client:
        answers = [await client.post("/api/v1/runs", json=PROMPT, headers=keyed(text)) for _ in range(12)]

    assert {answer.status_code for answer in answers} == {201}
    assert not any("ratelimit-policy" in answer.headers for answer in answers)


async def test_a_socket_beyond_the_limit_is_closed(app: Application, make: Make) -> None:
    """With 4429, before anything is said."""
    _, text = await make()
    other = replace(app, settings=app.settings.model_copy(update={"requests_per_minute_max": 1}))
    edge = http_app(parts_of(other, None))
    async with (
        Socket(edge, "/ws/runs/run_1", key=text) as first,
        Socket(edge, "/ws/runs/run_1", key=text) as next_,
    ):
        assert (await first.code(), await next_.code()) == (4404, 4429)
        assert next_.said == []


@pytest.fixture
async def shared(settings: Settings, redis_server: PrivateRedis) -> AsyncIterator[Application]:
    """A Runwright with a Redis."""
    changed = Settings(**{**settings.model_dump(exclude_unset=True), "redis_url": redis_server.url})
    patient = changed.model_copy(update={"redis_timeout_s": 60.0})  # one that is gone is noticed at once
    async with application(patient) as running:
        yield running


@pytest.mark.parametrize("mode", ["closed", "local"])
async def test_while_redis_is_away(
    shared: Application, redis_server: PrivateRedis, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Nothing is created uncounted: 503, or counted by each server; everything else goes on."""
    monkeypatch.setattr("runwright.runtime.keyring.LOOK_EVERY_S", 0.0)
    from runwright.runtime.keyring import issued

    _, text = await issued(shared.store.keys, None, time.time(), tenant="default", scopes=["run", "read"])
    async with changed(shared, limits_without_redis=mode) as client:
        before = await client.post("/api/v1/runs", json=PROMPT, headers=keyed(text))
        redis_server.kill()
        created = [await client.post("/api/v1/runs", json=PROMPT, headers=keyed(text)) for _ in range(12)]
        read = await client.get("/api/v1/runs", headers=keyed(text))
        health = await client.get("/health/ready")

    assert before.status_code == 201
    assert (read.status_code, health.status_code) == (200, 200)
    if mode == "closed":
        assert {answer.status_code for answer in created} == {503}
        assert {answer.json()["code"] for answer in created} == {"limits_unavailable"}
        assert all(answer.headers["retry-after"] == "1" for answer in created)
    else:
        assert [answer.status_code for answer in created] == [201] * 10 + [429] * 2
