"""A damaged run is named, never served; the others go on."""

from __future__ import annotations

from pathlib import Path

import apsw
import httpx2
import pytest

from runwright import Runwright
from runwright.bootstrap import Application
from runwright.settings import Settings

DAMAGES = {
    "a changed record": "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'attempt', 'Attempt') AS BLOB) WHERE run_id = ? AND seq = 6",
    "a missing record": "DELETE FROM events WHERE run_id = ? AND seq = 5",
    "a lost tail": "DELETE FROM events WHERE run_id = ? AND seq > 6",
    "a changed hash": "UPDATE events SET hash = zeroblob(16) WHERE run_id = ? AND seq = 2",
}


def damage(app: Application, run_id: str, sql: str) -> None:
    con = apsw.Connection(str(app.settings.database_path))
    con.execute(sql, (run_id,)).fetchall()
    assert con.changes() >= 1
    con.close()


@pytest.mark.parametrize("name", DAMAGES)
async def test_a_damaged_run_is_named_everywhere(
    client: httpx2.AsyncClient, app: Application, name: str
) -> None:
    """409 run_corrupt when it is read or followed, `corrupt` in lists; the run beside it is whole."""
    waited = {"Prefer": "wait=60"}
    bad = (await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=waited)).json()
    good = (await client.post("/api/v1/runs", json={"prompt": "calculate 3 + 3"}, headers=waited)).json()
    damage(app, bad["run_id"], DAMAGES[name])

    answers = [
        await client.get(f"/api/v1/runs/{bad['run_id']}"),
        await client.get(f"/api/v1/runs/{bad['run_id']}/events"),
        await client.get(f"/api/v1/runs/{bad['run_id']}/events", headers={"Accept": "application/json"}),
        await client.post(f"/api/v1/runs/{bad['run_id']}/restart"),
    ]
    listed = (await client.get("/api/v1/runs")).json()["items"]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "run_corrupt")] * 4
    assert [(item["run_id"], item["status"]) for item in listed] == [
        (good["run_id"], "completed"),
        (bad["run_id"], "corrupt"),
    ]
    assert (await client.get(f"/api/v1/runs/{good['run_id']}")).json()["result"] == 6


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE runs SET status = 'failed' WHERE run_id = ?",
        "UPDATE events SET type = 'run.failed' WHERE run_id = ? AND type = 'run.completed'",
        "UPDATE events SET type = CAST(x'72e3' AS TEXT) WHERE run_id = ? AND seq = 2",  # no UTF-8
        "UPDATE runs SET status = CAST(x'72e3' AS TEXT) WHERE run_id = ?",
    ],
)
async def test_damage_beside_the_bodies_is_not_served(
    client: httpx2.AsyncClient, app: Application, sql: str
) -> None:
    """The status that ends a stream and the names of its events are no less guarded than what they hold."""
    waited = {"Prefer": "wait=60"}
    bad = (await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=waited)).json()
    damage(app, bad["run_id"], sql)
    path = f"/api/v1/runs/{bad['run_id']}"
    answers = [await client.get(path), await client.get(f"{path}/events")]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "run_corrupt")] * 2


@pytest.mark.parametrize("column", ["document", "prompt"])
async def test_a_damaged_document_is_named_in_lists(
    client: httpx2.AsyncClient, app: Application, column: str
) -> None:
    """What lists show of an ended run is stored beside its events, and has a witness of its own."""
    waited = {"Prefer": "wait=60"}
    bad = (await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=waited)).json()
    kind = "BLOB" if column == "document" else "TEXT"
    change = f"CAST(replace(CAST({column} AS TEXT), '2', '3') AS {kind})"
    damage(app, bad["run_id"], f"UPDATE run_documents SET {column} = {change} WHERE run_id = ?")
    listed = (await client.get("/api/v1/runs")).json()["items"]

    assert [(item["run_id"], item["status"]) for item in listed] == [(bad["run_id"], "corrupt")]
    assert (await client.get(f"/api/v1/runs/{bad['run_id']}")).json()["result"] == 4


async def test_a_run_whose_row_is_gone_is_damaged_and_not_unknown(
    client: httpx2.AsyncClient, app: Application
) -> None:
    """Its events are still there and say so; another id is simply unknown."""
    waited = {"Prefer": "wait=60"}
    bad = (await client.post("/api/v1/runs", json={"prompt": "calculate 2 + 2"}, headers=waited)).json()
    damage(app, bad["run_id"], "DELETE FROM runs WHERE run_id = ?")
    answer = await client.get(f"/api/v1/runs/{bad['run_id']}")
    unknown = await client.get(f"/api/v1/runs/run_{'0' * 32}")

    assert (answer.status_code, unknown.status_code) == (409, 404)


async def test_a_stopped_database_is_one_file(settings: Settings, tmp_path: Path) -> None:
    """After a clean stop the file alone, without a write-ahead log, has every run."""
    async with Runwright(settings=settings) as rt:
        run = await rt.run("calculate 6 * 7")

    copy = tmp_path / "copy.db"
    copy.write_bytes(settings.database_path.read_bytes())
    async with Runwright(settings=Settings(database_url=f"sqlite:///{copy}")) as rt:
        read = await rt.get(run.run_id)

    assert read.result == 42


async def test_a_run_that_was_approved_is_waited_for(settings: Settings) -> None:
    """After an approval, waiting ends with the run."""
    async with Runwright(settings=settings) as rt:
        shown = await rt.run("add todo ship it", approval="required")
        assert shown.status == "awaiting_approval" and shown.plan is not None
        await rt.approve(shown.run_id, shown.plan["plan_hash"])
        ended = await rt.wait(shown.run_id)

    assert ended.status == "completed"


@pytest.mark.parametrize(
    "headers",
    [{"X-Big": "x" * 17_000}, {f"X-{n}": "y" for n in range(101)}, {f"X-{n}": "z" * 9_000 for n in range(8)}],
)
async def test_a_head_that_is_too_large_is_refused(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    """431 for one header of 16 KiB, for more than 100, and for 64 KiB in all."""
    answer = await client.get("/health/live", headers=headers)

    assert answer.status_code == 431 and answer.json()["code"] == "headers_too_large"
