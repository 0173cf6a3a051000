"""Runs over HTTP: created, listed, read, cancelled, restarted, approved."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from runwright.bootstrap import Application
from runwright.core.declare import tool
from runwright.core.errors import ToolTerminal


async def created(client: httpx2.AsyncClient, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=60", **headers})
    assert answer.status_code == 201, answer.text
    return answer.json()


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    numbered = [{"step_number": n, "tool_input": {}, **step} for n, step in enumerate(steps, start=1)]
    return {"goal": "a test", "steps": numbered}


async def test_a_run_is_created_under_its_own_address(client: httpx2.AsyncClient) -> None:
    """201, a Location, and the whole run object."""
    answer = await client.post(
        "/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers={"Prefer": "wait=60"}
    )
    run = answer.json()

    assert answer.headers["location"] == f"/api/v1/runs/{run['run_id']}"
    assert run["status"] == "completed" and run["result"] == 4
    read = await client.get(answer.headers["location"])
    assert read.json() == run


async def test_the_run_object_has_every_field_of_the_contract(client: httpx2.AsyncClient) -> None:
    """No field is missing, whatever the run's state."""
    run = await created(client, {"prompt": "calculate 1", "user": "ada", "metadata": {"ticket": 7}})

    assert set(run) == {
        "run_id", "tenant", "user", "metadata", "trace_id", "prompt", "deadline_s", "status", "plan",
        "execution_log", "result", "error", "created_at", "started_at", "completed_at", "restarts", "usage",
        "eligible_actions",
    }  # fmt: skip
    assert (run["user"], run["metadata"], run["tenant"]) == ("ada", {"ticket": 7}, "default")
    assert set(run["execution_log"][0]) == {
        "step_number", "tool_name", "tool_version", "tool_input", "status", "success", "output", "error",
        "attempts", "started_at", "duration_ms", "idempotency_key",
    }  # fmt: skip


async def test_an_unchanged_run_is_not_sent_twice(client: httpx2.AsyncClient) -> None:
    """The ETag of a run answers 304 until something happens."""
    run = await created(client, {"prompt": "calculate 2 + 2"})
    first = await client.get(f"/api/v1/runs/{run['run_id']}")

    again = await client.get(first.request.url, headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304 and again.content == b""


async def test_a_prompt_that_is_not_understood_is_a_failed_run(client: httpx2.AsyncClient) -> None:
    """The run exists, says what was not understood, and can be restarted."""
    run = await created(client, {"prompt": "book me a flight to Rome"})

    assert run["status"] == "failed" and run["error"]["code"] == "not_understood"
    assert "book me a flight to Rome" in run["error"]["message"] and run["error"]["hint"]
    assert run["eligible_actions"] == ["restart"]


async def test_a_plan_with_defects_is_a_failed_run_that_names_all_of_them(client: httpx2.AsyncClient) -> None:
    """201, failed with invalid_plan, and every problem in plan.refused."""
    given = plan(
        {"tool_name": "calculater", "tool_input": {"expression": "1"}},
        {"tool_name": "calculator", "tool_input": {"expression": "{step_9_output}"}},
        {"tool_name": "calculator"},
    )

    run = await created(client, {"plan": given})

    events = (
        await client.get(f"/api/v1/runs/{run['run_id']}/events", headers={"Accept": "application/json"})
    ).json()
    refused = next(e for e in events["items"] if e["type"] == "plan.refused")
    codes = [p["code"] for p in refused["data"]["problems"]]
    assert run["status"] == "failed" and run["error"]["code"] == "invalid_plan"
    assert codes == ["unknown_tool", "unknown_step", "missing_input"]


async def test_a_plan_that_was_read_can_be_sent_back(client: httpx2.AsyncClient) -> None:
    """Fields that the server makes are ignored in a given plan."""
    first = await created(client, {"prompt": "calculate 6 * 7"})

    again = await created(client, {"plan": first["plan"]})

    assert again["result"] == 42 and again["plan"]["source"] == "given"
    assert again["plan"]["plan_hash"] == first["plan"]["plan_hash"]


async def test_a_key_makes_one_run(client: httpx2.AsyncClient) -> None:
    """The same key and body, however the body is written, answer with the same run; another body is refused."""
    key = {"Idempotency-Key": "order-7"}
    answers = await asyncio.gather(
        *(client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=key) for _ in range(20))
    )
    spaced = await client.post(
        "/api/v1/runs", content='{ "prompt" : "calculate 2 + 2" }',
        headers={**key, "Content-Type": "application/json"},
    )  # fmt: skip
    other = await client.post("/api/v1/runs", json={"prompt": "calculate 3"}, headers=key)

    assert {a.status_code for a in (*answers, spaced)} == {201}
    assert len({a.json()["run_id"] for a in (*answers, spaced)}) == 1
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"
    assert len((await client.get("/api/v1/runs")).json()["items"]) == 1


