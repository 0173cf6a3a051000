"""Routes of tools: discovery and figures."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from runwright.core.codec import timestamp
from runwright.core.tool import ToolSpec
from runwright.http import docs
from runwright.http.parts import Parts
from runwright.http.problems import Refusal

_OBJECT = {"type": "object"}


def routes(parts: Parts) -> APIRouter:
    """Return the routes of tools."""
    router = APIRouter(prefix="/api/v1/tools", tags=["tools"])
    registry = parts.registry

    def known(name: str) -> ToolSpec:
        contract = registry.find(name, None)
        if contract is None:
            raise Refusal("tool_not_found", "there is no tool with this name")
        return contract.spec

    @router.get("", openapi_extra=docs.answering("200", _OBJECT))
    async def tools() -> Response:
        """List the tools, each in its newest version."""
        return _json({"items": registry.specs()})

    @router.get("/{name}", openapi_extra=docs.answering("200", _OBJECT))
    async def show(name: str) -> Response:
        """Describe a tool: schemas, effects, time limit and retries."""
        return _json(known(name))

    @router.get("/{name}/versions", openapi_extra=docs.answering("200", _OBJECT))
    async def versions(name: str) -> Response:
        """List a tool's versions, newest first."""
        spec = known(name)
        found = (registry.find(name, version) for version in registry.versions(name))
        return _json({"name": spec.name, "items": [contract.spec for contract in found if contract]})

    @router.get("/{name}/metrics", openapi_extra=docs.answering("200", _OBJECT))
    async def metrics(name: str) -> Response:
        """Tell how a tool has fared in this process."""
        figures = registry.figures(known(name).name)
        last = figures["last_used"]
        return _json({**figures, "name": name, "last_used": None if last is None else timestamp(last)})

    return router


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
