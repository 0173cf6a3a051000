"""A running Runwright whose prompts go to a scripted model, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2
import msgspec

from runwright.bootstrap import Application, application
from runwright.core.codec import EMPTY, verified
from runwright.core.declare import DeclaredTool
from runwright.core.events import Draft, Event, Fact
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply, Script


class Serving(NamedTuple):
    app: Application
    server: ModelServer

    async def run(self, prompt: str, draft: Draft | None = None, **more: Any) -> dict[str, Any]:
        """The run object of a prompt once it is over or waits for somebody."""
        submitted = await self.app.service.submit(DEFAULT_TENANT, NewRun(prompt, draft, **more))
        run = await self.app.service.settled(DEFAULT_TENANT, submitted.run.run_id, 120.0)
        return self.app.service.shown(run)

    async def events(self, run: dict[str, Any]) -> list[Event]:
        history = await self.app.engine.journal.history(DEFAULT_TENANT, RunId(run["run_id"]))
        return list(verified(history.records, EMPTY, history.tip))

    async def facts(self, run: dict[str, Any], kind: type[Fact]) -> list[Any]:
        return [event.fact for event in await self.events(run) if isinstance(event.fact, kind)]


@asynccontextmanager
async def serving(
    settings: Settings, script: Script | Sequence[Reply], tools: Sequence[DeclaredTool] = (), **changed: Any
) -> AsyncIterator[Serving]:
    """Yield a Runwright and the model's server; `changed` settings are those of the test."""
    async with ModelServer(script) as server:
        own = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "m", **changed})
        async with application(own, tools) as app:
            yield Serving(app, server)


@asynccontextmanager
async def client_of(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of the HTTP API in the same process."""
    from runwright.asgi import parts_of
    from runwright.http.app import http_app

    transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as opened:
        yield opened


def calculation(expression: str) -> dict[str, Any]:
    return {"tool_name": "calculator", "tool_input": {"expression": expression}}


def as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
