"""What the API answers to other methods than a route was made for, and to requests that say a thing twice."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest


async def _run(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.post(
        "/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers={"Prefer": "wait=60"}
    )
    return answer.json()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/runs", "GET, HEAD, POST"),
        ("DELETE", "/api/v1/runs/run_1", "GET, HEAD"),
        ("GET", "/api/v1/runs/run_1/cancel", "POST"),
        ("HEAD", "/api/v1/plans", "POST"),
        ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/api/v1/tools", "GET, HEAD"),
        ("POST", "/api/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_there_names_those_that_are(
    client: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    """405 lists in `Allow` every method of every route that has the path."""
    answer = await client.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_head_answers_as_get_does_without_a_body(client: httpx2.AsyncClient) -> None:
    """Status and headers are those of GET; of a stream of events only the head comes."""
    run = await _run(client)
    for path in (f"/api/v1/runs/{run['run_id']}", "/api/v1/runs", "/api/v1/tools", "/health/live", "/"):
        got, asked = await client.get(path), await client.head(path)
        assert (asked.status_code, asked.content) == (200, b"")
        assert {**asked.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}
    assert (await client.head("/api/v1/runs/run_nobody")).status_code == 404


async def test_head_of_a_stream_does_not_wait_for_its_end(client: httpx2.AsyncClient) -> None:
    """A run that goes on for ever has a stream whose head is known at once, and no stream stays open."""
    waiting = {"prompt": "add todo x", "approval": "required"}
    run = (await client.post("/api/v1/runs", json=waiting)).json()

    answer = await client.head(f"/api/v1/runs/{run['run_id']}/events")

    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"goal": "g"}, "/plan"),
        ({"goal": "g", "steps": "none"}, "/plan/steps"),
        ({"goal": 1, "steps": []}, "/plan/goal"),
        ({"goal": "g", "steps": [{"step_number": "1", "tool_name": "t"}]}, "/plan/steps/0/step_number"),
        (
            {"goal": "g", "steps": [{"step_number": 1, "tool_name": "t", "tool_inputs": {}}]},
            "/plan/steps/0",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/plans:check"])
async def test_a_malformed_plan_is_refused_with_the_place(
    client: httpx2.AsyncClient, path: str, plan: dict[str, Any], pointer: str
) -> None:
    """422, and `errors` points into the body."""
    answer = await client.post(path, json={"plan": plan})

    problem = answer.json()
    assert answer.status_code == 422, problem
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert problem["errors"][0]["message"] in problem["detail"]


async def test_two_keys_are_none(client: httpx2.AsyncClient) -> None:
    """Nobody guesses which of two Idempotency-Keys was meant; the same for a step resolved twice."""
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    run = await client.post("/api/v1/runs", json={"prompt": "calculate 1 / 0"}, headers={"Prefer": "wait=60"})

    two = await client.post("/api/v1/runs", json={"prompt": "calculate 1"}, headers=headers)
    twice = {"resolve": {"1": "retry", "01": "failed"}}
    restart = await client.post(f"/api/v1/runs/{run.json()['run_id']}/restart", json=twice)

    assert (two.status_code, restart.status_code) == (400, 400)


async def test_a_wish_may_be_among_others(client: httpx2.AsyncClient) -> None:
    """`Prefer: wait` is heard in a second header, and beside other preferences."""
    headers = [("Prefer", "respond-async"), ("Prefer", "handling=strict, wait=60")]

    answer = await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=headers)

    assert answer.json()["status"] == "completed"


async def test_a_wait_is_never_longer_than_the_bound(client: httpx2.AsyncClient) -> None:
    """However many digits it has, it is taken for the longest wait there is."""
    answer = await client.post(
        "/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers={"Prefer": f"wait={'9' * 5_000}"}
    )

    assert answer.json()["status"] == "completed"


async def test_a_known_version_is_known_in_every_form(client: httpx2.AsyncClient) -> None:
    """Among others, weak or strong, or `*`: 304; anything else is answered in full."""
    run = await _run(client)
    path = f"/api/v1/runs/{run['run_id']}"
    etag = (await client.get(path)).headers["etag"]
    strong = etag.removeprefix("W/")

    async def status(given: str) -> int:
        return (await client.get(path, headers={"If-None-Match": given})).status_code

    assert {await status(given) for given in (etag, strong, f'"x", {etag}', "*")} == {304}
    assert {await status(given) for given in ('"x"', strong.strip('"'), "x*")} == {200}


@pytest.mark.parametrize(("body", "media", "status"), [
    ("{}", "application/json", 202), ("", "text/plain", 202), ('{"x": 1}', "application/json", 422),
    ("x", "text/plain", 415), ("a=b", "application/x-www-form-urlencoded", 415), ("{", "application/json", 400),
])  # fmt: skip
async def test_a_cancel_takes_no_fields(
    client: httpx2.AsyncClient, body: str, media: str, status: int
) -> None:
    """Without a body or with an empty object it is heard; a form of some page is not."""
    waiting = {"prompt": "add todo x", "approval": "required"}
    path = (await client.post("/api/v1/runs", json=waiting)).headers["location"]

    answer = await client.post(f"{path}/cancel", content=body, headers={"Content-Type": media})

    assert answer.status_code == status
    assert (await client.get(path)).json()["status"] == (
        "cancelled" if status == 202 else "awaiting_approval"
    )
