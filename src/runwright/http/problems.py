"""Every refusal as RFC 9457 `application/problem+json`, and the one table from error codes to HTTP status.

Nothing here echoes what a client sent beyond a short name, and no library's message reaches a client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from runwright.core.drafts import Malformed
from runwright.core.errors import RunwrightError
from runwright.http.tracks import Track

MEDIA_TYPE = "application/problem+json"
PAGE = "/api/problems/"


@dataclass(frozen=True, slots=True)
class Explained:
    """What the served page of a problem says."""

    status: int
    title: str
    cause: str
    fix: str
    example: str = ""


PROBLEMS: dict[str, Explained] = {
    "bad_request": Explained(
        400,
        "The request cannot be read",
        "The request is not valid HTTP or JSON, or a parameter is not of its kind.",
        "Read `detail`; it names the part. Parameters are listed in /api/openapi.json.",
        "GET /api/v1/runs?limit=20",
    ),
    "invalid_body": Explained(
        422,
        "The body does not fit",
        "The body is JSON, but a field is missing, unknown, or of the wrong type.",
        "Read `errors`; each names a field by its JSON Pointer.",
        '{"prompt": "calculate 2 + 2"}',
    ),
    "limit_reached": Explained(
        422,
        "A limit was hit",
        "Something in the request is larger than this server takes.",
        "Send less, or have the operator raise the setting that `detail` names.",
    ),
    "unauthorized": Explained(
        401,
        "A valid API key is needed",
        "The request has no API key, or one that is not known here, has ended or was revoked.",
        "Make a key with `runwright keys create` and send it as X-API-Key, or as Authorization: Bearer.",
        "X-API-Key: rw_…",
    ),
    "scope_missing": Explained(
        403,
        "The key may not do this",
        "The API key is valid, but has not the scope that `detail` names.",
        "Use a key with that scope: `runwright keys create --scopes run,read`.",
    ),
    "too_many_wrong_keys": Explained(
        429,
        "Too many wrong keys",
        "More wrong API keys, or tickets, came from this address within a minute than this server looks at.",
        "Wait for `Retry-After`. Keys that have come from there before are let in all the same, and tickets "
        "that were made there.",
    ),
    "rate_limited": Explained(
        429,
        "Too many requests",
        "More requests came with this API key within a minute than it may have. `RateLimit-Policy` tells "
        "the limit, `RateLimit` what is left of it. After a restart of the Redis that counts, all of it "
        "counts as used for a minute.",
        "Wait for `Retry-After`, or have the operator raise the setting that `detail` names.",
    ),
    "forbidden": Explained(
        403,
        "Not allowed from there",
        "Without API keys this server answers only requests that come from this computer and name it.",
        "Call it as http://127.0.0.1:PORT or http://localhost:PORT, from no other web page.",
    ),
    "not_found": Explained(
        404, "Nothing is there", "No route, run or tool has this name.", "Check the path and the id."
    ),
    "run_not_found": Explained(
        404,
        "No such run",
        "No run of yours has this id.",
        "List your runs and take the id from there.",
        "GET /api/v1/runs",
    ),
    "tool_not_found": Explained(
        404, "No such tool", "No tool has this name.", "List the tools.", "GET /api/v1/tools"
    ),
    "method_not_allowed": Explained(
        405, "Not with this method", "The path exists, but not for this method.", "See /api/openapi.json."
    ),
    "conflict": Explained(
        409,
        "The state does not allow it",
        "Someone else was first, or the run is not in a state that allows this.",
        "Read the run again; its `eligible_actions` say what is possible now.",
    ),
    "illegal_transition": Explained(
        409,
        "The run's state does not allow it",
        "The run has ended, waits for nothing, or another plan is to be approved.",
        "Read the run again; its `eligible_actions` say what is possible now.",
    ),
    "run_not_failed": Explained(
        400,
        "Only a failed run can be restarted",
        "The run is under way, completed or cancelled.",
        "Create a new run instead.",
    ),
    "run_corrupt": Explained(
        409,
        "The run's journal is damaged",
        "A record of this run is missing or was changed on disk. Other runs are not affected.",
        "Restore the database from a backup, or create the run again.",
    ),
    "idempotency_key_reused": Explained(
        422,
        "The Idempotency-Key was used before",
        "A run was created with this key and another body in the last 24 hours.",
        "Use a new key for a new request; send the same body to get the same run.",
    ),
    "too_large": Explained(
        413,
        "The body is too large",
        "The request body has more bytes than this server takes.",
        "Send less, or have the operator raise RUNWRIGHT_BODY_BYTES_MAX.",
    ),
    "request_timed_out": Explained(
        408,
        "The request took too long",
        "The request's head or body was begun and did not come to its end in time.",
        "Send it again, on a connection that is fast enough.",
    ),
    "headers_too_large": Explained(
        431,
        "The head of the request is too large",
        "The address or the headers have more bytes, or there are more headers, than this server takes.",
        "Send fewer and shorter headers; put long text into the body.",
    ),
    "unsupported_media_type": Explained(
        415,
        "The body must be JSON",
        "The request has a body whose Content-Type is not application/json.",
        "Send the header Content-Type: application/json.",
    ),
    "too_many_streams": Explained(
        429, "Too many open streams", "You have as many open streams as you may.", "Close some first."
    ),
    "unavailable": Explained(
        503, "Not just now", "The server or its store cannot do this now.", "Try again after `Retry-After`."
    ),
    "internal": Explained(
        500,
        "A fault of ours",
        "Something went wrong inside the server; it has been logged.",
        "Report the `request_id`.",
    ),
}
# codes that share the explanation, and so the status, of another
_SAME = {
    "invalid": "invalid_body",
    "invalid_input": "invalid_body",
    "invalid_ref": "invalid_body",
    "journal_unavailable": "unavailable",
    "limits_unavailable": "unavailable",
    "overloaded": "unavailable",
    "draining": "unavailable",
    "stale_append": "conflict",
    "claim_lost": "conflict",
}
RETRY_AFTER_S = 1


@dataclass
class Refusal(Exception):
    """An answer that is a problem.

    errors          each with `pointer` and `message`
    retry_after_s   after how long trying again may help, where that is a matter of time
    """

    code: str
    detail: str
    hint: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    retry_after_s: int = RETRY_AFTER_S


def refusal_of(error: RunwrightError) -> Refusal:
    """Return the answer to an error of the runtime."""
    errors = []
    if isinstance(error, Malformed):  # a plan stands in the body under this name, whatever the route
        errors = [{"pointer": f"/plan{error.pointer}", "message": error.message}]
    return Refusal(error.code, error.message, error.hint, errors)


def answer(connection: HTTPConnection, refusal: Refusal) -> Response:
    """Return the problem document, with the request's id in it; the scope keeps its code."""
    track: Track | None = connection.scope.get("track")
    known = refusal.code if refusal.code in PROBLEMS else _SAME.get(refusal.code, "internal")
    explained = PROBLEMS[known]
    document = {
        "type": PAGE + known,
        "title": explained.title,
        "status": explained.status,
        "detail": refusal.detail if refusal.hint is None else f"{refusal.detail} ({refusal.hint})",
        "code": refusal.code,
        "instance": connection.url.path[:200],
        "request_id": connection.scope.get("request_id", ""),
        "trace_id": None if track is None else track.trace.trace_id,
    }
    if refusal.errors:
        document["errors"] = refusal.errors
    connection.scope["problem"] = refusal.code
    headers = {"Retry-After": str(refusal.retry_after_s)} if explained.status in (429, 503) else {}
    if explained.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="runwright"'
    return Response(msgspec.json.encode(document), explained.status, headers, MEDIA_TYPE)


def page(code: str) -> str | None:
    """Return the page that a problem's `type` points to, as plain text; None for an unknown code."""
    explained = PROBLEMS.get(code)
    if explained is None:
        return None
    status = HTTPStatus(explained.status)
    lines = [
        f"{explained.title}",
        "",
        f"code:    {code}",
        f"status:  {status.value} {status.phrase}",
        "",
        f"Cause:   {explained.cause}",
        f"Fix:     {explained.fix}",
    ]
    if explained.example:
        lines += ["", f"Example: {explained.example}"]
    return "\n".join(lines) + "\n"
