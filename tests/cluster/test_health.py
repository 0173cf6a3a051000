"""What `/health` and `/health/ready` tell of the store, of Redis, of workers and of runs that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.processes import until_true
from runwright.bootstrap import Application, application
from runwright.core.drafts import draft_of
from runwright.core.ids import Tenant
from runwright.health import told
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from services.redis import PrivateRedis

PATIENCE_S = 60.0
STEP = {"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "1+1"}}
RUN = NewRun("p", draft_of({"goal": "g", "steps": [STEP]}))


async def becomes(app: Application, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """Return what is told in full once it is what is wanted."""
    found: dict[str, Any] = {}

    async def asked() -> bool:
        now = await told(app, in_full=True)
        found.clear()
        found.update(now)
        return wanted(found)

    await until_true(asked, PATIENCE_S, what)
    return found


async def test_without_a_worker_runs_are_accepted_and_that_is_said(
    postgres_url: str, settings: Settings
) -> None:
    """Ready means that requests may be sent here; that nobody carries the runs out is told beside it."""
    settings = Settings(database_url=postgres_url)
    async with application(settings, drives=False) as api:
        alone = await told(api, in_full=False)
        await api.service.submit(Tenant("t"), RUN)
        waiting = await becomes(
            api, lambda it: it["parts"]["worker"]["oldest_waiting_s"] is not None, "a run that waits"
        )
        async with application(settings) as worker:
            driven = await becomes(
                api,
                lambda it: "note" not in it and it["parts"]["worker"]["oldest_waiting_s"] is None,
                "the worker to be seen, and to have the run",
            )
            assert (await told(worker, in_full=False)) == {"status": "ok"}
        left = await becomes(api, lambda it: "note" in it, "the worker's leaving to be seen")

    assert alone["status"] == waiting["status"] == left["status"] == "ok"
    assert "no worker is alive" in alone["note"]
    assert 0 <= waiting["parts"]["worker"]["oldest_waiting_s"] < 60
    assert (waiting["parts"]["journal"]["processes"], waiting["parts"]["journal"]["workers"]) == (1, 0)
    assert (driven["parts"]["journal"]["processes"], driven["parts"]["journal"]["workers"]) == (2, 1)


async def test_redis_is_named_with_its_state_its_lag_and_its_last_error(
    redis_server: PrivateRedis, postgres_url: str, settings: Settings
) -> None:
    """A Redis that is away is told of, and is no reason to send requests elsewhere."""
    settings = Settings(database_url=postgres_url, redis_url=redis_server.url)
    settings = settings.model_copy(update={"redis_timeout_s": PATIENCE_S})  # however busy the machine is
    async with application(settings) as app:
        before = await told(app, in_full=True)
        redis_server.kill()
        away = await becomes(app, lambda it: it["parts"]["redis"]["status"] != "ok", "Redis to be missed")
        redis_server.start()
        back = await becomes(app, lambda it: it["parts"]["redis"]["status"] == "ok", "Redis to be back")

    assert before["parts"]["redis"]["status"] == "ok"
    assert before["parts"]["redis"]["lag_ms"] > 0
    assert before["parts"]["redis"]["last_error"] is None
    assert before["parts"]["journal"]["lag_ms"] > 0
    assert away["status"] == "ok"
    assert away["parts"]["redis"]["lag_ms"] is None
    assert back["parts"]["redis"]["last_error"]["message"]


async def test_without_redis_none_is_named(settings: Settings) -> None:
    async with application(settings) as app:
        found = await told(app, in_full=True)

    assert "redis" not in found["parts"]
    assert found["parts"]["worker"]["oldest_waiting_s"] is None
