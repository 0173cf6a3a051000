"""The worker: a process that carries out runs and takes no requests but those of probes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from runwright import leaving, logs, staying
from runwright.adapters.metrics_prometheus import CONTENT_TYPE, PrometheusMetrics
from runwright.bootstrap import Application, application
from runwright.core.errors import Invalid
from runwright.crash_points import crash_here
from runwright.health import told
from runwright.http.connections import HttpConnection
from runwright.http.probes import probes
from runwright.http.room import Room, Unread
from runwright.listening import address_of, listener
from runwright.observers import observers
from runwright.readings import Asked, read_by
from runwright.settings import Settings
from runwright.settings_sources import secrets_of
from runwright.version import VERSION

log = structlog.get_logger("runwright.worker")

PROBERS_MAX = 100  # connections; more are refused
PROBE_BYTES_MAX = 16 * 1024


class Probed:
    """What is told of a worker, from before it has started until it has ended."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics
        self._started: tuple[Application, Asked] | None = None

    def has_started(self, app: Application) -> None:
        self._started = app, read_by(app)

    async def ready(self) -> dict[str, Any]:
        """Return whether the worker takes up runs: it has started, is not draining, and the store answers."""
        if self._started is None:
            return {"status": "starting"}
        app, _ = self._started
        # not asked of the store, which is closed at the end of a drain
        return {"status": "draining"} if app.worker.draining else await told(app, in_full=False)

    async def figures(self) -> bytes:
        """Return the metrics; what has to be asked for is that of the last time while the worker drains."""
        if self._started is not None and not self._started[0].worker.draining:
            await self._started[1].refresh()
        return self._metrics.text()


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def work(settings: Settings) -> int:
    """Carry out runs until a signal asks for the end; return the exit status.

    Raises   Invalid, JournalUnavailable when the worker cannot start
    """
    if not settings.postgres_url:
        raise Invalid(
            "a worker needs a PostgreSQL database; one process alone drives a SQLite file",
            hint="set RUNWRIGHT_DATABASE_URL to postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    logs.configure(
        settings.log_level,
        settings.log_format,
        secrets=secrets_of(settings),
        repeats_max=settings.log_repeats_max,
    )
    staying.tune_collector()
    return leaving.run(_work(settings), staying.loop_factory())


async def _work(settings: Settings) -> int:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    async with AsyncExitStack() as stack:
        looking_on = stack.enter_context(
            observers(settings, counting=settings.worker_metrics_port is not None)
        )
        probed = None if looking_on.metrics is None else Probed(looking_on.metrics)
        if probed is not None:  # first, so that it is the last to go
            app_of_probes = probes(probed.ready, probed.figures, CONTENT_TYPE)
            await stack.enter_async_context(_answering(app_of_probes, settings))
        app = await stack.enter_async_context(application(settings, followed=False, observers=looking_on))
        if probed is not None:
            probed.has_started(app)

        def end() -> None:
            app.worker.let_go()
            crash_here("drain.after_signal")
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        log.info("worker.working", name=app.worker.name, version=VERSION)
        await asked.wait()
    log.info("worker.stopped")
    return 0


@asynccontextmanager
async def _answering(app: ASGIApp, settings: Settings) -> AsyncIterator[None]:
    """Have probes answered, by the loop that carries out runs: where it stands still, they are not."""
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    assert port is not None
    bound = listener(host, port, option="--metrics-port")
    patience_s = {"head": settings.request_head_s, "body": settings.request_body_s}
    config = uvicorn.Config(
        app,
        http=cast(
            "Any",
            partial(
                HttpConnection,
                room=Room(PROBERS_MAX - 1),
                stall_s=settings.stream_stall_s,
                unread=Unread(settings.unread_bytes_max),
                patience_s=patience_s,
            ),
        ),
        ws="none",
        h11_max_incomplete_event_size=PROBE_BYTES_MAX,
        limit_concurrency=PROBERS_MAX,
        timeout_graceful_shutdown=1,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        lifespan="off",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    log.info("worker.listening", address=address_of(bound, host))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
