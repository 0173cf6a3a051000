"""The web page and the API's documentation, with all their assets from here: no other host is asked."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.http.edge import PAGE_POLICY
from runwright.http.plain import PlainRoute
from runwright.http.problems import Refusal

_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


router = APIRouter(include_in_schema=False, route_class=PlainRoute)
folder = files("runwright") / "web"
assets = {f.name: f.read_bytes() for f in folder.iterdir() if f.name.endswith(tuple(_MEDIA))}


def asset(name: str) -> Response:
    if name not in assets:
        raise Refusal("not_found", "there is nothing at this path")
    media = _MEDIA["." + name.rpartition(".")[2]]
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
    return Response(assets[name], 200, headers, media)


@router.get("/")
async def index(request: Request) -> Response:
    return asset("index.html")


@router.get("/api/docs")
async def reference(request: Request) -> Response:
    return asset("docs.html")


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    return asset(name)
