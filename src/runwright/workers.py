"""The worker: a process that carries out runs and takes no requests."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from runwright import leaving, logs
from runwright.adapters.metrics_prometheus import PrometheusMetrics
from runwright.bootstrap import application
from runwright.core.errors import Invalid
from runwright.crash_points import crash_here
from runwright.observers import observers
from runwright.readings import read_by
from runwright.settings import Settings
from runwright.settings_sources import secrets_of
from runwright.version import VERSION

log = structlog.get_logger("runwright.worker")


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
    return leaving.run(_work(settings))


def _shown(metrics: PrometheusMetrics, settings: Settings) -> Callable[[], None]:
    host, port = settings.worker_metrics_host, settings.worker_metrics_port or 0
    try:
        return metrics.serve(host, port)
    except OSError as error:
        raise Invalid(
            f"metrics cannot be shown on {host}:{port}: {error.strerror}",
            hint="choose another --metrics-port",
        ) from error


async def _work(settings: Settings) -> int:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    async with AsyncExitStack() as stack:
        looking_on = stack.enter_context(
            observers(settings, counting=settings.worker_metrics_port is not None)
        )
        app = await stack.enter_async_context(application(settings, observers=looking_on))
        reading = read_by(app)
        if looking_on.metrics is not None:
            stack.callback(loop.create_task(reading.keep()).cancel)
            stack.callback(_shown(looking_on.metrics, settings))

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
