"""The composition root: what puts the parts together; with `stores`, all that names adapters."""

from __future__ import annotations

import os
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import uuid_utils

from runwright import bounds, stores
from runwright.adapters import tools_python
from runwright.adapters.http_outbound import outbound_client
from runwright.adapters.live_local import LocalFeed
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.caretaking import caretaker_of
from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid
from runwright.core.ids import PlanId, RunId
from runwright.core.outbound import OutboundRules
from runwright.core.policy import Limits
from runwright.core.tool import ToolContract, ToolSpec
from runwright.crash_points import crash_here
from runwright.isolation.places import place_of, refuse_while_loading
from runwright.isolation.processes import HostedProcesses
from runwright.news import news
from runwright.observers import NONE, Observers
from runwright.planning.pipeline import Pipeline
from runwright.runtime.audit_trail import DAY_S, AuditTrail
from runwright.runtime.engine import Engine, OpenHttp
from runwright.runtime.keyring import KeyRing
from runwright.runtime.lag import LagWatch
from runwright.runtime.registry import Registry
from runwright.runtime.service import Service
from runwright.runtime.threads import Threads
from runwright.runtime.upkeep import Caretaker
from runwright.runtime.worker import Worker
from runwright.settings import Settings
from runwright.stores import Store
from runwright.stores_redis import shared_redis, snapshots_of
from runwright.tools.builtin import builtin_tools

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis
    from runwright.models import Models


