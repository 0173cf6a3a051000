"""Any process shows a run that another one drives, from its snapshot, and never an older state than told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from runwright import tool
from runwright.adapters.journal_postgres import PostgresJournal
from runwright.adapters.snapshots_redis import RedisSnapshots
from runwright.bootstrap import Application, application
from runwright.core.codec import Tip
from runwright.core.declare import DeclaredTool
from runwright.core.drafts import draft_of
from runwright.core.errors import RunMissing
from runwright.core.ids import RunId, Tenant
from runwright.core.snapshot import Snapshot
from runwright.ports import History
from runwright.runtime.reading import folded
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

TENANT = Tenant("acme")
STEPS = 60  # a journal that is longer than what is read without asking for a snapshot
PATIENCE_S = 60.0


class Gate:
    """Holds the last step of a run."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    def tools(self) -> list[DeclaredTool]:
        @tool(effects="pure")
        async def quick(n: int) -> int:
            return n

        @tool(effects="pure")
        async def held(n: int) -> int:
            await self.opened.wait()
            return n

        return [quick, held]


def long_run() -> NewRun:
    steps: list[dict[str, Any]] = [
        {"step_number": n, "tool_name": "quick", "tool_input": {"n": n}} for n in range(1, STEPS)
    ]
    last = {"step_number": STEPS, "tool_name": "held", "tool_input": {"n": STEPS}}
    return NewRun("p", draft_of({"goal": "g", "steps": [*steps, last]}))


@asynccontextmanager
async def two(url: str, redis_url: str, gate: Gate) -> AsyncIterator[tuple[Application, Application]]:
    """One process that drives runs, and one that only answers."""
    settings = Settings(database_url=url, redis_url=redis_url, redis_snapshot_every_s=0.02)
    settings = settings.model_copy(update={"redis_timeout_s": PATIENCE_S})  # however busy the machine is
    async with (
        application(settings, gate.tools()) as driving,
        application(settings, gate.tools(), drives=False) as answering,
    ):
        yield driving, answering
        gate.opened.set()


def snapshots_in(app: Application) -> RedisSnapshots:
    found = app.engine.snapshots
    assert isinstance(found, RedisSnapshots)
    return found


async def held_run(driving: Application) -> RunId:
    """A run whose last step is at work, and which others can read from its snapshot."""
    run_id = (await driving.service.submit(TENANT, long_run())).run.run_id

    async def is_held() -> bool:
        kept = await snapshots_in(driving).newest(run_id)
        return kept is not None and kept.run.left == 1

    async with asyncio.timeout(PATIENCE_S):
        while not await is_held():
            await asyncio.sleep(0.02)
    return run_id


async def planted(server: PrivateRedis, app: Application, snapshot: Snapshot) -> None:
    """Put a snapshot in the place of whatever is there."""
    server.ask("FLUSHALL")
    snapshots = snapshots_in(app)
    writes = snapshots.writes
    snapshots.keep(snapshot)
    await wait_until(lambda: snapshots.writes > writes, PATIENCE_S, "the write")


async def test_a_run_is_read_without_its_whole_journal(
    redis_server: PrivateRedis, postgres_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is the same as that of the process which drives the run; a stranger learns nothing."""
    async with two(postgres_url, redis_server.url, Gate()) as (driving, answering):
        run_id = await held_run(driving)

        async def in_full(*_: object) -> None:
            raise AssertionError("the whole journal was read")

        with monkeypatch.context() as patched:
            patched.setattr(PostgresJournal, "history", in_full)
            there = await answering.service.run(TENANT, run_id)
        here = await driving.service.run(TENANT, run_id)
        with pytest.raises(RunMissing):
            await answering.service.run(Tenant("other"), run_id)

    assert there == here
    assert len(there.steps) == STEPS


async def test_no_answer_is_older_than_what_was_told_before(
    redis_server: PrivateRedis, postgres_url: str, settings: Settings
) -> None:
    """An old snapshot is a beginning, and the journal tells the rest; a cancel shows at once everywhere."""
    async with two(postgres_url, redis_server.url, Gate()) as (driving, answering):
        run_id = await held_run(driving)
        truth = await driving.service.run(TENANT, run_id)
        records = (await driving.engine.journal.history(TENANT, run_id)).records[:STEPS]
        old = folded(History(run_id, Tip(STEPS, records[-1].hash), records))
        await planted(redis_server, answering, Snapshot(old, Tip(STEPS, records[-1].hash)))
        read = await answering.service.run(TENANT, run_id)
        cancelled = await answering.service.cancel(TENANT, run_id)
        after = await answering.service.run(TENANT, run_id)

    assert old.seq < truth.seq
    assert read == truth
    assert truth.seq < cancelled.seq <= after.seq


async def test_a_snapshot_of_another_journal_is_not_believed(
    redis_server: PrivateRedis, postgres_url: str, settings: Settings
) -> None:
    """After a database was restored from a backup, Redis may know of events that never were."""
    async with two(postgres_url, redis_server.url, Gate()) as (driving, answering):
        run_id = await held_run(driving)
        truth = await driving.service.run(TENANT, run_id)
        for seq, end in ((truth.seq, b"x" * 16), (truth.seq + 5, b"x" * 16)):
            await planted(
                redis_server, answering, Snapshot(replace(truth, seq=seq, restarts=7), Tip(seq, end))
            )
            assert await answering.service.run(TENANT, run_id) == truth


async def test_a_reader_who_misses_a_snapshot_makes_one(
    redis_server: PrivateRedis, postgres_url: str, settings: Settings
) -> None:
    async with two(postgres_url, redis_server.url, Gate()) as (driving, answering):
        run_id = await held_run(driving)
        redis_server.ask("FLUSHALL")
        truth = await answering.service.run(TENANT, run_id)
        reader = snapshots_in(answering)
        await wait_until(lambda: reader.writes > 0, PATIENCE_S, "the snapshot to be made")
        made = await reader.newest(run_id)

    assert made is not None
    assert made.run == truth
