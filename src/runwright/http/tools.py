"""Routes of tools: discovery and figures."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.core.codec import timestamp
from runwright.core.tool import ToolSpec
from runwright.http import docs
from runwright.http.parts import Parts, parts_of, tenant_of
from runwright.http.plain import PlainRoute
from runwright.http.problems import Refusal

_OBJECT = {"type": "object"}


router = APIRouter(prefix="/api/v1/tools", tags=["tools"], route_class=PlainRoute)


def _known(parts: Parts, name: str) -> ToolSpec:
    contract = parts.registry.find(name, None)
    if contract is None:
        raise Refusal("tool_not_found", f"there is no tool {name[:130]!r}")
    return contract.spec


@router.get("", openapi_extra=docs.answering("200", _OBJECT))
async def tools(request: Request) -> Response:
    """List the tools, each in its newest version."""
    parts = parts_of(request)
    return _json({"items": parts.registry.specs()})


@router.get("/{name}", openapi_extra=docs.answering("200", _OBJECT))
async def show(request: Request, name: str) -> Response:
    """Describe a tool: schemas, effects, time limit and retries."""
    parts = parts_of(request)
    return _json(_known(parts, name))


@router.get("/{name}/versions", openapi_extra=docs.answering("200", _OBJECT))
async def versions(request: Request, name: str) -> Response:
    """List a tool's versions, newest first."""
    parts = parts_of(request)
    spec = _known(parts, name)
    found = (parts.registry.find(name, version) for version in parts.registry.versions(name))
    return _json({"name": spec.name, "items": [contract.spec for contract in found if contract]})


@router.get("/{name}/metrics", openapi_extra=docs.answering("200", _OBJECT))
async def metrics(request: Request, name: str) -> Response:
    """Tell how the calls of a tool by your own runs have fared in this process."""
    parts = parts_of(request)
    figures = parts.registry.figures(tenant_of(request), _known(parts, name).name)
    last = figures["last_used"]
    return _json({**figures, "name": name, "last_used": None if last is None else timestamp(last)})


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
