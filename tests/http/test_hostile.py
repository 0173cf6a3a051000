"""Bad input of every kind gets a clear 4xx: never a 5xx, a stack trace or a silent wrong answer."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

JSON = {"Content-Type": "application/json"}
NOBODY = f"/api/v1/runs/run_{'0' * 32}"

BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "no json": (b"{bad json", 400),
    "null": (b"null", 422),
    "a list": (b"[]", 422),
    "a number": (b"7", 422),
    "nothing asked": (b"{}", 422),
    "prompt null": (b'{"prompt":null}', 422),
    "prompt number": (b'{"prompt":5}', 422),
    "prompt list": (b'{"prompt":["calculate 1"]}', 422),
    "prompt empty": (b'{"prompt":""}', 422),
    "prompt blank": (b'{"prompt":" \\n\\t "}', 422),
    "prompt NUL": (b'{"prompt":"calculate \\u0000 1"}', 422),
    "metadata NUL": (b'{"prompt":"calculate 1","metadata":{"a\\u0000":1}}', 422),
    "lone surrogate": (b'{"prompt":"\\ud800"}', 400),
    "half a pair": (b'{"prompt":"\\ud800\\u0041"}', 400),
    "surrogate as bytes": (b'{"prompt":"\xed\xa0\x80"}', 400),
    "not utf-8": (b'{"prompt":"\xff\xfe"}', 400),
    "utf-16": ('{"prompt":"calculate 1"}'.encode("utf-16"), 400),
    "byte order mark": (b'\xef\xbb\xbf{"prompt":"calculate 1"}', 400),
    "NaN": (b'{"prompt":NaN}', 400),
    "Infinity": (b'{"deadline_s":Infinity,"prompt":"calculate 1"}', 400),
    "1e999": (b'{"prompt":"calculate 1","deadline_s":1e999}', 422),
    "deadline 0": (b'{"prompt":"calculate 1","deadline_s":0}', 422),
    "deadline below 0": (b'{"prompt":"calculate 1","deadline_s":-5}', 422),
    "deadline for ever": (b'{"prompt":"calculate 1","deadline_s":1e30}', 422),
    "deadline text": (b'{"prompt":"calculate 1","deadline_s":"60"}', 422),
    "unknown field": (b'{"prompt":"calculate 1","promt":"x"}', 422),
    "status set": (b'{"prompt":"calculate 1","status":"completed"}', 422),
    "tenant set": (b'{"prompt":"calculate 1","tenant":"other"}', 422),
    "approval unknown": (b'{"prompt":"calculate 1","approval":"maybe"}', 422),
    "user list": (b'{"prompt":"calculate 1","user":[]}', 422),
    "user long": (b'{"prompt":"calculate 1","user":"' + b"u" * 300 + b'"}', 422),
    "metadata list": (b'{"prompt":"calculate 1","metadata":[]}', 422),
    "metadata large": (b'{"prompt":"calculate 1","metadata":{"a":"' + b"m" * 20_000 + b'"}}', 422),
    "trailing text": (b'{"prompt":"calculate 1"} x', 400),
    "two objects": (b'{"prompt":"calculate 1"}{"prompt":"calculate 1"}', 400),
    "comment": (b'{"prompt":"calculate 1" /* yes */}', 400),
    "single quotes": (b"{'prompt':'calculate 1'}", 400),
    "900 brackets": (b'{"metadata":' + b"[" * 900 + b"]" * 900 + b"}", 400),
    "5,000 brackets": (b"[" * 5_000, 400),
    "100,000 brackets in a string": (b'{"prompt":"' + b"[" * 30_000 + b'"}', 201),
    "5,000 digits": (b'{"prompt":"calculate 1","metadata":{"n":' + b"9" * 5_000 + b"}}", 422),
    "plan text": (b'{"plan":"calculate 1"}', 422),
    "plan empty": (b'{"plan":{}}', 422),
    "plan without steps": (b'{"plan":{"goal":"x"}}', 422),
    "steps null": (b'{"plan":{"goal":"x","steps":null}}', 422),
    "steps text": (b'{"plan":{"goal":"x","steps":"1"}}', 422),
    "step null": (b'{"plan":{"goal":"x","steps":[null]}}', 422),
    "step without tool": (b'{"plan":{"goal":"x","steps":[{"step_number":1,"tool_input":{}}]}}', 422),
    "number as text": (
        b'{"plan":{"goal":"x","steps":[{"step_number":"1","tool_name":"a","tool_input":{}}]}}',
        422,
    ),
    "input a list": (
        b'{"plan":{"goal":"x","steps":[{"step_number":1,"tool_name":"a","tool_input":[]}]}}',
        422,
    ),
    "no steps": (b'{"plan":{"goal":"x","steps":[]}}', 201),
    "number beyond 64 bit": (
        b'{"plan":{"goal":"x","steps":[{"step_number":99999999999999999999,"tool_name":"a","tool_input":{}}]}}',
        201,
    ),
    "prompt too long": (b'{"prompt":"' + b"x" * 32_769 + b'"}', 422),
    "body too large": (b'{"prompt":"' + b"x" * 1_100_000 + b'"}', 413),
}

QUERIES = [
    "limit=0", "limit=101", "limit=-1", "limit=abc", "limit=", "limit=1.5", "limit=%C2%B2", "limit=" + "9" * 5_000,
    "limit=9223372036854775808", "status=done", "status=", "since=yesterday", "since=2026-01-01", "until=9999999",
    "since=2026-13-01T00:00:00Z", "cursor=%00", "cursor=../../x", "cursor=" + "a" * 500, "nosuch=1", "until=",
]  # fmt: skip

PATHS = [
    "/api/v1/runs/%00", "/api/v1/runs/*", "/api/v1/runs/?", "/api/v1/runs/{run}", "/api/v1/runs/..%2f..%2fetc",
    "/api/v1/runs/" + "a" * 5_000, "/api/v1/runs/%ff%fe", "/api/v1/runs/run_%E2%80%AE", "/api/v1/tools/%00",
    "/api/v1/tools/__class__", "/api/v2/runs", "/api/v1/runs/", "//api/v1/runs", "/static/..%2fapp.py",
    "/static/%2e%2e/edge.py", "/api/problems/nope", "/health/", "/api/v1/runs/x/y/z", NOBODY, NOBODY + "/events",
]  # fmt: skip


def is_problem(answer: httpx2.Response) -> bool:
    """Whether a refusal is a whole problem document that gives nothing away."""
    document: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(document) >= {"type", "title", "status", "detail", "code", "instance", "request_id"}
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    told = answer.text
    return len(told) < 2_000 and not any(
        word in told for word in ("Traceback", "msgspec", "pydantic", 'File "')
    )


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused_in_words(client: httpx2.AsyncClient, name: str) -> None:
    """The right 4xx, whole and without echo; nothing is created by a refused body."""
    body, status = BODIES[name]
    answer = await client.post("/api/v1/runs", content=body, headers=JSON)

    assert answer.status_code == status, answer.text
    if status >= 400:
        assert is_problem(answer)
        assert (await client.get("/api/v1/runs")).json()["items"] == []


@pytest.mark.parametrize("path", ["/api/v1/runs/stream", "/api/v1/plans", "/api/v1/plans:check"])
@pytest.mark.parametrize("name", ["empty", "no json", "null", "nothing asked", "5,000 brackets"])
async def test_every_route_reads_bodies_alike(client: httpx2.AsyncClient, path: str, name: str) -> None:
    """What one route refuses as a body, the others refuse too."""
    body, status = BODIES[name]
    answer = await client.post(path, content=body, headers=JSON)

    assert answer.status_code == status and is_problem(answer)


async def test_a_bad_parameter_is_refused_by_name(client: httpx2.AsyncClient) -> None:
    """400, and the detail names the parameter."""
    for query in QUERIES:
        answer = await client.get(f"/api/v1/runs?{query}")

        assert answer.status_code == 400 and is_problem(answer), query
        assert query.partition("=")[0] in answer.json()["detail"], query


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_a_path_that_leads_nowhere_is_refused(client: httpx2.AsyncClient, method: str) -> None:
    """A 4xx problem document, for every method."""
    for path in PATHS:
        answer = await client.request(method, path)

        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.status_code != 422 or path == NOBODY, path
        assert is_problem(answer), path


@pytest.mark.parametrize(
    "last", ["²", "-1", "9" * 5_000, "9223372036854775808", "1.0", "abc", "0x1", " ", "１"]
)
async def test_a_bad_event_id_is_refused(client: httpx2.AsyncClient, last: str) -> None:
    """Last-Event-ID and `after` must be plain numbers."""
    header = await client.get(NOBODY + "/events", headers={"Last-Event-ID": last.encode()})
    query = await client.get(NOBODY + "/events", params={"after": last})

    assert header.status_code == query.status_code == 400


@pytest.mark.parametrize("key", ["", "ü".encode(), "x" * 256, b"\xff", b"tab\tbed"])
async def test_a_bad_idempotency_key_is_refused(client: httpx2.AsyncClient, key: str | bytes) -> None:
    """1 to 255 printable ASCII characters, or 400."""
    answer = await client.post(
        "/api/v1/runs", json={"prompt": "calculate 1"}, headers={"Idempotency-Key": key}
    )

    assert answer.status_code == 400 and "Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_body_must_be_json(client: httpx2.AsyncClient, media: str) -> None:
    """What a browser could post from another page without asking first is refused."""
    answer = await client.post(
        "/api/v1/runs", content=b'{"prompt":"calculate 1"}', headers={"Content-Type": media}
    )

    assert answer.status_code == 415 and is_problem(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "0.0.0.0"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_page_of_another_site_gets_nothing(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    """Without keys only this computer's own names and pages are answered; nothing is created."""
    answer = await client.post("/api/v1/runs", json={"prompt": "calculate 1"}, headers=headers)

    assert answer.status_code == 403 and is_problem(answer)
    assert (await client.get("/api/v1/runs")).json()["items"] == []


