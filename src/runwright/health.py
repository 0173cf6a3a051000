"""The truth about every part of a running Runwright."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runwright.bootstrap import Application
from runwright.core.codec import timestamp
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId
from runwright.stores import PostgresStore
from runwright.version import VERSION

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis


async def told(app: Application, *, in_full: bool) -> dict[str, Any]:
    """Return how every part is; `status` is `ok` when requests should be sent here.

    in_full   else only what tells whether requests should be sent here, and costs one look into the store
    """
    begun_s = time.perf_counter()
    journal = await app.store.ping()
    lag_ms = round((time.perf_counter() - begun_s) * 1_000, 3)
    ready = journal == "ok" and not app.worker.draining
    status = "ok" if ready else "draining" if app.worker.draining else "unavailable"
    shown: dict[str, Any] = {"status": status}
    # of a store that is away nobody knows who else lives there
    if journal == "ok" and isinstance(app.store, PostgresStore) and not app.store.sharing.workers:
        shown["note"] = "no worker is alive: runs are accepted, and wait for one"
    if not in_full:
        return shown
    parts: dict[str, Any] = {
        "journal": {"status": journal, "lag_ms": lag_ms if journal == "ok" else None, **app.store.figures()},
        "worker": {
            "in_hand": app.worker.in_hand,
            "waiting": app.worker.waiting,
            "claims_lost": app.worker.claims_lost,
            "oldest_waiting_s": await oldest_waiting_s(app),
        },
        "loop": app.lag.figures()._asdict(),
        "planner": await app.models.figures() if app.models else {"source": "rules", "model": None},
        "tools": {
            "count": len(app.registry.names()),
            "threads_busy": app.threads.busy,
            "threads_hung": app.threads.hung,
            "threads_max": app.threads.threads_max,
            "processes_busy": app.processes.busy,
            "processes_max": app.processes.processes_max,
        },
    }
    if lags_s := app.caretaker.lags_s:  # else another process has the duties
        parts["upkeep"] = {
            "lag_s": {duty: round(lag_s, 3) for duty, lag_s in lags_s.items()},
            "archived": app.caretaker.archived,
        }
    if app.redis is not None:
        parts["redis"] = await _redis(app.redis, app)
    return {**shown, "version": VERSION, "parts": parts}


async def _redis(redis: SharedRedis, app: Application) -> dict[str, Any]:
    """How Redis is; that it is away is no reason to send requests elsewhere."""
    from runwright.adapters.redis import RedisAway

    lag_ms: float | None = None
    try:
        lag_ms, status = round(await redis.lag_ms(), 3), "ok"
    except RedisAway as error:
        status = str(error)
    last = None
    if redis.failed is not None:
        message, at_s = redis.failed
        last = {"message": message, "at": timestamp(at_s)}
    snapshots = None if app.engine.snapshots is None else app.engine.snapshots.figures()
    return {"status": status, "lag_ms": lag_ms, "last_error": last, "snapshots": snapshots}


async def oldest_waiting_s(app: Application) -> float | None:
    """How long the oldest run waits to be driven, since its creation; None when none waits."""
    waiting = [next(iter(app.worker.queue), None)]
    if isinstance(app.store, PostgresStore):
        with suppress(JournalUnavailable):
            waiting.append(await app.store.sharing.first_waiting())
    oldest = min(filter(None, waiting), default=None)  # their ids grow with their time
    return None if oldest is None else max(0.0, round(time.time() - _created_at_s(oldest), 3))


def _created_at_s(run_id: RunId) -> float:
    """When a run was created, to the millisecond: its id is a UUIDv7."""
    return int(run_id.removeprefix("run_")[:12], 16) / 1_000
