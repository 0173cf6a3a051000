"""What the audit trail is told of: refusals, bounded, and what decides over runs; and never a secret."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from engines.callers import Make, Socket
from runwright.adapters.audit_sqlite import SqliteAudit
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.core.audit import AuditEntry, AuditFilter
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import Tenant
from runwright.http.app import http_app
from runwright.runtime import audit_trail
from runwright.runtime.audit_trail import AuditTrail
from runwright.testing.waiting import wait_until

HELD = {"prompt": "add todo canary-of-a-prompt", "approval": "required"}
PATIENCE_S = 60.0


async def noted(app: Application, count: int) -> list[AuditEntry]:
    """The entries of the trail, oldest first, once there are so many."""
    found: list[AuditEntry] = []
    for _ in range(int(PATIENCE_S / 0.05)):
        found = [one.entry for one in await app.store.audit.page(AuditFilter(), None, 100)][::-1]
        if len(found) >= count:
            break
        await asyncio.sleep(0.05)
    return found


async def test_who_decided_over_a_run(app: Application, client: httpx2.AsyncClient, make: Make) -> None:
    """Approvals and rejections, those that were refused with them: which key, which run, from where, by which request."""
    key, text = await make("anna")
    headers = {"X-API-Key": text, "X-Request-ID": "asked-by-me"}
    runs = [(await client.post("/api/v1/runs", json=HELD, headers=headers)).json() for _ in range(2)]
    for run, verb in zip(runs, ("approve", "reject"), strict=True):
        path, body = f"/api/v1/runs/{run['run_id']}/{verb}", {"plan_hash": run["plan"]["plan_hash"]}
        assert (await client.post(path, json=body, headers=headers)).status_code == 202
    again = await client.post(path, json=body, headers=headers)
    entries = await noted(app, 3)

    assert again.status_code == 409
    assert [(entry.what, entry.result, entry.subject) for entry in entries] == [
        ("run.approved", "ok", runs[0]["run_id"]),
        ("run.rejected", "ok", runs[1]["run_id"]),
        ("run.rejected", "illegal_transition", runs[1]["run_id"]),
    ]
    assert {(entry.tenant, entry.key_id, entry.request_id, entry.address) for entry in entries} == {
        ("anna", key.key_id, "asked-by-me", "127.0.0.1")
    }


async def test_refusals_are_noted_and_hold_no_secret(
    app: Application, client: httpx2.AsyncClient, make: Make
) -> None:
    """No key, a wrong one, one without the scope, one that came too often, over HTTP and WebSocket."""
    (reader, text), (maker, other) = await make("anna", "read"), await make("bert", "run")
    wrong = "rw_" + "a" * 12 + "_" + "c" * 64
    for given in ("", wrong):
        assert (await client.get("/api/v1/runs?q=canary", headers={"X-API-Key": given})).status_code == 401
    assert (await client.post("/api/v1/runs", json=HELD, headers={"X-API-Key": text})).status_code == 403
    for _ in range(11):
        answer = await client.post("/api/v1/runs", content=b"canary", headers={"X-API-Key": other})
    async with Socket(http_app(parts_of(app, None)), "/ws/runs/run_1", "ticket=canary", key=other) as socket:
        assert await socket.code() == 4403
    entries = await noted(app, 4)

    assert answer.status_code == 429
    assert {(entry.what, entry.result, entry.key_id, entry.tenant) for entry in entries} == {
        ("key.refused", "unauthorized", None, None),
        ("scope.refused", "scope_missing", reader.key_id, "anna"),
        ("scope.refused", "scope_missing", maker.key_id, "bert"),
        ("rate.refused", "rate_limited", maker.key_id, "bert"),
    }
    kept = repr(entries)
    assert not any(secret in kept for secret in ("canary", "c" * 64, text[-64:], other[-64:]))


async def test_a_page_of_another_site_is_noted(app: Application, client: httpx2.AsyncClient) -> None:
    """Also where nobody needs a key."""
    await client.get("/api/v1/runs", headers={"Origin": "http://evil.example"})
    entries = await noted(app, 1)

    assert [(entry.what, entry.result) for entry in entries] == [("origin.refused", "forbidden")]


async def test_a_flood_of_refusals_is_few_entries(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same refusal is one entry, and one more that tells how often it came again; of too many callers a number is kept."""
    monkeypatch.setattr(audit_trail, "CALLERS_MAX", 5)
    trail = AuditTrail(app.store.audit, lambda: 7.0, 86_400.0)
    for number in range(1_000):
        address = f"192.0.2.{number % 10}"
        trail.note(AuditEntry(1.0, "key.refused", "unauthorized", address=address, request_id=str(number)))
    await trail.close()
    entries = await noted(app, 12)

    assert [entry.times for entry in entries] == [1] * 6 + [99] * 5 + [499]
    assert sum(entry.times for entry in entries) == 1_000
    assert [entry.what for entry in entries if entry.result == "too_many_callers"] == ["audit.overflowed"] * 2


async def test_entries_wait_for_a_store_that_is_away(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost while it is away, up to a bound, and requests do not wait."""
    monkeypatch.setattr(audit_trail, "AGAIN_S", 0.01)
    monkeypatch.setattr(audit_trail, "WAITING_MAX", 10)
    away = True

    class Flaky(SqliteAudit):
        async def append(self, entries: list[AuditEntry]) -> None:
            if away:
                raise JournalUnavailable
            await super().append(entries)

    trail = AuditTrail(Flaky(app.store._writer, app.store._reader), lambda: 7.0, 86_400.0)
    for number in range(12):
        trail.note(AuditEntry(float(number), "run.approved", tenant=Tenant("t"), subject=f"run_{number}"))
    away = False
    entries = await noted(app, 10)
    await trail.close()

    assert [entry.at_s for entry in entries] == [float(number) for number in range(10)]
    assert trail.dropped == 2


async def test_what_is_old_is_let_go(app: Application) -> None:
    """When something is noted, entries beyond the time that the settings name are removed."""
    old = AuditEntry(1.0, "key.created")
    await app.store.audit.append([old] * 3)
    app.audit.note(AuditEntry(2_000_000_000.0, "key.created"))
    left: list[AuditEntry] = [old]

    async def look() -> None:
        while old in left:
            left[:] = await noted(app, 0)
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    await wait_until(looking.done, PATIENCE_S, "the old entries to be gone")
    assert [entry.at_s for entry in left] == [2_000_000_000.0]
