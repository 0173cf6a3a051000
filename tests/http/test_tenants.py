"""Two tenants: what is one's does not exist for the other, on every route, byte for byte."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx2
import pytest

from engines.callers import Make, Socket
from runwright.asgi import parts_of
from runwright.bootstrap import Application
from runwright.http.access import ROUTES
from runwright.http.app import http_app

HELD = {"prompt": "add todo x", "approval": "required"}
# bodies that would do something to a run that is the caller's own
BODIES: dict[str, Any] = {
    "POST /api/v1/runs/{run_id}/restart": {"resolve": {"1": "retry"}},
    "POST /api/v1/runs/{run_id}/approve": {"plan_hash": "HASH"},
    "POST /api/v1/runs/{run_id}/reject": {"plan_hash": "HASH"},
    "POST /api/v1/runs/{run_id}/cancel": {},
}
OF_RUNS = sorted(route for route in ROUTES if "{run_id}" in route)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Caller:
    """A tenant's client."""

    def __init__(self, client: httpx2.AsyncClient, key: str) -> None:
        self.client, self.key = client, key

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        given = {"X-API-Key": self.key, "X-Request-ID": "same", "traceparent": TRACE, **headers}
        return await self.client.request(method, path, json=body, headers=given)

    async def run(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """A run, once it is over or waits."""
        answer = await self.ask("POST", "/api/v1/runs", body, Prefer="wait=60", **headers)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
async def anna(client: httpx2.AsyncClient, make: Make) -> Caller:
    """Who has something."""
    return Caller(client, (await make("anna", "run read admin"))[1])


@pytest.fixture
async def bert(client: httpx2.AsyncClient, make: Make) -> Caller:
    """Who should never learn of it."""
    return Caller(client, (await make("bert", "run read admin"))[1])


def told(answer: httpx2.Response, run_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """All that an answer tells, but for the id that was asked for and what is left of the key's own limit."""
    headers = sorted(pair for pair in answer.headers.raw if pair[0] != b"ratelimit")
    return answer.status_code, headers, answer.content.replace(run_id.encode(), b"ID")


@pytest.mark.parametrize("route", OF_RUNS)
async def test_a_foreign_id_is_an_unknown_id(
    app: Application, anna: Caller, bert: Caller, route: str
) -> None:
    """Of runs that wait, completed, failed or were cancelled: status, headers and body are those of no run at all."""
    held, done, broken = (
        await anna.run(HELD),
        await anna.run({"prompt": "calculate 2 + 2"}),
        await anna.run({"prompt": "calculate 1 / 0"}),
    )
    ended = await anna.run(HELD)
    await anna.ask("POST", f"/api/v1/runs/{ended['run_id']}/cancel")
    method, _, path = route.partition(" ")
    nobody = f"run_{uuid.uuid4().hex}"
    for run in (held, done, broken, ended):
        before = await anna.ask("GET", f"/api/v1/runs/{run['run_id']}")
        if method == "WS":
            pairs = [await closed(app, path, run_id, bert.key) for run_id in (run["run_id"], nobody)]
            assert pairs == [(4404, "no such run", [])] * 2
            continue
        for accept in ("*/*", "application/json", "text/event-stream"):
            body = json.loads(json.dumps(BODIES.get(route)).replace("HASH", run["plan"]["plan_hash"]))
            answers = [
                told(await bert.ask(method, path.replace("{run_id}", run_id), body, Accept=accept), run_id)
                for run_id in (run["run_id"], nobody)
            ]
            assert answers[0] == answers[1]
            assert answers[0][0] == 404
        after = await anna.ask("GET", f"/api/v1/runs/{run['run_id']}")
        assert after.content == before.content
        assert after.headers["etag"] == before.headers["etag"]


async def closed(app: Application, path: str, run_id: str, key: str) -> tuple[int, str, list[str]]:
    """How a WebSocket was closed, and what it had said."""
    edge = http_app(parts_of(app, None))
    async with Socket(edge, path.replace("{run_id}", run_id), key=key) as socket:
        return await socket.code(), socket.reason, socket.said


async def test_every_other_route_tells_what_it_told_before(anna: Caller, bert: Caller) -> None:
    """On routes that name no run, the other tenant reads the same whether the first one has runs or none.

    The figures of health and of operations are those of the server, and no tenant's.
    """
    own_figures = {"GET /health", "GET /health/ready", "GET /metrics"}
    routes = sorted(
        route for route in ROUTES if route.startswith("GET") and route not in {*OF_RUNS, *own_figures}
    )
    paths = [route[4:].replace("{name}", "calculator").replace("{code}", "run_not_found") for route in routes]
    before = [told(await bert.ask("GET", path), "-") for path in paths]
    estimated = (await bert.ask("POST", "/api/v1/plans", {"prompt": "calculate 2 + 2"})).json()["estimate"]
    run = await anna.run({"prompt": "calculate (41*7)+13, add the result as a todo, then show my todos"})
    await anna.run(HELD)
    after = [told(await bert.ask("GET", path), "-") for path in paths]

    again = (await bert.ask("POST", "/api/v1/plans", {"prompt": "calculate 2 + 2"})).json()["estimate"]

    assert after == before
    assert again == estimated == {"steps": 1, "critical_path_ms": None, "cost_usd": 0.0}
    assert len(paths) > 9
    assert run["status"] == "completed"


@pytest.mark.parametrize(
    "query", ["", "status=completed", "q=calculate", "tool=calculator", "since=2020-01-01T00:00:00Z"]
)
async def test_lists_hold_the_tenants_own_runs(anna: Caller, bert: Caller, query: str) -> None:
    """Whatever is asked for; a cursor out of the other's list opens nothing."""
    theirs = await anna.run({"prompt": "calculate 2 + 2"})
    own = await bert.run({"prompt": "calculate 2 + 3"})
    await anna.run({"prompt": "calculate 2 + 4"})
    listed = (await bert.ask("GET", f"/api/v1/runs?{query}")).json()
    behind = (await bert.ask("GET", f"/api/v1/runs?cursor={theirs['run_id']}")).json()

    assert [run["run_id"] for run in listed["items"]] == [own["run_id"]]
    assert listed["items"][0]["tenant"] == "bert"
    assert behind["items"] == []


async def test_an_idempotency_key_is_the_tenants_own(anna: Caller, bert: Caller) -> None:
    """The same key makes a run for each of them, with the same body and with another."""
    theirs = await anna.run({"prompt": "calculate 2 + 2"}, **{"Idempotency-Key": "k"})
    own = await bert.run({"prompt": "calculate 2 + 2"}, **{"Idempotency-Key": "k"})
    again = await anna.run({"prompt": "calculate 2 + 2"}, **{"Idempotency-Key": "k"})
    await anna.run({"prompt": "calculate 2 + 2"}, **{"Idempotency-Key": "l"})
    other = await bert.run({"prompt": "calculate 3"}, **{"Idempotency-Key": "l"})

    assert theirs["run_id"] == again["run_id"] != own["run_id"]
    assert (own["tenant"], other["result"]) == ("bert", 3)


@pytest.mark.parametrize("tool_name", ["todo_get", "todo_complete", "todo_delete"])
async def test_todos_are_the_tenants_own(anna: Caller, bert: Caller, tool_name: str) -> None:
    """A todo of the other is as unknown as one that never was, and stays as it is."""
    todo = (await anna.run({"prompt": "add todo buy milk"}))["result"]["todo"]
    errors = []
    for todo_id in (todo["id"], "todo_aaaaaaaaaaaa"):
        step = {"step_number": 1, "tool_name": tool_name, "tool_input": {"todo_id": todo_id}}
        run = await bert.run({"plan": {"goal": "g", "steps": [step]}})
        assert run["status"] == "failed"
        errors.append(json.dumps(run["error"]).replace(todo_id, "ID"))
    listed = await bert.run({"prompt": "show my todos"})
    still = await anna.run({"prompt": "show my todos"})

    assert errors[0] == errors[1]
    assert listed["result"]["todos"] == []
    assert still["result"]["todos"] == [todo]


async def test_a_tenant_cannot_be_named_by_the_caller(anna: Caller, bert: Caller) -> None:
    """No field, header or query makes a run another tenant's."""
    refused = await bert.ask("POST", "/api/v1/runs", {"prompt": "calculate 1", "tenant": "anna"})
    run = await bert.run({"prompt": "calculate 1", "user": "anna"}, **{"X-Tenant": "anna"})

    assert refused.status_code == 422
    assert run["tenant"] == "bert"
    assert (await anna.ask("GET", "/api/v1/runs")).json()["items"] == []
