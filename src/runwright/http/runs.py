"""Routes of runs: create, list, read, cancel, restart, approve, reject."""

from __future__ import annotations

import asyncio
import re
from typing import Any, get_args

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.core.budget import Budget
from runwright.core.drafts import draft_of
from runwright.core.events import Approval, Resolution
from runwright.core.ids import RunId
from runwright.core.state import Run, RunStatus
from runwright.crash_points import crash_here
from runwright.http import docs, reading
from runwright.http.parts import Parts, parts_of, tenant_of
from runwright.http.plain import PlainRoute
from runwright.http.problems import Refusal
from runwright.http.reading import KEY
from runwright.ports import RunFilter
from runwright.runtime.reading import SHORT_EVENTS_MAX
from runwright.runtime.requests import ClientKey, NewRun

LIMIT_DEFAULT, LIMIT_MAX = 20, 100
_FILTERS = frozenset({"status", "tool", "since", "until", "q", "limit", "cursor"})
_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([0-9]+)"?(?:$|[,;\s])', re.IGNORECASE)
_CURSOR = re.compile(r"run_[0-9a-f]{32}")


class BudgetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What language models may take for a run."""

    tokens: int | None = None
    cost_usd: float | None = None
    llm_calls: int | None = None


class RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What creates a run: a prompt, or a plan, or both."""

    prompt: str | None = None
    plan: dict[str, Any] | None = None
    approval: Approval = "auto"
    user: str | None = None
    metadata: dict[str, Any] | None = None
    deadline_s: float | None = None
    budget: BudgetRequest | None = None


class RestartRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Verdicts on unknown steps, by step number."""

    resolve: dict[str, Resolution] = {}


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An object without fields."""


class PlanHash(msgspec.Struct, forbid_unknown_fields=True):
    """The hash of the plan that was shown."""

    plan_hash: str


router = APIRouter(prefix="/api/v1/runs", tags=["runs"], route_class=PlainRoute)


@router.post("", status_code=201, openapi_extra=docs.creating(RunRequest, "201", docs.RUN))
async def create(request: Request) -> Response:
    """Create a run from a prompt or a plan. `Idempotency-Key` makes it once; `Prefer: wait=10` waits."""
    parts = parts_of(request)
    new, key = await new_run(parts, request)
    tenant = tenant_of(request)
    wait_s = _wait_s(request, parts.request_wait_s_max)
    async with parts.lines.place(tenant):
        run, here = await parts.service.submit(tenant, new, key)
        if wait_s == 0 and here:  # of one that is left to others, no more is known than was just recorded
            run = await parts.service.settled(tenant, run.run_id, parts.create_hold_s, quick=True)
    if wait_s > 0:
        run = await parts.service.settled(tenant, run.run_id, wait_s)
    crash_here("create.before_reply")
    return shown(parts, run, 201, {"Location": f"/api/v1/runs/{run.run_id}"})


@router.get("", openapi_extra=docs.listing())
async def runs(request: Request) -> Response:
    """List runs, newest first, without their execution logs."""
    parts = parts_of(request)
    reading.known_only(request, _FILTERS)
    wanted, before, limit = _wanted(request)
    listing = await parts.service.runs(tenant_of(request), wanted, before, limit)
    cursor = b"null" if listing.next_cursor is None else f'"{listing.next_cursor}"'.encode()
    body = b'{"items":[' + b",".join(listing.items) + b'],"next_cursor":' + cursor + b"}"
    return Response(body, media_type="application/json")


@router.get("/{run_id}", openapi_extra=docs.answering("200", docs.RUN))
async def read(request: Request, run_id: str) -> Response:
    """Read a run as it is now, also while it runs; `ETag` changes with every event."""
    parts, tenant, known = parts_of(request), tenant_of(request), _run_id(run_id)
    if versions := request.headers.getlist("if-none-match"):
        etag = _etag(await parts.service.seq(tenant, known))
        if _is_known(versions, etag):  # a long run need not be read for that
            return Response(status_code=304, headers={"ETag": etag})
    run = await parts.service.run(tenant, known)
    if run.seq > SHORT_EVENTS_MAX:  # it may be long, and others need not wait while it is written out
        return await asyncio.to_thread(shown, parts, run, 200, {"ETag": _etag(run.seq)})
    return shown(parts, run, 200, {"ETag": _etag(run.seq)})


@router.post("/{run_id}/cancel", status_code=202, openapi_extra=docs.answering("202", docs.RUN))
async def cancel(request: Request, run_id: str) -> Response:
    """Cancel a run: after the answer no further step starts."""
    parts = parts_of(request)
    if raw := await parts.body(request):
        reading.decoded(raw, Nothing)
    run = await parts.service.cancel(tenant_of(request), _run_id(run_id))
    return _controlled(parts, run)


