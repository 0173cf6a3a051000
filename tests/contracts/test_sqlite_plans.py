"""No question that is asked often reads more of the database than it needs: SQLite's own plans say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import httpx2
import pytest

from runwright.adapters import run_lists_sqlite
from runwright.bootstrap import Application

PLAN = {
    "goal": "two sums",
    "steps": [
        {"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "1 + 1"}},
        {"step_number": 2, "tool_name": "calculator", "tool_input": {"expression": "{step_1_output} + 1"}},
    ],
}
# An index that holds nothing but what is asked for may be read whole.
WHOLE = "SCAN runs USING INDEX runs_unfinished"
# Words that are looked up in their index, ids that were given, what steps along an index have found, and the few keys.
BOUNDED = {
    WHOLE,
    "SCAN api_keys",
    "SCAN run_index VIRTUAL TABLE INDEX 0:M1",
    "SCAN asked VIRTUAL TABLE INDEX 1:",
    "SCAN hot",
}


@contextmanager
def asked(*connections: apsw.Connection) -> Iterator[list[str]]:
    """Yield the list that every statement of these connections is added to."""
    statements: list[str] = []

    def trace(_cursor: apsw.Cursor, statement: str, _bindings: Any) -> bool:
        statements.append(statement)
        return True

    for connection in connections:
        connection.exec_trace = trace
    try:
        yield statements
    finally:
        for connection in connections:
            connection.exec_trace = None


def scans(connection: apsw.Connection, statement: str) -> list[str]:
    """Return the tables and indexes that SQLite reads from end to end for a statement, or sorts."""
    bindings: dict[str, Any] = {"tenant": "", "before": "", "limit": 1, "status": "", "tool": "", "since": 0}
    bindings |= {"until": 0, "text": "", "after": "", "walked": 1, "ids": "[]", "tokens": '"x"'}
    given = bindings if ":" in statement else (None,) * statement.count("?")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()
    found = [str(row[3]) for row in rows]
    return [step for step in found if step.startswith(("SCAN", "USE TEMP B-TREE")) and step not in BOUNDED]


def is_query(statement: str) -> bool:
    return statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))


@pytest.fixture
async def run_id(client: httpx2.AsyncClient) -> str:
    """A run that is over; every connection is open then."""
    made = await client.post("/api/v1/runs", json={"plan": PLAN}, headers={"Prefer": "wait=60"})
    await client.get("/api/v1/runs")
    return str(made.json()["run_id"])


async def test_nothing_that_runs_do_reads_whole_tables(
    app: Application, client: httpx2.AsyncClient, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Creating, carrying out, claiming, cancelling, reading, following and listing runs all go by an index."""
    connections = [app.store._writer._con, app.store._reader._con, app.store._reader._aside]
    assert None not in connections
    monkeypatch.setattr(run_lists_sqlite, "WALKED_MAX", 0)  # the index is asked behind the first row
    monkeypatch.setattr(app.caretaker, "_upkeep", app.caretaker._upkeep._replace(archive_after_s=0.0))
    with asked(*connections) as statements:
        headers = {"Idempotency-Key": "once", "Prefer": "wait=60"}
        await client.post("/api/v1/runs", json={"plan": PLAN}, headers=headers)
        held = (await client.post("/api/v1/runs", json={"plan": PLAN, "approval": "required"})).json()
        await client.post(f"/api/v1/runs/{held['run_id']}/cancel")
        for path in ("", "/events?after=1"):
            accept = {"Accept": "application/json"}
            assert (await client.get(f"/api/v1/runs/{run_id}{path}", headers=accept)).status_code == 200
        for query in ("", "limit=5", f"cursor={run_id}", "status=completed", "tool=calculator", "q=sum",
                      "since=2020-01-01T00:00:00Z", "until=2020-01-01T00:00:00Z"):  # fmt: skip
            assert (await client.get(f"/api/v1/runs?{query}")).status_code == 200
        await app.engine.journal.unfinished()
        await app.caretaker.archive_once()

    queries = sorted({statement for statement in statements if is_query(statement)})
    assert len(queries) >= 30
    assert any("MATCH" in query for query in queries) and any("run_archive" in query for query in queries)
    found = {query: scans(app.store._reader._con, query) for query in queries}
    assert {query: steps for query, steps in found.items() if steps} == {}


async def test_a_whole_scan_would_be_seen(app: Application, run_id: str) -> None:
    """The check above fails for a question that no index answers."""
    assert scans(app.store._reader._con, "SELECT run_id FROM events WHERE type = ?") == ["SCAN events"]
    assert scans(app.store._reader._con, "SELECT run_id FROM runs ORDER BY created_at")


@pytest.mark.parametrize(
    ("prompt", "text"), [("Über ALLE", "über alle"), ("PLAIN Text", "plain"), ("straße", "STRASSE")]
)
async def test_text_is_found_whatever_its_letters(client: httpx2.AsyncClient, prompt: str, text: str) -> None:
    """Letter case does not matter, in English and elsewhere; what does not match is not listed."""
    for said in (prompt, "something else"):
        await client.post("/api/v1/runs", json={"prompt": said}, headers={"Prefer": "wait=60"})

    listed = (await client.get("/api/v1/runs", params={"q": text})).json()["items"]

    assert [run["prompt"] for run in listed] == [prompt]
