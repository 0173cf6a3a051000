"""The HTTP application: routes, the one place for refusals, and the edge around all of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from runwright.core.errors import RunwrightError
from runwright.http import docs, health, metrics, pages, plans, runs, stream, tickets, tools
from runwright.http.edge import Edge
from runwright.http.parts import Parts
from runwright.http.plain import PlainApi
from runwright.http.problems import Refusal, answer, refusal_of
from runwright.version import VERSION

_OF_STATUS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


def http_app(parts: Parts) -> ASGIApp:
    """Return the ASGI application."""
    app = PlainApi(
        title="Runwright",
        version=VERSION,
        summary="A prompt becomes a checked plan, carried out durably and in parallel.",
        openapi_url="/api/openapi.json",
        openapi_tags=docs.TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"operation_spans": False, "logs": False},
    )
    app.state.parts = parts
    # before the routes of runs: `/runs/stream` is not the run named `stream`
    for part in (stream, runs, plans, tools, tickets, health, metrics, pages):
        app.include_router(part.router)

    @app.exception_handler(RunwrightError)
    async def _(request: Request, error: RunwrightError) -> Response:
        return answer(request, refusal_of(error))

    @app.exception_handler(Refusal)
    async def _(request: Request, refusal: Refusal) -> Response:
        return answer(request, refusal)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        code = _OF_STATUS.get(error.status_code, "bad_request")
        response = answer(request, Refusal(code, _said(code, request)))
        if code == "method_not_allowed":
            response.headers["Allow"] = ", ".join(_allowed(app, request))
        return response

    _describe(app)
    return Edge(
        app,
        parts.gate,
        parts.audit,
        parts.around,
        parts.draining,
        wait_s_max=parts.requests_wait_s_max,
        tracks=parts.tracks,
    )


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """The methods that the path is there for, of all routes that have it."""
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

    def serves(method: str) -> bool:
        # a HEAD is answered as GET is
        scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)

    return [method for method in methods if serves(method)]


def _said(code: str, request: Request) -> str:
    if code == "method_not_allowed":
        return f"{request.method[:20]} is not possible here"
    return "there is nothing at this path" if code == "not_found" else "the request cannot be read"


def _describe(app: FastAPI) -> None:
    """Let the OpenAPI document say what is really taken and answered."""
    made = app.openapi

    def described() -> dict[str, Any]:
        return docs.completed(made())

    app.openapi = described  # type: ignore[method-assign]
