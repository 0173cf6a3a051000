"""The figures of a process that nobody counts: they are read when somebody asks for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import get_args

from runwright.adapters.metrics_prometheus import Reading
from runwright.bootstrap import Application
from runwright.core.breaker import BreakerStatus
from runwright.core.errors import JournalUnavailable
from runwright.health import oldest_waiting_s
from runwright.stores import PostgresStore

ASK_S_MAX = 2.0


class Asked:
    """Figures that have to be asked for: of the store, and of breakers that are shared."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._told: tuple[Reading, ...] = ()

    def read(self) -> Iterable[Reading]:
        """Return what was told the last time."""
        return self._told

    async def refresh(self) -> None:
        """Ask, for `ASK_S_MAX` at most; who does not answer keeps nobody from the other figures."""
        told: list[Reading] = []
        with suppress(TimeoutError, JournalUnavailable):
            async with asyncio.timeout(ASK_S_MAX):
                await self._ask(told)
        self._told = tuple(told)

    async def _ask(self, told: list[Reading]) -> None:
        app = self._app
        waits_s = await oldest_waiting_s(app)
        told.append(_gauge("oldest_waiting_run_seconds", "age of the oldest run that waits", waits_s or 0.0))
        if isinstance(app.store, PostgresStore):
            told.append(_gauge("workers_alive", "workers that share the database", app.store.sharing.workers))
        if app.models is not None:
            states = [(model.name, (await model.figures())["breaker"]) for model in app.models.all]
            told.append(
                Reading(
                    "breaker_state",
                    "1 for the status that the breaker of a model is in",
                    "gauge",
                    ("model", "status"),
                    tuple(
                        ((name, status), float(status == now))
                        for name, now in states
                        for status in get_args(BreakerStatus)
                    ),
                )
            )


def read_by(app: Application) -> Asked:
    """Let the metrics of a process show what can be read off its parts, and what is asked for."""
    asked = Asked(app)
    if app.observers.metrics is not None:
        app.observers.metrics.readers[:] = [partial(readings, app), asked.read]
    return asked


def streams_open(streams: int) -> Iterator[Reading]:
    """Yield how many streams of events are open."""
    yield _gauge("streams_open", "streams of events that are open", streams)


def readings(app: Application) -> Iterator[Reading]:
    """Yield what can be read off the parts of a running Runwright, without asking a store."""
    worker, store, lag = app.worker, app.store, app.lag.figures()
    yield _gauge("runs_in_hand", "runs that this process drives", worker.in_hand)
    yield _gauge("runs_waiting", "runs that wait for room in this process", worker.waiting)
    yield _counter("claims_lost_total", "runs that another process took over", worker.claims_lost)
    yield _gauge("draining", "1 while the process is shutting down", worker.draining)
    yield _counter("journal_commits_total", "commits to the store", store.commits)
    yield _gauge("writes_waiting", "writes that wait for the store", store.writes_waiting)
    late_s = ((("last",), lag.last_ms), (("p99",), lag.p99_ms), (("max",), lag.max_ms))
    yield Reading(
        "event_loop_lag_seconds",
        "how late timers of the event loop went off over the last minute",
        "gauge",
        ("of",),
        tuple((names, late_ms / 1_000) for names, late_ms in late_s),
    )
    yield _counter("event_loop_holds_total", "times that the loop was held too long", lag.holds)
    yield _gauge("tool_threads_busy", "threads with a tool at work", app.threads.busy)
    yield _gauge("tool_threads_hung", "threads of tools that did not end in time", app.threads.hung)
    yield _gauge("tool_threads_max", "threads for tools", app.threads.threads_max)
    yield _gauge("tool_processes_busy", "processes with a tool at work", app.processes.busy)
    yield _gauge("tool_processes_max", "processes for tools", app.processes.processes_max)


def _gauge(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "gauge", (), (((), float(value)),))


def _counter(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "counter", (), (((), float(value)),))
