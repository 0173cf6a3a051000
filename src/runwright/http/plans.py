"""Routes of plans: make one without running it, and check one."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.core.drafts import draft_of
from runwright.core.view import plan_object
from runwright.http import docs, reading
from runwright.http.parts import parts_of, tenant_of
from runwright.http.plain import PlainRoute

LARGE_BYTES = 64 * 1024
_OBJECT = {"type": "object"}


class PlanRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A prompt to plan."""

    prompt: str


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A plan to check."""

    plan: dict[str, Any]


router = APIRouter(prefix="/api/v1", tags=["plans"], route_class=PlainRoute)


@router.post("/plans", openapi_extra=docs.taking(PlanRequest, "200", _OBJECT))
async def make(request: Request) -> Response:
    """Plan a prompt and run nothing; `plan` is null when there is a problem."""
    parts = parts_of(request)
    asked = reading.decoded(await parts.body(request), PlanRequest)
    tenant = tenant_of(request)
    made = await parts.service.plan(tenant, asked.prompt)
    answer = {
        "plan": None if made.plan is None else plan_object(made.plan),
        "problems": made.problems,
        "estimate": made.estimate,
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.post("/plans:check", openapi_extra=docs.taking(CheckRequest, "200", _OBJECT))
async def check(request: Request) -> Response:
    """Return every defect of a plan at once."""
    parts = parts_of(request)
    raw = await parts.body(request)
    steps = draft_of(reading.decoded(raw, CheckRequest).plan).steps
    if len(raw) > LARGE_BYTES:  # a second of work for the worst of 1 MiB, which others need not wait for
        problems = await asyncio.to_thread(parts.service.problems, steps)
    else:
        problems = parts.service.problems(steps)
    answer = {"ok": not problems, "problems": problems}
    return Response(msgspec.json.encode(answer), media_type="application/json")