class Places(NamedTuple):
    """Where runs are kept, and where processes hear of each other."""

    store: Store
    redis: SharedRedis | None
    feed: LocalFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts of a running Runwright, for the entrances to use."""

    settings: Settings
    service: Service
    worker: Worker
    engine: Engine
    pipeline: Pipeline
    registry: Registry
    threads: Threads
    processes: HostedProcesses
    lag: LagWatch
    store: Store
    redis: SharedRedis | None
    models: Models | None
    ring: KeyRing
    audit: AuditTrail
    caretaker: Caretaker
    observers: Observers


@asynccontextmanager
async def application(
    settings: Settings,
    tools: Sequence[DeclaredTool] = (),
    *,
    take_up: bool = True,
    drives: bool = True,
    followed: bool = True,
    observers: Observers = NONE,
) -> AsyncIterator[Application]:
    """Yield a running Runwright on the store that the settings name.

    take_up  carry on the runs that were not over; a process that will not stay leaves them to one that does
    drives   else runs are only accepted, for other processes on the same database to drive
    followed   whether anybody follows runs here; else what other processes do is not listened to
    observers   hear of what happens in this process
    tools    beside the built-in ones, those of the settings and those of installed packages
    Raises   DatabaseInUse, JournalUnavailable, Invalid for tools that cannot be used
    """
    if not drives and not settings.postgres_url:
        raise Invalid(
            "other processes can carry out the runs of a PostgreSQL database only",
            hint="set RUNWRIGHT_DATABASE_URL to postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    refuse_while_loading()
    workers: list[Worker] = []

    def unclaimed(run_id: RunId) -> None:
        for worker in workers:
            if worker.drives:  # the run may be born in its name: then nobody else takes it
                worker.take(run_id)
            else:
                worker.wake(run_id)

    async with (
        shared_redis(settings) as redis,
        stores.opened(settings, unclaimed, observers.committed) as store,
    ):
        feed = LocalFeed()
        registry = registry_of(settings, (*builtin_tools(store.todos), *tools))
        app = _compose(settings, Places(store, redis, feed), registry, observers, drives=drives)
        workers.append(app.worker)
        try:
            app.lag.start()
            await app.worker.start(take_up=take_up)
            if take_up and drives:
                app.caretaker.start()
            async with news(store, redis, feed, app.engine.snapshots, followed=followed):
                yield app
        finally:
            await app.caretaker.stop()
            await app.worker.drain(settings.drain_grace_s)
            await app.ring.close()
            await app.audit.close()
            await app.processes.aclose()
            if app.models is not None:
                await app.models.aclose()
            app.threads.close()
            app.lag.stop()
            crash_here("drain.before_close")


def _compose(
    settings: Settings, places: Places, registry: Registry, observers: Observers, *, drives: bool
) -> Application:
    store, redis, feed = places
    limits = bounds.limits_of(settings)
    threads = Threads(settings.tool_threads_max)
    processes = HostedProcesses(bounds.process_limits_of(settings), grace_s=settings.tool_grace_s)
    models = _models(settings, places, registry, limits)
    pipeline = Pipeline(
        registry,
        limits,
        lambda: PlanId(f"plan_{uuid_utils.uuid7().hex}"),
        models.planning if models else None,
    )

    def drives_it(run_id: RunId) -> bool:
        return worker.drive_of(run_id) is not None

    engine = Engine(
        journal=store.journal,
        dispatcher=store.dispatcher,
        feed=feed,
        planner=pipeline,
        registry=registry,
        limits=limits,
        threads=threads,
        processes=processes,
        now_s=time.time,
        jitter=random.random,
        grace_s=settings.tool_grace_s,
        http=_http(bounds.outbound_rules_of(settings)),
        snapshots=snapshots_of(settings, redis if store.is_shared else None, store.keys, drives_it),
        observe=observers.observe(),
    )
    worker = _worker(settings, store, engine, drives=drives)
    return Application(
        settings=settings,
        service=_service(settings, engine, worker, pipeline),
        worker=worker,
        engine=engine,
        pipeline=pipeline,
        registry=registry,
        threads=threads,
        processes=processes,
        lag=LagWatch(warn_s=settings.loop_lag_warn_ms / 1_000),
        store=store,
        redis=redis,
        models=models,
        caretaker=caretaker_of(settings, store),
        ring=KeyRing(store.keys, pepper_of(settings), time.time, engine.feed.ring_all),
        audit=AuditTrail(store.audit, time.time, settings.audit_days * DAY_S),
        observers=observers,
    )


def _service(settings: Settings, engine: Engine, worker: Worker, pipeline: Pipeline) -> Service:
    return Service(
        engine,
        worker,
        lambda: RunId(f"run_{uuid_utils.uuid7().hex}"),
        check=pipeline.problems,
        prompt_bytes_max=settings.prompt_bytes_max,
        budget=bounds.budget_of(settings),
        deadline_s_max=settings.run_deadline_s_max,
        waiting_runs_max=settings.waiting_runs_max,
        page_bytes_max=settings.page_bytes_max,
    )


def _http(rules: OutboundRules) -> OpenHttp:
    return lambda key, deadline_s, blocking, traceparent: outbound_client(
        rules, key, deadline_s, blocking=blocking, traceparent=traceparent
    )


def _models(settings: Settings, places: Places, registry: Registry, limits: Limits) -> Models | None:
    """The language models that the settings name; None: prompts are planned by rules alone."""
    if not (settings.llm_base_url or settings.llm_model):
        return None
    from runwright.models import models_of

    return models_of(settings, places.redis, registry, limits, places.store.tenants)


def pepper_of(settings: Settings) -> bytes | None:
    """Return the pepper that the settings name; None: the store has its own."""
    return settings.key_pepper.get_secret_value().encode() or None


def _worker(settings: Settings, store: Store, engine: Engine, *, drives: bool) -> Worker:
    at_once_max = 0 if settings.tenant_runs_cluster_max else settings.tenant_runs_at_once_max
    return Worker(
        engine,
        name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        runs_at_once_max=settings.runs_at_once_max if drives else 0,
        tenant_runs_max=at_once_max if store.is_shared else float("inf"),
    )


def registry_of(settings: Settings, tools: Iterable[DeclaredTool]) -> Registry:
    """Return the registry with the given tools, those of the settings and those of installed packages.

    Raises   Invalid, naming the tool or the file
    """
    limits = bounds.process_limits_of(settings)

    def limited(spec: ToolSpec) -> ToolContract:
        bounds.check_timeout(spec, settings.tool_timeout_s_max)
        return contract(bounds.with_limits(spec, limits))

    registry = Registry(limited)
    loaded = (tool for path in settings.tools for tool in tools_python.load(path))
    for tool in chain(tools, loaded, tools_python.entry_points()):
        if tool.spec.isolation == "process":
            place_of(tool)
        registry.add(tool)
    return registry
