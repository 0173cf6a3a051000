"""Runwright inside the program that is measured, as API.md §4 has it: given plans, one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from runwright import Runwright, Settings, tool
from runwright.bench.shapes import Shape, given_plan, work


class Library:
    """Runwright's public Python API as a subject."""

    def __init__(self, runtime: Runwright) -> None:
        self._runtime = runtime

    @property
    def commits(self) -> int:
        return self._runtime._running.store.commits

    async def run(self, name: str, shape: Shape) -> int:
        view = await self._runtime.run(plan=given_plan(shape))
        if view.status != "completed":
            raise RuntimeError(f"{name} ended {view.status}: {view.error}")
        entries = zip(shape, view.execution_log, strict=True)
        return sum(entry["output"] == {"step": step, "ok": True} for step, entry in entries)


@asynccontextmanager
async def library(database: Path | str) -> AsyncIterator[Library]:
    """Yield Runwright with the tool of the workloads on a database file, or at a database's address."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    settings = Settings(database_url=SecretStr(url))
    tools = [tool(name="work", effects="pure")(work)]
    async with Runwright(tools=tools, settings=settings) as runtime:
        yield Library(runtime)
