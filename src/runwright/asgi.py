"""The server: API and page, with a worker in the same process or with workers in others."""

from __future__ import annotations

import asyncio
import resource
import select
import socket
from functools import partial
from ipaddress import ip_network
from types import FrameType
from typing import Any, cast

import uvicorn

from runwright import leaving, logs, staying
from runwright.adapters.metrics_prometheus import CONTENT_TYPE
from runwright.administration import administered
from runwright.bootstrap import Application, application
from runwright.core.errors import Invalid
from runwright.crash_points import crash_here
from runwright.health import told
from runwright.http.access import LOOPBACK_NAMES, Gate
from runwright.http.app import http_app
from runwright.http.connections import SocketConnection
from runwright.http.doorstep import Doorstep, Entrance
from runwright.http.lines import Lines
from runwright.http.parts import MetricsPage, Parts, Streams
from runwright.http.reading import Bodies
from runwright.http.room import Room, Unread
from runwright.http.surroundings import Surroundings
from runwright.http.tracks import Tracks
from runwright.listening import BACKLOG, address_of, listener
from runwright.log import Log
from runwright.observers import Observers, observers
from runwright.rate_limits import rate_limits
from runwright.readings import of_lines, of_streams, read_by
from runwright.runtime.stream import Followers
from runwright.settings import Settings
from runwright.settings_sources import secrets_of
from runwright.version import VERSION

log = Log("runwright.server")

HEADER_BYTES_MAX = 64 * 1024
IDLE_CONNECTION_S = 30
CONNECTIONS_MAX = 10_000
FILES_OF_WORK = BACKLOG + 1_000  # many are accepted at once, before anybody can look whether there is room
FILES_MAX = CONNECTIONS_MAX + FILES_OF_WORK
LINGER_S = 0.25  # for requests that are on their way while the server stops to listen
LOOKS_MAX = 6  # so often longer for clients that have connected and said nothing yet


class Server(uvicorn.Server):
    """A uvicorn server that tells the runtime of its end at once, and exits 0 after a drain."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self._application, self._loop = app, asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._drain)
        super().handle_exit(sig, frame)

    def _drain(self) -> None:
        self._application.worker.let_go()
        self._application.engine.feed.ring_all()
        crash_here("drain.after_signal")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stop_listening(sockets or [])
        if self.server_state.connections:
            # uvicorn closes those that are idle at once, with whatever is on its way to them; until then
            # every answer tells its client to come back on another connection
            await asyncio.sleep(LINGER_S)
            for _ in range(LOOKS_MAX):
                if not any(getattr(one, "cycle", one) is None for one in self.server_state.connections):
                    break  # nobody has connected whose first request is still to come
                await asyncio.sleep(LINGER_S)
        await super().shutdown(sockets)
        if not self.force_exit:
            self._captured_signals.clear()  # else uvicorn raises the signal again: 143 instead of 0

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Take the connections that wait already: the system would reset them, with their requests."""
        for _ in range(BACKLOG):
            if not select.select(sockets, (), (), 0)[0]:
                break
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()


def serve(settings: Settings, *, drives: bool = True) -> int:
    """Serve until a signal asks for the end; return the exit status.

    drives   carry out runs too; else that is left to workers in other processes
    Raises   Invalid, DatabaseInUse, JournalUnavailable when the server cannot start
    """
    logs.configure(
        settings.log_level,
        settings.log_format,
        secrets=secrets_of(settings),
        repeats_max=settings.log_repeats_max,
    )
    staying.tune_collector()
    return leaving.run(_serve(settings, drives=drives), staying.loop_factory())


