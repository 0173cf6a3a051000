"""The figures of a process that nobody counts: they are read when somebody asks for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import get_args

from runwright.adapters.metrics_prometheus import Reading
from runwright.bootstrap import Application
from runwright.core.breaker import BreakerStatus
from runwright.core.errors import RunwrightError
from runwright.health import oldest_waiting_s
from runwright.http.lines import Lines
from runwright.http.parts import Streams
from runwright.stores import PostgresStore

ASK_S_MAX = 2.0


class Asked:
    """Figures that have to be asked for: of the store, of Redis, and of breakers that are shared."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._told: tuple[Reading, ...] = ()

    def read(self) -> Iterable[Reading]:
        """Return what was told the last time."""
        return self._told

    async def refresh(self) -> None:
        """Ask, for `ASK_S_MAX` at most; who does not answer keeps nobody from the other figures."""
        told = await asyncio.gather(
            _within(_of_store(self._app), (_store_up(False),)),
            _within(_of_redis(self._app), (_redis_up(False),)),
            _within(_of_models(self._app), ()),
        )
        self._told = tuple(chain.from_iterable(told))


def read_by(app: Application) -> Asked:
    """Let the metrics of a process show what can be read off its parts, and what is asked for."""
    asked = Asked(app)
    if app.observers.metrics is not None:
        app.observers.metrics.readers[:] = [partial(readings, app), asked.read]
    return asked


async def _within(asked: Awaitable[Sequence[Reading]], otherwise: Sequence[Reading]) -> Sequence[Reading]:
    with suppress(TimeoutError, RunwrightError):
        async with asyncio.timeout(ASK_S_MAX):
            return await asked
    return otherwise


async def _of_store(app: Application) -> Sequence[Reading]:
    if await app.store.ping() != "ok":
        return (_store_up(False),)  # how many runs wait there is not known, which is not the same as none
    waits_s = await oldest_waiting_s(app)
    told = [
        _store_up(True),
        _gauge("oldest_waiting_run_seconds", "age of the oldest run that waits", waits_s or 0.0),
        _gauge(
            "runs_waiting_shared",
            "runs in the store that no process has in hand",
            sum(app.store.dispatcher.waiting.values()),
        ),
    ]
    if isinstance(app.store, PostgresStore):
        told.append(_gauge("workers_alive", "workers that share the database", app.store.sharing.workers))
    return told


async def _of_redis(app: Application) -> Sequence[Reading]:
    if app.redis is None:
        return ()
    from runwright.adapters.redis import RedisAway

    try:
        await app.redis.lag_ms()
    except RedisAway:
        return (_redis_up(False),)
    return (_redis_up(True),)


async def _of_models(app: Application) -> Sequence[Reading]:
    if app.models is None:
        return ()
    states = [(model.name, (await model.figures())["breaker"]) for model in app.models.all]
    values = tuple(
        ((name, status), float(status == now)) for name, now in states for status in get_args(BreakerStatus)
    )
    text = "1 for the status that the breaker of a model is in"
    return (Reading("breaker_state", text, "gauge", ("model", "status"), values),)


def _store_up(answers: bool) -> Reading:
    return _gauge("store_up", "1 while runs can be kept", answers)


def _redis_up(answers: bool) -> Reading:
    return _gauge("redis_up", "1 while Redis answers", answers)


def of_streams(streams: Streams) -> Iterator[Reading]:
    """Yield what is known of streams of events."""
    yield _gauge("streams_open", "streams of events that are open", streams.open)
    yield _gauge("streams_max", "streams of events that may be open", streams.most)
    yield _counter(
        "streams_let_go_total", "readers that were let go because they did not read", streams.let_go
    )


def of_lines(lines: Lines) -> Iterator[Reading]:
    """Yield how creations fare in a crowd."""
    yield _gauge("creations_waiting", "creations that wait for their turn", lines.waiting)
    yield _counter(
        "creations_refused_unread_total",
        "creations that were refused before they were read; they are in no other figure",
        lines.refused_unread,
    )


def readings(app: Application) -> Iterator[Reading]:
    """Yield what can be read off the parts of a running Runwright, without asking a store."""
    worker, store, lag = app.worker, app.store, app.lag.figures()
    yield _gauge("runs_in_hand", "runs that this process drives", worker.in_hand)
    at_once_max = app.settings.runs_at_once_max if worker.drives else 0
    yield _gauge("runs_in_hand_max", "runs that this process drives at most", at_once_max)
    yield _gauge("runs_waiting", "runs that wait for room in this process", worker.waiting)
    yield _gauge(
        "runs_waiting_max", "runs that may wait before more are refused", app.settings.waiting_runs_max
    )
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
    yield from _of_upkeep(app)
    if app.observers.traces is not None:
        yield _counter("spans_lost_total", "spans that no collector has taken", app.observers.traces.lost)
    if app.engine.snapshots is not None:
        of = app.engine.snapshots.figures()
        yield _counter("snapshots_written_total", "states of runs that were written to Redis", of["written"])
        yield _counter(
            "snapshots_refused_total", "states that were found in Redis and not ours", of["refused"]
        )


def _of_upkeep(app: Application) -> Iterator[Reading]:
    lags = tuple(((duty,), lag_s) for duty, lag_s in app.caretaker.lags_s.items())
    text = "since the beginning of the last look that came to its end, in the process that has the duty"
    yield Reading("upkeep_lag_seconds", text, "gauge", ("duty",), lags)
    yield _counter("runs_archived_total", "ended runs that were moved to the archive", app.caretaker.archived)
    yield _counter("audit_dropped_total", "entries that the audit trail had no room for", app.audit.dropped)


def _gauge(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "gauge", (), (((), float(value)),))


def _counter(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "counter", (), (((), float(value)),))