async def test_forwarding_headers_change_nothing(client: httpx2.AsyncClient) -> None:
    """A forged address or host is neither believed nor reflected."""
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "host=evil.example",
    }
    answer = await client.post("/api/v1/runs", json={"prompt": "calculate 1"}, headers=forged)

    assert answer.status_code == 201 and "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("a b", False), ("x" * 200, False), ("<b>", False)]
)
async def test_a_sane_request_id_is_kept(client: httpx2.AsyncClient, given: str, kept: bool) -> None:
    """The client's id comes back when it is sane; else a new one is made."""
    answer = await client.get("/health/live", headers={"X-Request-ID": given})

    assert (answer.headers["x-request-id"] == given) is kept


async def test_every_answer_is_hardened(client: httpx2.AsyncClient) -> None:
    """Security headers stand on answers and refusals alike."""
    for path in ("/health", "/api/v1/runs", "/nope", "/api/openapi.json"):
        headers = (await client.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store" and "server" not in headers
        assert "strict-transport-security" not in headers and "access-control-allow-origin" not in headers


async def test_every_problem_has_a_page(client: httpx2.AsyncClient) -> None:
    """The `type` of a problem is served, and says cause and fix."""
    problem = (await client.get("/api/v1/runs?limit=0")).json()
    page = await client.get(problem["type"])

    assert page.status_code == 200 and "Cause:" in page.text and "Fix:" in page.text
