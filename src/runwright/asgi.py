"""The server: one process with API, page and worker."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from importlib import import_module
from types import FrameType

import structlog
import uvicorn

from runwright import leaving, logs
from runwright.bootstrap import Application, application
from runwright.core.errors import Invalid
from runwright.http.app import http_app
from runwright.http.edge import LOOPBACK_NAMES
from runwright.http.parts import Parts, Streams
from runwright.settings import Settings
from runwright.version import VERSION

log = structlog.get_logger("runwright.server")

HEADER_BYTES_MAX = 64 * 1024
IDLE_CONNECTION_S = 30
CONNECTIONS_MAX = 10_000
BACKLOG = 2_048  # connections that wait to be accepted


class Server(uvicorn.Server):
    """A uvicorn server that tells the runtime of its end at once, and exits 0 after a drain."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self._application, self._loop = app, asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._drain)
        super().handle_exit(sig, frame)

    def _drain(self) -> None:
        self._application.worker.draining = True
        self._application.engine.feed.ring_all()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if not self.force_exit:
            self._captured_signals.clear()  # else uvicorn raises the signal again: 143 instead of 0


def serve(settings: Settings) -> int:
    """Serve until a signal asks for the end; return the exit status.

    Raises   Invalid, DatabaseInUse, JournalUnavailable when the server cannot start
    """
    if settings.host not in LOOPBACK_NAMES | {"::1"}:
        raise Invalid(
            f"no API key is configured, so the server listens on this computer only, not on {settings.host}",
            hint="use --host 127.0.0.1, and reach it from elsewhere through a proxy that authenticates",
        )
    logs.configure(settings.log_level, settings.log_format)
    _tune_collector()
    return leaving.run(_serve(settings), _loop_factory())


def _tune_collector() -> None:
    """What is loaded by now stays for good; young runs live longer than the default expects of objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop where it can be had; None: the standard one."""
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(settings: Settings) -> int:
    listener = _listener(settings.host, settings.port)
    port = listener.getsockname()[1]
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{name}:{port}"
    async with application(settings) as app:
        config = uvicorn.Config(
            http_app(parts_of(app, port)),
            http="h11",
            ws_per_message_deflate=False,
            ws_max_size=64 * 1024,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=IDLE_CONNECTION_S,
            timeout_graceful_shutdown=max(1, int(settings.drain_grace_s)),
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            lifespan="off",
        )
        server = Server(config, app)
        app.lock.announce(address)
        log.info("server.listening", address=address, version=VERSION)
        log.info("server.keyless", note="no API keys: only this computer may call, as tenant `default`")
        log.info("planner.rules", note="no model is configured: prompts are planned by rules alone")
        await server.serve(sockets=[listener])
        app.lock.announce(None)
    log.info("server.stopped")
    return 0


def parts_of(app: Application, port: int | None) -> Parts:
    """Return what the HTTP layer needs of a running application."""
    settings = app.settings
    return Parts(
        service=app.service,
        registry=app.registry,
        journal=app.engine.journal,
        feed=app.engine.feed,
        health=app.health,
        draining=lambda: app.worker.draining,
        own_port=lambda: port,
        body_bytes_max=settings.body_bytes_max,
        json_depth_max=settings.json_depth_max,
        request_wait_s_max=settings.request_wait_s_max,
        create_hold_s=settings.create_hold_ms / 1_000,
        stream_heartbeat_s=settings.stream_heartbeat_s,
        streams=Streams(settings.streams_max),
    )


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket, so that the port is known before anything is announced."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Invalid(
            f"the server cannot listen on {host}:{port}: {error.strerror}", hint="choose another --port"
        ) from error
    listener.set_inheritable(False)
    return listener
