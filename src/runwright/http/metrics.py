"""The figures of this process, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.http.parts import parts_of
from runwright.http.plain import PlainRoute
from runwright.http.problems import Refusal
from runwright.http.surroundings import comes_from

router = APIRouter(tags=["health"], route_class=PlainRoute)


@router.get(
    "/metrics",
    openapi_extra={"responses": {"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}},
)
async def metrics(request: Request) -> Response:
    """Show the figures of this process to who calls from a network of RUNWRIGHT_METRICS_ALLOW."""
    page = parts_of(request).metrics
    if page is None:
        raise Refusal("not_found", "nobody counts in this process")
    if not comes_from(page.allow, request.scope):
        raise Refusal("forbidden", "metrics are shown to the networks of RUNWRIGHT_METRICS_ALLOW only")
    await page.refresh()
    return Response(page.text(), media_type=page.media_type)