def _connections_max() -> int:
    """Return how many connections there may be, such that files are left for runs.

    A connection is an open file, and many systems allow 1,024 of them where nobody asks for more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(CONNECTIONS_MAX, max(wanted // 2, wanted - FILES_OF_WORK))


async def _serve(settings: Settings, *, drives: bool) -> int:
    if not _is_loopback(settings.host):
        await _refuse_without_keys(settings)
    bound = listener(settings.host, settings.port, option="--port")
    with observers(settings, counting=True) as looking_on:
        return await _served(settings, looking_on, bound, drives=drives)


async def _served(settings: Settings, looking_on: Observers, bound: socket.socket, *, drives: bool) -> int:
    port, address = bound.getsockname()[1], address_of(bound, settings.host)
    async with application(settings, drives=drives, observers=looking_on) as app:
        parts = parts_of(app, port)
        paced: dict[str, Any] = {
            "stall_s": settings.stream_stall_s,
            "unread": Unread(settings.unread_bytes_max),
            "told": parts.streams.one_let_go,
        }
        patience_s = {"head": settings.request_head_s, "body": settings.request_body_s}
        config = uvicorn.Config(
            http_app(parts),
            http=cast(
                "Any",
                partial(
                    Entrance,
                    **paced,
                    patience_s=patience_s,
                    room=Room(_connections_max()),
                    doorstep=Doorstep(parts.lines, parts.ring, parts.draining),
                ),
            ),
            ws=cast("Any", partial(SocketConnection, **paced)),
            ws_per_message_deflate=False,
            ws_max_size=64 * 1024,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            # what is too much is refused at the edge, in words; this counts ended requests for a while, too
            limit_concurrency=2 * CONNECTIONS_MAX,
            timeout_keep_alive=IDLE_CONNECTION_S,
            timeout_graceful_shutdown=max(1, int(settings.drain_grace_s)),
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            lifespan="off",
        )
        server = Server(config, app)
        app.store.announce(address)
        log.info("server.listening", address=address, version=VERSION)
        await app.ring.refresh()
        if not app.ring.in_use:
            log.info("server.keyless", note="no API keys: only this computer may call, as tenant `default`")
        if app.models is None:
            log.info("planner.rules", note="no model is configured: prompts are planned by rules alone")
        else:
            log.info("planner.model", model=settings.llm_model, judge=settings.judge)
        await server.serve(sockets=[bound])
        app.store.announce(None)
    log.info("server.stopped")
    return 0


def _is_loopback(host: str) -> bool:
    return host in LOOPBACK_NAMES | {"::1"}


async def _refuse_without_keys(settings: Settings) -> None:
    async with administered(settings) as store:
        if await store.keys.version() == 0:
            raise Invalid(
                f"there is no API key, so the server listens on this computer only, not on {settings.host}",
                hint="make one with `runwright keys create --tenant NAME`, or use --host 127.0.0.1",
            )


def parts_of(app: Application, port: int | None) -> Parts:
    """Return what the HTTP layer needs of a running application."""
    settings = app.settings
    around = Surroundings(
        proxies=tuple(map(ip_network, settings.trusted_proxies)),
        origins=frozenset(settings.cors_origins),
        docs=tuple(map(ip_network, settings.docs_allow)),
    )
    streams = Streams(settings.streams_max, settings.streams_per_key_max)
    lines = Lines(settings.creations_at_work_max, settings.creations_waiting_max)
    return Parts(
        service=app.service,
        registry=app.registry,
        followers=Followers(app.engine.journal, app.engine.feed, settings.stream_heartbeat_s),
        health=lambda in_full: told(app, in_full=in_full),
        draining=lambda: app.worker.draining,
        ring=app.ring,
        gate=Gate(
            app.ring,
            rate_limits(settings, app.redis),
            around,
            lambda: port,
            keyless=_is_loopback(settings.host),
            wrong_keys_max=settings.wrong_keys_per_minute_max,
        ),
        audit=app.audit,
        around=around,
        bodies=Bodies(settings.bodies_bytes_max),
        body_bytes_max=settings.body_bytes_max,
        json_depth_max=settings.json_depth_max,
        request_wait_s_max=settings.request_wait_s_max,
        lines=lines,
        requests_wait_s_max=settings.requests_wait_s_max,
        create_hold_s=settings.create_hold_ms / 1_000,
        streams=streams,
        metrics=_metrics_page(app, streams, lines),
        tracks=_tracks(app),
    )


def _tracks(app: Application) -> Tracks:
    ratio = 0.0 if app.observers.traces is None else app.settings.trace_sample_ratio
    return Tracks(app.observers.answered, ratio)


def _metrics_page(app: Application, streams: Streams, lines: Lines) -> MetricsPage | None:
    metrics = app.observers.metrics
    if metrics is None:
        return None
    allow = tuple(map(ip_network, app.settings.metrics_allow))
    asked = read_by(app)
    metrics.readers += [partial(of_streams, streams), partial(of_lines, lines)]
    return MetricsPage(refresh=asked.refresh, text=metrics.text, media_type=CONTENT_TYPE, allow=allow)
