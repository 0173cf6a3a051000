"""Streams with API keys: who may open one, with a key or a ticket, and that it ends with its key."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp

from engines.callers import Make, Socket
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.ids import RunId, Tenant
from runwright.http.app import http_app
from runwright.http.stream import _frames
from runwright.runtime import keyring
from runwright.runtime.channel import Batch
from runwright.runtime.stream import Followers
from runwright.settings import Settings
from runwright.testing.waiting import wait_until

WAITING = {"prompt": "add todo x", "approval": "required"}
PATIENCE_S = 60.0


@pytest.fixture
def server(app: Application) -> ASGIApp:
    """The HTTP API of `app`."""
    return http_app(parts_of(app, None))


async def waiting_run(client: httpx2.AsyncClient, key: str = "") -> str:
    """The id of a new run that waits for an approval."""
    headers = {"X-API-Key": key} if key else {}
    answer = await client.post("/api/v1/runs", json=WAITING, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["run_id"])


async def ticket_of(client: httpx2.AsyncClient, key: str) -> str:
    """A new ticket."""
    answer = await client.post("/api/v1/tickets", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["expires_in_s"]) == (201, 30)
    return str(answer.json()["ticket"])


async def test_a_socket_needs_a_key_that_may_read(
    server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """Accepted, then closed before any event: 4401 without a key or with a wrong one, 4403 without the scope."""
    _, text = await make()
    run_id = await waiting_run(client, text)
    keys = {"": 4401, "rw_x": 4401, (await make(scopes="run"))[1]: 4403, (await make("bert"))[1]: 4404}
    for key, code in keys.items():
        async with Socket(server, f"/ws/runs/{run_id}", key=key) as socket:
            assert (await socket.code(), socket.said) == (code, [])
    async with Socket(server, f"/ws/runs/{run_id}", authorization=f"Bearer {text}") as socket:
        await wait_until(lambda: socket.said, PATIENCE_S, "the snapshot")
        assert json.loads(socket.said[0])["run_id"] == run_id


async def test_a_socket_ends_with_its_key(
    app: Application, server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """A revoked key closes with 4401 what it opened, and nothing that another key opened."""
    (key, text), (_, other) = await make(), await make()
    run_id = await waiting_run(client, text)
    path = f"/ws/runs/{run_id}"
    async with Socket(server, path, key=text) as socket, Socket(server, path, key=other) as stays:
        await wait_until(
            lambda: len(socket.said) > 3 and len(stays.said) > 3, PATIENCE_S, "both to have caught up"
        )
        await app.store.keys.revoke(key.key_id, time.time())

        assert await socket.code() == 4401
        assert stays.closed is None


async def test_a_socket_ends_when_its_key_is_over(
    app: Application, server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """A key whose time comes closes what it opened, although nobody writes anything."""
    _, text = await make()
    run_id = await waiting_run(client, text)
    _, short = await make(expires_in_s=60.0)
    async with Socket(server, f"/ws/runs/{run_id}", key=short) as socket:
        await wait_until(lambda: len(socket.said) > 3, PATIENCE_S, "the socket to have caught up")
        app.ring._now_s = lambda: time.time() + 61

        assert await socket.code() == 4401


async def test_a_socket_without_key_ends_with_the_first_key(
    server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """What was open while nobody needed a key ends when somebody does."""
    run_id = await waiting_run(client)
    async with Socket(server, f"/ws/runs/{run_id}") as socket:
        await wait_until(lambda: len(socket.said) > 3, PATIENCE_S, "the socket to have caught up")
        await make()

        assert await socket.code() == 4401


async def test_wrong_tickets_do_not_make_the_store_busy(
    app: Application, client: httpx2.AsyncClient, make: Make
) -> None:
    """After some of them an address is not listened to, except with tickets that were made there; keys still are."""
    _, text = await make()
    path, accepted = f"/api/v1/runs/{await waiting_run(client, text)}/events", {"Accept": "application/json"}
    good, made_elsewhere = await ticket_of(client, text), await app.ring.ticket(text.split("_")[1])
    before = app.store.commits
    wrong = [await client.get(path, params={"ticket": f"rwt_{number:064x}"}) for number in range(25)]
    commits = app.store.commits - before
    elsewhere = await client.get(path, params={"ticket": made_elsewhere}, headers=accepted)

    assert [answer.status_code for answer in wrong] == [401] * 20 + [429] * 5
    assert wrong[-1].json()["code"] == "too_many_wrong_keys" and int(wrong[-1].headers["retry-after"]) <= 60
    assert commits <= 20 + 5  # the trail writes of them, too
    assert elsewhere.status_code == 429
    assert (await client.get(path, params={"ticket": good}, headers=accepted)).status_code == 200
    assert (await client.get(path, headers={**accepted, "X-API-Key": text})).status_code == 200


async def test_a_stream_of_events_ends_with_its_key(
    app: Application, server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """The last thing that it says is why, it is no end of the run, and coming back is refused."""
    key, text = await make()
    run_id = await waiting_run(client, text)
    path, headers = f"/api/v1/runs/{run_id}/events", {"X-API-Key": text}
    reading = asyncio.create_task(client.get(path, headers=headers))
    await wait_until(lambda: app.ring._watchers, PATIENCE_S, "the stream to be open")
    await app.store.keys.revoke(key.key_id, time.time())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reading

    assert answer.text.endswith(": the API key has ended\n\n")
    assert "event: end" not in answer.text
    assert (await client.get(path, headers=headers)).status_code == 401


async def test_nothing_is_told_to_a_reader_who_is_behind(
    app: Application, server: ASGIApp, client: httpx2.AsyncClient, make: Make
) -> None:
    """Events that were there before the key ended are not sent after it, either."""

    class OneByOne(Followers):
        async def page(self, tenant: Tenant, run_id: RunId, after_seq: int, limit: int = 1) -> Batch:
            return await super().page(tenant, run_id, after_seq, limit)

    key, text = await make()
    run_id = await waiting_run(client, text)
    access = await parts_of(app, None).gate.admit(_scope(text), None)  # type: ignore[arg-type]  # not read with a key
    followers = OneByOne(app.engine.journal, app.engine.feed, 15.0)
    frames = _frames(replace(parts_of(app, None), followers=followers), access, RunId(run_id), 0)
    first = [await anext(frames), await anext(frames)]
    await app.store.keys.revoke(key.key_id, time.time())
    await wait_until(lambda: not app.ring.holds(key.key_id), PATIENCE_S, "the key to be known as revoked")
    rest = [frame async for frame in frames]

    assert first[1].startswith(b"id: 1\n")
    assert len(rest) == 1
    assert b"the API key has ended" in rest[0]


def _scope(key: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/runs",
        "headers": [(b"x-api-key", key.encode())],
    }


async def test_a_ticket_opens_one_stream(server: ASGIApp, client: httpx2.AsyncClient, make: Make) -> None:
    """In place of a key, once, for its key's tenant; not for anything else than streams."""
    _, text = await make()
    run_id = await waiting_run(client, text)
    (_, theirs), ticket = await make("bert"), await ticket_of(client, text)
    other = await client.get(f"/api/v1/runs/{run_id}?ticket={ticket}")
    async with Socket(server, f"/ws/runs/{run_id}", f"ticket={ticket}&after=0") as socket:
        await wait_until(lambda: len(socket.said) > 1, PATIENCE_S, "the first event")
    async with Socket(server, f"/ws/runs/{run_id}", f"ticket={ticket}") as again:
        assert await again.code() == 4401
    async with Socket(server, f"/ws/runs/{run_id}", f"ticket={await ticket_of(client, theirs)}") as foreign:
        assert await foreign.code() == 4404

    assert other.status_code == 401
    page = {"Accept": "application/json"}
    path = f"/api/v1/runs/{run_id}/events?ticket={await ticket_of(client, text)}"
    assert [(await client.get(path, headers=page)).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize("ticket", ["", "x", "rwt_" + "0" * 64, "rwt_" + "²" * 64, "a&ticket=b"])
async def test_what_is_no_ticket_is_401(client: httpx2.AsyncClient, make: Make, ticket: str) -> None:
    """Whatever stands there, it is refused and nothing breaks."""
    await make()

    assert (await client.get(f"/api/v1/runs/run_1/events?ticket={ticket}")).status_code == 401


async def test_a_ticket_is_over_after_its_time_or_with_its_key(
    app: Application, client: httpx2.AsyncClient, make: Make
) -> None:
    """30 seconds later it is worth nothing; neither is that of a key that was revoked since."""
    (_, text), (gone, its) = await make(), await make()
    run_id = await waiting_run(client, text)
    late, orphan = await ticket_of(client, text), await ticket_of(client, its)
    await app.store.keys.revoke(gone.key_id, time.time())
    await wait_until_refused(client, its)
    path = f"/api/v1/runs/{run_id}/events"
    refused = await client.get(f"{path}?ticket={orphan}")
    app.ring._now_s = lambda: time.time() + keyring.TICKET_S

    assert refused.status_code == 401
    assert (await client.get(f"{path}?ticket={late}")).status_code == 401


async def wait_until_refused(client: httpx2.AsyncClient, key: str) -> None:
    """Return once a key is refused."""
    async with asyncio.timeout(PATIENCE_S):
        while (await client.get("/api/v1/runs", headers={"X-API-Key": key})).status_code != 401:
            pass


async def test_without_keys_tickets_are_given_and_not_asked_for(
    server: ASGIApp, client: httpx2.AsyncClient
) -> None:
    """A page that always asks for a ticket works with keys and without."""
    run_id = await waiting_run(client)
    ticket = (await client.post("/api/v1/tickets")).json()["ticket"]
    async with Socket(server, f"/ws/runs/{run_id}", f"ticket={ticket}") as socket:
        await wait_until(lambda: socket.said, PATIENCE_S, "the snapshot")


async def test_a_key_has_its_share_of_streams(
    app: Application, client: httpx2.AsyncClient, make: Make, settings: Settings
) -> None:
    """As many as the setting says, one more is refused with its name; other keys have their own, and one that is
    closed makes room.
    """
    few = replace(app, settings=settings.model_copy(update={"streams_per_key_max": 2}))
    server = http_app(parts_of(few, None))
    (_, text), (_, other) = await make(), await make()
    run_id = await waiting_run(client, text)
    path = f"/ws/runs/{run_id}"
    transport = httpx2.ASGITransport(server)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http,
        Socket(server, path, key=text) as one,
        Socket(server, path, key=other) as theirs,
    ):
        async with Socket(server, path, key=text) as two:
            await wait_until(
                lambda: min(len(s.said) for s in (one, two, theirs)) > 3, PATIENCE_S, "all to be open"
            )
            refused = await http.get(f"/api/v1/runs/{run_id}/events", headers={"X-API-Key": text})
            async with Socket(server, path, key=text) as three:
                assert await three.code() == 4429
        async with Socket(server, path, key=text) as again:
            await wait_until(lambda: len(again.said) > 3, PATIENCE_S, "the room to be used")

    assert refused.status_code == 429
    assert "RUNWRIGHT_STREAMS_PER_KEY_MAX" in refused.json()["detail"]


