"""Creations that are refused unread: in the words of any refusal, and only what is plainly one of a crowd."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx2
import pytest

from engines.callers import Make
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.ids import DEFAULT_TENANT, Tenant
from runwright.http.app import http_app
from runwright.http.doorstep import FEW, Doorstep
from runwright.http.lines import Lines
from runwright.runtime import keyring

BODY = b'{"prompt":"calculate 2 + 2"}'
ANNA = Tenant("anna")


def creation(*lines: str, body: bytes = BODY, first: str = "POST /api/v1/runs HTTP/1.1") -> bytes:
    """A request to create a run, as clients write it."""
    head = (
        first,
        "Host: localhost",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        *lines,
    )
    return "\r\n".join((*head, "", "")).encode() + body


def answered(refusal: bytes) -> httpx2.Response:
    """The answer that these bytes are."""
    head, _, body = refusal.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    assert status == b"HTTP/1.1 503 Service Unavailable"
    headers = [tuple(line.split(b": ", 1)) for line in lines]
    answer = httpx2.Response(503, headers=headers, content=body)  # type: ignore[arg-type]
    assert int(answer.headers["content-length"]) == len(body)
    return answer


async def test_it_says_what_every_refusal_says(app: Application) -> None:
    """The same members and headers as the answer that is given when the request was read, and the client's id."""
    lines = Lines(1, 0)
    server = http_app(replace(parts_of(app, None), lines=lines))
    transport = httpx2.ASGITransport(server)
    async with (
        lines.place(DEFAULT_TENANT),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        read = await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"})
        doorstep = Doorstep(lines, app.ring, lambda: False)
        unread = answered(doorstep.refusal(creation("X-Request-ID: abc.1")) or b"")
        other = answered(doorstep.refusal(creation(first="POST /api/v1/runs/stream HTTP/1.1")) or b"")

    assert read.status_code == 503
    assert {*unread.headers} == {*read.headers}
    differ = ("content-length", "x-request-id")
    assert all(unread.headers[name] == read.headers[name] for name in unread.headers if name not in differ)
    told, known = unread.json(), read.json()
    assert {*told} == {*known}
    assert all(told[name] == known[name] for name in ("type", "title", "status", "code", "instance"))
    assert told["request_id"] == unread.headers["x-request-id"] == "abc.1"
    assert other.json()["instance"] == "/api/v1/runs/stream"
    assert other.json()["request_id"] == other.headers["x-request-id"] != read.headers["x-request-id"]
    assert lines.refused_unread == 2


@pytest.mark.parametrize(
    "data",
    [
        creation()[:-1],  # the rest is still to come
        creation() + b"P",  # another request begins
        creation("Content-Length: 3"),
        creation("Content-Length : 28"),
        creation("Transfer-Encoding: chunked"),
        creation("Expect: 100-continue"),
        creation("Connection: close"),
        creation("Connection: keep-alive, Upgrade"),
        creation("Origin: http://elsewhere"),  # who may read the answer is not known here
        creation(first="POST /api/v1/runs HTTP/1.0"),
        creation(first="GET /api/v1/runs HTTP/1.1"),
        creation(first="POST /api/v1/runs/run_1/cancel HTTP/1.1"),
        creation(first="POST  /api/v1/runs HTTP/1.1"),
        creation().replace(b"\r\n", b"\n"),
        creation().replace(b"Content-Length", b"Content-Size"),
        b"",
    ],
)
async def test_what_is_no_plain_creation_is_read(app: Application, data: bytes) -> None:
    """Whatever it is: what reads requests knows better, and refuses it in its own way."""
    lines = Lines(1, 0)
    async with lines.place(DEFAULT_TENANT):
        doorstep = Doorstep(lines, app.ring, lambda: False)
        assert doorstep.refusal(creation()) is not None
        assert doorstep.refusal(data) is None


async def test_only_those_whose_line_is_full_are_refused(app: Application, make: Make) -> None:
    """A key stands for its tenant, in either header; who it is not known of is looked at more closely."""
    (_, anna), (_, bert) = await make("anna"), await make("bert")
    await app.ring.refresh()
    lines = Lines(1, 1)
    doorstep = Doorstep(lines, app.ring, lambda: False)
    async with lines.place(ANNA):
        waiting = asyncio.create_task(lines.place(ANNA).__aenter__())
        await asyncio.sleep(0)
        headers = (f"X-API-Key: {anna}", f"x-api-key:{anna}", f"Authorization: Bearer {anna}")
        refused = [doorstep.refusal(creation(header)) for header in headers]
        read = [
            doorstep.refusal(creation(f"X-API-Key: {bert}")),
            doorstep.refusal(creation(f"X-API-Key: {anna}x")),
            doorstep.refusal(creation(f"X-API-Key: {anna}", f"X-API-Key: {bert}")),
            doorstep.refusal(creation()),
            Doorstep(lines, app.ring, lambda: True).refusal(creation(headers[0])),  # a drain is told in full
        ]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert all(refused)
    assert read == [None] * 5


async def test_of_those_that_come_at_one_moment_as_many_are_read_as_find_room(app: Application) -> None:
    """None of them is in a line yet; at the next moment it is the line that tells."""
    doorstep = Doorstep(Lines(4, 6), app.ring, lambda: False)
    moments = []
    for _ in range(2):
        moments.append([doorstep.refusal(creation()) is None for _ in range(500)])
        await asyncio.sleep(0)

    assert moments == [[True] * (FEW + 10) + [False] * (490 - FEW)] * 2


async def test_a_crowd_is_answered_to_the_last(app: Application) -> None:
    """Of a hundred that come at once some are carried out and all others are told to come again; then there is room."""
    parts = replace(parts_of(app, None), lines=Lines(2, 8))
    transport = httpx2.ASGITransport(http_app(parts))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        asked = [client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}) for _ in range(100)]
        answers = await asyncio.gather(*asked)
        later = await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"})
        listed = (await client.get("/api/v1/runs?limit=100")).json()["items"]

    created = [answer.json()["run_id"] for answer in (*answers, later) if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(created) >= 11
    assert len(created) + len(refused) == 101
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert {item["run_id"] for item in listed} == {*created}


async def test_a_tenant_that_floods_does_not_keep_another_out(
    app: Application, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Anna asks twelve times at a time and is mostly refused, each of Bert's creations is taken."""
    (_, anna), (_, bert) = await make("anna"), await make("bert")
    await app.ring.refresh()
    for name in ("LOOK_EVERY_S", "STALE_S_MAX"):  # a slow machine is no reason to let nobody in
        monkeypatch.setattr(keyring, name, 1_000.0)
    settings = app.settings.model_copy(update={"creations_per_minute_max": 0})
    parts = replace(parts_of(replace(app, settings=settings), None), lines=Lines(1, 4))
    transport = httpx2.ASGITransport(http_app(parts))
    statuses: list[int] = []
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:

        async def create(key: str) -> int:
            body, headers = {"prompt": "calculate 2 + 2"}, {"X-API-Key": key}
            return (await client.post("/api/v1/runs", json=body, headers=headers)).status_code

        async def flood() -> None:
            while True:
                statuses.append(await create(anna))
                await asyncio.sleep(0)

        floods = [asyncio.create_task(flood()) for _ in range(12)]
        taken = [await create(bert) for _ in range(3)]
        for one in floods:
            one.cancel()
        await asyncio.gather(*floods, return_exceptions=True)

    assert taken == [201] * 3
    assert statuses.count(503) > 5
    assert {*statuses} <= {201, 503}


def test_the_form_is_json() -> None:
    """Whatever stands in its places."""
    doorstep = Doorstep(Lines(0, 0), _NoKeys(), lambda: False)  # type: ignore[arg-type]

    async def refused() -> bytes | None:
        return doorstep.refusal(creation("X-Request-ID: %s%d%b"))

    assert json.loads((asyncio.run(refused()) or b"").partition(b"\r\n\r\n")[2])["status"] == 503


class _NoKeys:
    in_use = False