async def test_runs_are_paged_newest_first(client: httpx2.AsyncClient) -> None:
    """Every run is on exactly one page, newest first, without its execution log."""
    ids = [(await created(client, {"prompt": f"calculate {n} + 1"}))["run_id"] for n in range(7)]
    seen, cursor = [], None
    while True:
        page = (
            await client.get("/api/v1/runs", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [item["run_id"] for item in seen] == ids[::-1]
    assert all("execution_log" not in item and item["result"] is not None for item in seen)


async def test_runs_are_filtered(client: httpx2.AsyncClient) -> None:
    """By status, tool, time and text of the prompt, and by all of them together."""
    await created(client, {"prompt": "calculate 10 / 0"})
    await created(client, {"prompt": "Add todo Buy Milk"})
    last = await created(client, {"prompt": "list todos"})

    async def found(**params: str) -> list[str]:
        answer = await client.get("/api/v1/runs", params=params)
        assert answer.status_code == 200, answer.text
        return [item["prompt"] for item in answer.json()["items"]]

    assert await found(status="failed") == ["calculate 10 / 0"]
    assert await found(tool="todo_add") == ["Add todo Buy Milk"]
    assert await found(tool="todo") == []
    assert await found(q="buy milk") == ["Add todo Buy Milk"]
    assert await found(since=last["created_at"]) == ["list todos"]
    assert await found(until="2020-01-01T00:00:00Z") == []
    assert await found(status="completed", tool="todo_list", q="LIST") == ["list todos"]


async def test_cancel_stops_a_run_for_good(client: httpx2.AsyncClient, app: Application) -> None:
    """After the answer no further step starts, and the run ends cancelled."""
    started, calls = asyncio.Event(), []

    @tool(effects="pure")
    async def wait() -> None:
        """Wait for ever."""
        calls.append(1)
        started.set()
        await asyncio.Event().wait()

    app.registry.add(wait)
    given = plan({"tool_name": "wait"}, {"tool_name": "wait", "depends_on": [1]})
    run = (await client.post("/api/v1/runs", json={"plan": given})).json()
    await started.wait()

    first = await client.post(f"/api/v1/runs/{run['run_id']}/cancel")
    second = await client.post(f"/api/v1/runs/{run['run_id']}/cancel")
    events = await client.get(f"/api/v1/runs/{run['run_id']}/events")
    late = await client.post(f"/api/v1/runs/{run['run_id']}/cancel")

    ended = (await client.get(f"/api/v1/runs/{run['run_id']}")).json()
    assert (first.status_code, second.status_code, late.status_code) == (202, 202, 202)
    assert ended["status"] == "cancelled" and ended["error"]["code"] == "cancelled" and len(calls) == 1
    assert 'event: end\ndata: {"status":"cancelled"}' in events.text


async def test_restart_goes_on_behind_the_last_checkpoint(
    client: httpx2.AsyncClient, app: Application
) -> None:
    """Finished steps keep their results and are not called again."""
    calls: list[str] = []

    @tool(effects="pure")
    async def once() -> int:
        """Count the calls."""
        calls.append("once")
        return len(calls)

    @tool(effects="pure")
    async def moody(value: int) -> int:
        """Fail on the first call."""
        calls.append("moody")
        if calls.count("moody") == 1:
            raise ToolTerminal("not today")
        return value * 10

    app.registry.add(once)
    app.registry.add(moody)
    given = plan({"tool_name": "once"}, {"tool_name": "moody", "tool_input": {"value": "{step_1_output}"}})
    run = await created(client, {"plan": given})
    assert run["error"] == {"code": "tool_failed", "message": "not today", "step_number": 2}

    answer = await client.post(f"/api/v1/runs/{run['run_id']}/restart", json={})
    await client.get(f"/api/v1/runs/{run['run_id']}/events")
    ended = (await client.get(f"/api/v1/runs/{run['run_id']}")).json()

    assert answer.status_code == 202 and answer.json()["status"] == "running"
    assert ended["status"] == "completed" and ended["result"] == 10 and ended["restarts"] == 1
    assert calls == ["once", "moody", "moody"]
    assert [entry["attempts"] for entry in ended["execution_log"]] == [1, 2]
    refused = await client.post(f"/api/v1/runs/{run['run_id']}/restart")
    assert refused.status_code == 400 and refused.json()["code"] == "run_not_failed"


async def test_a_plan_waits_for_its_approval(client: httpx2.AsyncClient) -> None:
    """Nothing happens before exactly the plan that was shown is approved."""
    run = await created(client, {"prompt": "add todo ship it", "approval": "required"})
    address = f"/api/v1/runs/{run['run_id']}"
    assert run["status"] == "awaiting_approval" and run["eligible_actions"] == ["approve", "reject", "cancel"]

    wrong = await client.post(f"{address}/approve", json={"plan_hash": "0" * 64})
    right = await client.post(f"{address}/approve", json={"plan_hash": run["plan"]["plan_hash"]})
    await client.get(f"{address}/events")

    assert (wrong.status_code, right.status_code) == (409, 202)
    assert right.json()["eligible_actions"] == ["cancel"]
    assert (await client.get(address)).json()["status"] == "completed"


async def test_a_rejected_plan_is_never_carried_out(client: httpx2.AsyncClient) -> None:
    """The run ends cancelled with the error `rejected`, and no todo was added."""
    run = await created(client, {"prompt": "add todo ship it", "approval": "required"})

    answer = await client.post(
        f"/api/v1/runs/{run['run_id']}/reject", json={"plan_hash": run["plan"]["plan_hash"]}
    )

    listed = await created(client, {"prompt": "list my todos"})
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["error"]["code"]) == ("cancelled", "rejected")
    assert listed["result"]["total_count"] == 0


async def test_finished_steps_are_visible_while_the_run_goes_on(
    client: httpx2.AsyncClient, app: Application
) -> None:
    """GET shows the log of a running run, and the progress that a tool reports."""
    reported, go_on = asyncio.Event(), asyncio.Event()

    @tool(effects="pure")
    async def report(ctx: Any) -> str:
        """Report and wait."""
        ctx.report_progress(0.5, "half way")
        reported.set()
        await go_on.wait()
        return "done"

    app.registry.add(report)
    given = plan(
        {"tool_name": "calculator", "tool_input": {"expression": "1 + 1"}},
        {"tool_name": "report", "depends_on": [1]},
    )
    run = (await client.post("/api/v1/runs", json={"plan": given})).json()
    await reported.wait()
    await asyncio.sleep(0)

    seen = (await client.get(f"/api/v1/runs/{run['run_id']}")).json()
    go_on.set()

    assert seen["status"] == "running" and [e["output"] for e in seen["execution_log"]] == [2]
    assert seen["progress"] == {"2": {"fraction": 0.5, "text": "half way"}}


@pytest.mark.parametrize("method", ["cancel", "restart"])
async def test_an_unknown_run_cannot_be_controlled(client: httpx2.AsyncClient, method: str) -> None:
    """404 with the same document whichever route it is."""
    answer = await client.post(f"/api/v1/runs/run_{'0' * 32}/{method}")

    assert answer.status_code == 404 and answer.json()["code"] == "run_not_found"


async def test_plans_are_made_and_checked_without_running(client: httpx2.AsyncClient) -> None:
    """POST /plans plans only; POST /plans:check names every defect; nothing becomes a run."""
    made = (await client.post("/api/v1/plans", json={"prompt": "calculate 2 + 2 and list my todos"})).json()
    lost = (await client.post("/api/v1/plans", json={"prompt": "sing a song"})).json()
    good = (await client.post("/api/v1/plans:check", json={"plan": made["plan"]})).json()
    bad = (await client.post("/api/v1/plans:check", json={"plan": plan({"tool_name": "nope"})})).json()

    assert len(made["plan"]["steps"]) == 2 and made["problems"] == [] and made["estimate"]["steps"] == 2
    assert lost["plan"] is None and lost["problems"][0]["code"] == "not_understood"
    assert good == {"ok": True, "problems": []}
    assert bad["ok"] is False and bad["problems"][0]["pointer"] == "/steps/0/tool_name"
    assert (await client.get("/api/v1/runs")).json()["items"] == []


async def test_tools_can_be_discovered(client: httpx2.AsyncClient) -> None:
    """Names, schemas, versions and figures of every tool."""
    await created(client, {"prompt": "calculate 2 + 2"})
    names = [item["name"] for item in (await client.get("/api/v1/tools")).json()["items"]]
    shown = (await client.get("/api/v1/tools/calculator")).json()
    versions = (await client.get("/api/v1/tools/calculator/versions")).json()
    figures = (await client.get("/api/v1/tools/calculator/metrics")).json()

    assert names == sorted(
        ["calculator", "todo_add", "todo_complete", "todo_delete", "todo_get", "todo_list"]
    )
    assert (
        shown["input_schema"]["properties"]["expression"]["format"] == "expression"
        and shown["effects"] == "pure"
    )
    assert [v["version"] for v in versions["items"]] == [shown["version"]]
    assert (
        figures["total_calls"] == 1 and figures["success_count"] == 1 and figures["last_used"].endswith("Z")
    )
    assert (await client.get("/api/v1/tools/nope")).status_code == 404