async def test_the_share_holds_for_a_mixed_crowd(
    app: Application, client: httpx2.AsyncClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred that open streams of both kinds at one moment, fifty get one; all places come back."""
    parts = parts_of(app, None)
    server, most = http_app(parts), 0
    _, text = await make()
    run_id = await waiting_run(client, text)
    path, headers = f"/api/v1/runs/{run_id}/events", {"X-API-Key": text}
    for name in ("LOOK_EVERY_S", "STALE_S_MAX"):  # a slow machine is no reason to let nobody in
        monkeypatch.setattr(keyring, name, 1_000.0)
    sockets = [Socket(server, f"/ws/runs/{run_id}", key=text) for _ in range(50)]
    transport = httpx2.ASGITransport(server)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        readers = [asyncio.create_task(http.get(path, headers=headers, timeout=60)) for _ in range(50)]
        for socket in sockets:
            await socket.__aenter__()

        def settled() -> bool:
            nonlocal most
            most = max(most, parts.streams.open)
            refused = sum(one.done() for one in readers) + sum(one.closed is not None for one in sockets)
            return refused == 50 and parts.streams.open == 50

        await wait_until(settled, PATIENCE_S, "fifty to be open and fifty to be refused")
        for reader in readers:
            reader.cancel()
        answers = await asyncio.gather(*readers, return_exceptions=True)
        for socket in sockets:
            await socket.__aexit__()
        await wait_until(lambda: parts.streams.open == 0, PATIENCE_S, "all places to be free again")

    assert most == 50
    statuses = {answer.status_code for answer in answers if isinstance(answer, httpx2.Response)}
    assert statuses | {socket.closed for socket in sockets} <= {429, 4429, None}