@router.post("/{run_id}/restart", status_code=202, openapi_extra=docs.taking(RestartRequest, "202", docs.RUN))
async def restart(request: Request, run_id: str) -> Response:
    """Continue a failed run behind its last checkpoint; finished steps are never run again."""
    parts = parts_of(request)
    raw = await parts.body(request)
    asked = reading.decoded(raw, RestartRequest) if raw else RestartRequest()
    resolve = {reading.integer(n, "a step number in `resolve`", least=1): v for n, v in asked.resolve.items()}
    if len(resolve) < len(asked.resolve):
        raise Refusal("bad_request", "a step is named twice in `resolve`")
    run = await parts.service.restart(tenant_of(request), _run_id(run_id), resolve)
    return _controlled(parts, run)


@router.post("/{run_id}/approve", status_code=202, openapi_extra=docs.taking(PlanHash, "202", docs.RUN))
async def approve(request: Request, run_id: str) -> Response:
    """Approve exactly the plan whose hash is given."""
    parts = parts_of(request)
    asked = reading.decoded(await parts.body(request), PlanHash)
    run = await parts.service.approve(tenant_of(request), _run_id(run_id), asked.plan_hash)
    return _controlled(parts, run)


@router.post("/{run_id}/reject", status_code=202, openapi_extra=docs.taking(PlanHash, "202", docs.RUN))
async def reject(request: Request, run_id: str) -> Response:
    """Reject exactly the plan whose hash is given; the run ends cancelled."""
    parts = parts_of(request)
    asked = reading.decoded(await parts.body(request), PlanHash)
    run = await parts.service.reject(tenant_of(request), _run_id(run_id), asked.plan_hash)
    return _controlled(parts, run)


async def new_run(parts: Parts, request: Request) -> tuple[NewRun, ClientKey | None]:
    """Return what a request to create a run asks for.

    Raises   Refusal
    """
    raw = await parts.body(request)
    asked = reading.decoded(raw, RunRequest)
    if asked.prompt is None and asked.plan is None:
        raise Refusal("invalid_body", "give a `prompt`, or a `plan`", errors=[_missing("/prompt")])
    draft = None if asked.plan is None else draft_of(asked.plan)
    prompt = asked.prompt if asked.prompt is not None else (draft.goal if draft else "")
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise Refusal("bad_request", "there are two Idempotency-Key headers; send one")
    key = keys[0] if keys else None
    if key is not None and KEY.fullmatch(key) is None:
        raise Refusal("bad_request", "Idempotency-Key must be 1 to 255 printable ASCII characters")
    budget = None if asked.budget is None else Budget(**msgspec.structs.asdict(asked.budget))
    return (
        NewRun(
            prompt,
            draft,
            asked.approval,
            asked.user,
            asked.metadata,
            asked.deadline_s,
            budget,
            request.scope["track"].trace.traceparent,
        ),
        None if key is None else ClientKey(key, reading.canonical(raw)),
    )


def shown(parts: Parts, run: Run, status: int, headers: dict[str, str] | None = None) -> Response:
    """Return a run object as an answer."""
    body = msgspec.json.encode(parts.service.shown(run))
    return Response(body, status, headers, "application/json")


def _controlled(parts: Parts, run: Run) -> Response:
    crash_here("control.before_reply")
    return shown(parts, run, 202)


def _wanted(request: Request) -> tuple[RunFilter, RunId | None, int]:
    given = request.query_params
    limit = reading.integer(given.get("limit", str(LIMIT_DEFAULT)), "limit", least=1, most=LIMIT_MAX)
    status = given.get("status")
    if status is not None and status not in get_args(RunStatus):
        raise Refusal("bad_request", f"status must be one of {', '.join(get_args(RunStatus))}")
    cursor = given.get("cursor")
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        raise Refusal("bad_request", "cursor must be the next_cursor of the page before")
    since, until = given.get("since"), given.get("until")
    wanted = RunFilter(
        status=status,  # type: ignore[arg-type]  # one of the statuses, as just checked
        tool=given.get("tool") or None,
        since_s=None if since is None else reading.time_s(since, "since"),
        until_s=None if until is None else reading.time_s(until, "until"),
        text=given.get("q") or None,
    )
    return wanted, None if cursor is None else RunId(cursor), limit


def _run_id(text: str) -> RunId:
    return RunId(reading.path_id(text, "run_not_found"))


def _etag(seq: int) -> str:
    return f'W/"{seq}"'


def _is_known(lists: list[str], etag: str) -> bool:
    """Whether a client has this version: among several, as weak or strong, or whatever there is (`*`)."""
    tags = [tag.strip() for one in lists for tag in one.split(",")]
    return "*" in tags or etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]


def _wait_s(request: Request, most_s: float) -> float:
    asked = _WAIT.search(",".join(request.headers.getlist("prefer")))
    return 0.0 if asked is None else min(float(asked[1]), most_s)


def _missing(pointer: str) -> dict[str, str]:
    return {"pointer": pointer, "message": "is missing"}
