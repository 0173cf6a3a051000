"""What an operator reads in the log when something breaks: what is wrong, once, and that it is well again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from cluster.processes import until_true
from observability.measured import Measured, measured, samples_of, value
from runwright.bootstrap import application
from runwright.core.ids import DEFAULT_TENANT
from runwright.observers import observers
from runwright.readings import read_by
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.stores import SqliteStore
from runwright.testing.model_server import ModelServer, Reply
from runwright.testing.waiting import wait_until

Lines = list[Any]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged, as it comes; structlog is left as nobody has set it up."""
    with capture_logs() as found:
        yield found
    structlog.reset_defaults()


def events(lines: Lines) -> list[str]:
    return [line["event"] for line in lines]


async def _room(of: Measured, pages: int) -> None:
    """Let the database have so many pages more than it has."""
    assert isinstance(of.app.store, SqliteStore)
    writer, reader = of.app.store._writer, of.app.store._reader
    most = reader.rows("PRAGMA page_count")[0][0] + pages
    await writer.submit(lambda con: con.execute(f"PRAGMA max_page_count = {most}").fetchall())


async def test_a_full_disk_is_in_the_log_once_and_so_is_its_end(settings: Settings, lines: Lines) -> None:
    """With the request that met it, by the id that its client was told."""
    body = {"prompt": "calculate 1" + " + 1" * 5_000}
    async with measured(settings) as of:
        await _room(of, 1)
        refused = [await of.client.post("/api/v1/runs", json=body) for _ in range(2)]
        await _room(of, 10_000)
        accepted = await of.client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=30"})

    assert [answer.status_code for answer in refused] == [503, 503] and accepted.status_code == 201
    (away,) = (line for line in lines if line["event"] == "store.away")
    assert (away["log_level"], away["error"]) == (
        "warning",
        "the disk with the database is full; free some space",
    )
    failed = [line for line in lines if line["event"] == "request.failed"]
    assert [(line["route"], line["code"]) for line in failed] == [("/api/v1/runs", "journal_unavailable")] * 2
    assert events(lines).count("store.back") == 1


async def test_a_model_that_refuses_is_a_warning_that_says_what_to_do(
    settings: Settings, lines: Lines
) -> None:
    """The model's own words, which may quote anything, stay out of the log and are in `/health`."""
    async with ModelServer([Reply(status=401, body=b'{"error": {"message": "seeded words"}}')]) as server:
        own = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "m"})
        async with measured(own) as of:
            made = await of.client.post(
                "/api/v1/runs", json={"prompt": "calculate 1 + 1"}, headers={"Prefer": "wait=30"}
            )
            health = (await of.client.get("/health")).json()

    (called,) = (line for line in lines if line["event"] == "model.called")
    assert made.json()["status"] == "completed"
    assert (called["log_level"], called["code"]) == ("warning", "model_refused")
    assert called["hint"] == "check RUNWRIGHT_LLM_API_KEY"
    assert "seeded words" not in str(lines)
    assert "seeded words" in health["parts"]["planner"]["last_error"]["message"]


async def test_a_database_that_hangs_up_is_in_the_log_once_and_so_is_its_return(
    postgres_url: str, lines: Lines
) -> None:
    """However often it is tried again meanwhile."""
    async with measured(Settings(database_url=SecretStr(postgres_url))):
        con = await asyncpg.connect(postgres_url)
        others = "datname = current_database() AND pid <> pg_backend_pid()"

        async def hung_up() -> bool:  # until the connection that is meant was among them
            await con.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            return "dispatch.interrupted" in events(lines)

        await until_true(hung_up, 30, "the database to be missed")
        await con.close()
        await wait_until(lambda: "dispatch.resumed" in events(lines), 30, "the database to be back")

    assert events(lines).count("dispatch.interrupted") == 1


async def test_a_collector_that_is_away_is_told_in_one_line(settings: Settings, lines: Lines) -> None:
    """And what it has missed is counted; no library's dump is in the log."""
    own = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1", "trace_sample_ratio": 1.0})
    with observers(own, counting=True) as looking_on:
        async with application(own, observers=looking_on) as app:
            read_by(app)
            submitted = await app.service.submit(
                DEFAULT_TENANT,
                NewRun(
                    "calculate 1 + 1", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                ),
            )
            await app.worker.ended(submitted.run.run_id)
            traces = looking_on.traces
            assert traces is not None
            await wait_until(lambda: traces.lost, 30, "spans to be lost")
            assert looking_on.metrics is not None
            lost = value(samples_of(looking_on.metrics.text().decode()), "spans_lost_total")

    assert lost == 4  # of the run, its plan, its step and its first append
    assert events(lines).count("traces.away") == 1
    assert "Max retries" not in str(lines)
