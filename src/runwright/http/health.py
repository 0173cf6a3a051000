"""Health: the loop answers, the store answers, and the truth about every part."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from runwright.http import docs, problems
from runwright.http.parts import access_of, parts_of
from runwright.http.plain import PlainRoute
from runwright.http.problems import Refusal

_OBJECT = {"type": "object"}


router = APIRouter(tags=["health"], route_class=PlainRoute)


@router.get("/health/live", openapi_extra=docs.answering("200", _OBJECT))
async def live(request: Request) -> Response:
    """Say that the process answers."""
    return _json({"status": "ok"}, 200)


@router.get("/health/ready", openapi_extra=docs.answering("200", _OBJECT))
async def ready(request: Request) -> Response:
    """Say whether requests should be sent here: the store answers and the server is not draining. Runs are
    accepted without a living worker too; `note` says then that they wait.
    """
    told = await parts_of(request).health(False)
    return _json(told, 200 if told["status"] == "ok" else 503)


@router.get("/health", openapi_extra=docs.answering("200", _OBJECT))
async def health(request: Request) -> Response:
    """Tell how every part is, in which version. Where there are API keys, that is for the scope `admin`;
    others learn whether all is well.
    """
    in_full = "admin" in access_of(request).scopes
    told = await parts_of(request).health(in_full)
    if not in_full:
        told = {"status": told["status"]}
    return _json(told, 200 if told["status"] == "ok" else 503)


@router.get("/api/problems/{code}", include_in_schema=False)
async def problem(request: Request, code: str) -> Response:
    text = problems.page(code)
    if text is None:
        raise Refusal("not_found", "there is no problem with this code")
    return PlainTextResponse(text)


def _json(value: Any, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
