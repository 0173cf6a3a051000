"""FastAPI declares and describes the routes; what it does for each request besides, nobody here needs."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class PlainRoute(APIRoute):
    """A route whose endpoint takes the request and what its path names, and makes the whole answer."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] in self.methods:
            response = await self.endpoint(Request(scope, receive, send), **scope["path_params"])
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


class PlainApi(FastAPI):
    """An application of plain routes: the edge bounds its requests, and answers for what breaks in it."""

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)
