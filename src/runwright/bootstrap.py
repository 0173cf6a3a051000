"""The composition root: the only file that names adapters and puts the parts together."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import uuid_utils
from anyio import CapacityLimiter

from runwright.adapters import sqlite, tools_python
from runwright.adapters.file_lock import Lock
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.live_local import LocalFeed
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.adapters.todos_sqlite import SqliteTodos
from runwright.core.declare import DeclaredTool
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import PlanId, RunId
from runwright.core.policy import Limits
from runwright.planning.pipeline import Pipeline
from runwright.runtime.engine import Engine
from runwright.runtime.registry import Registry
from runwright.runtime.service import Service
from runwright.runtime.worker import Worker
from runwright.settings import Settings
from runwright.tools.builtin import builtin_tools
from runwright.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts of a running Runwright, for the entrances to use."""

    settings: Settings
    service: Service
    worker: Worker
    engine: Engine
    pipeline: Pipeline
    registry: Registry
    lock: Lock
    writer: sqlite.Writer
    reader: sqlite.Reader

    def health(self) -> dict[str, Any]:
        """Return how every part is; `status` is `ok` when requests should be sent here."""
        try:
            self.reader.rows("SELECT 1")
            journal = self.writer.trouble or "ok"
        except JournalUnavailable as error:
            journal = error.message
        ready = journal == "ok" and not self.worker.draining
        return {
            "status": "ok" if ready else "draining" if self.worker.draining else "unavailable",
            "version": VERSION,
            "parts": {
                "journal": {
                    "status": journal,
                    "store": "sqlite",
                    "library": apsw.sqlite_lib_version(),
                    "commits": self.writer.commits,
                    "writes_waiting": self.writer.waiting,
                },
                "worker": {"in_hand": self.worker.in_hand, "waiting": self.worker.waiting},
                "planner": {"source": "rules", "model": None},
                "tools": {"count": len(self.registry.names())},
            },
        }


@asynccontextmanager
async def application(
    settings: Settings, tools: Sequence[DeclaredTool] = (), *, take_up: bool = True
) -> AsyncIterator[Application]:
    """Yield a running Runwright on its SQLite file.

    take_up  carry on the runs that were not over; a process that will not stay leaves them to one that does
    tools    beside the built-in ones, those of the settings and those of installed packages
    Raises   DatabaseInUse, JournalUnavailable, Invalid for tools that cannot be used
    """
    path = settings.database_path
    make_folder(path)
    lock = Lock(path)
    try:
        app = _compose(settings, path, lock, tools)
        try:
            if take_up:
                await app.worker.start()
            yield app
        finally:
            await app.worker.drain(settings.drain_grace_s)
            # the last connection to close puts the write-ahead log into the file, and a reader could not
            app.reader.close()
            await app.writer.close()
    finally:
        lock.release()


def _compose(settings: Settings, path: Path, lock: Lock, tools: Iterable[DeclaredTool]) -> Application:
    writer = sqlite.Writer(
        path,
        inline_max_s=settings.commit_inline_ms_max / 1_000,
        waiting_max=settings.writes_waiting_max,
    )
    writer.migrate()
    reader = sqlite.Reader(path)
    registry = registry_of(settings, (*builtin_tools(SqliteTodos(writer, reader, time.time)), *tools))
    limits = limits_of(settings)
    pipeline = Pipeline(registry, limits, lambda: PlanId(f"plan_{uuid_utils.uuid7().hex}"))
    engine = Engine(
        journal=SqliteJournal(writer, reader),
        feed=LocalFeed(),
        planner=pipeline,
        registry=registry,
        limits=limits,
        threads=CapacityLimiter(settings.tool_threads_max),
        now_s=time.time,
        jitter=random.random,
        grace_s=settings.tool_grace_s,
    )
    worker = Worker(
        engine,
        name=f"{socket.gethostname()}:{os.getpid()}",
        runs_at_once_max=settings.runs_at_once_max,
    )
    service = Service(
        engine,
        worker,
        lambda: RunId(f"run_{uuid_utils.uuid7().hex}"),
        check=pipeline.problems,
        prompt_bytes_max=settings.prompt_bytes_max,
        deadline_s_max=settings.run_deadline_s_max,
        waiting_runs_max=settings.waiting_runs_max,
        page_bytes_max=settings.page_bytes_max,
    )
    return Application(
        settings=settings,
        service=service,
        worker=worker,
        engine=engine,
        pipeline=pipeline,
        registry=registry,
        lock=lock,
        writer=writer,
        reader=reader,
    )


def registry_of(settings: Settings, tools: Iterable[DeclaredTool]) -> Registry:
    """Return the registry with the given tools, those of the settings and those of installed packages.

    Raises   Invalid, naming the tool or the file
    """
    registry = Registry(contract)
    for tool in tools:
        registry.add(tool)
    for path in settings.tools:
        for tool in tools_python.load(path):
            registry.add(tool)
    for tool in tools_python.entry_points():
        registry.add(tool)
    return registry


def limits_of(settings: Settings) -> Limits:
    """Return the bounds of runs that the settings ask for."""
    return Limits(
        steps_max=settings.plan_steps_max,
        input_bytes_max=settings.input_bytes_max,
        output_bytes_max=settings.output_bytes_max,
        run_bytes_max=settings.run_bytes_max,
        json_depth_max=settings.json_depth_max,
        deadline_s=settings.run_deadline_s,
        steps_at_once_max=settings.steps_at_once_max,
        crashes_max=settings.step_crashes_max,
        events_max=settings.run_events_max,
    )


def make_folder(path: Path) -> None:
    """Make the folder of a database file where there is none.

    Raises   JournalUnavailable, saying why it cannot be made
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnavailable(
            f"the folder {path.parent} for the database cannot be made: {error.strerror}",
            hint="set RUNWRIGHT_DATABASE_URL to a file in a folder that you may write",
        ) from error
