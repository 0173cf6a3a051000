"""PostgreSQL is killed and started again under load; Runwright goes on by itself, and so does the next process."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from acceptance.serving import ServerProcess
from acceptance.test_killed_server import TOOLS, Traffic, everything_in_the_list, run_at_its_end
from services.postgres import Absent, Private, private

RESTARTS = 3
REQUEST_S_MAX = 30.0  # of every request: all waits inside are shorter
STATEMENT_S = 3.0


@pytest.fixture
def own_postgres() -> Iterator[Private]:
    """A PostgreSQL of the test's own, to be killed."""
    try:
        with private() as server:
            yield server
    except Absent as absent:
        pytest.skip(str(absent))


class Checked(Traffic):
    """A client that also notes how long its slowest request took, and what it was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.slowest_s = 0.0
        self.answers: Counter[int] = Counter()

    def post(self, address: str, body: dict[str, object]) -> httpx2.Response:
        began_s = time.monotonic()
        try:
            answer = super().post(address, body)
            self.answers[answer.status_code] += 1
            return answer
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)


@pytest.mark.long
def test_a_database_that_dies_under_load_loses_nothing(own_postgres: Private, tmp_path: Path) -> None:
    """Three kills of the database server: nothing accepted is lost, nothing finished runs again, no request hangs."""
    tools, effects = tmp_path / "tools.py", tmp_path / "effects"
    tools.write_text(TOOLS)
    moments, url = random.Random(20_261_122), own_postgres.url(own_postgres.empty())
    server = ServerProcess(
        tmp_path / "unused.db",
        "--tools",
        str(tools),
        EFFECTS=str(effects),
        RUNWRIGHT_DATABASE_URL=url,
        RUNWRIGHT_WORKER_LEASE_S="60",
    )
    try:
        with Checked() as traffic:
            traffic.address = server.address
            for _ in range(RESTARTS):
                seen = len(traffic.accepted)
                while len(traffic.accepted) < seen + 10:
                    threading.Event().wait(0.01)
                threading.Event().wait(moments.random() * 0.3)
                refused = traffic.answers[503]
                own_postgres.kill()
                while traffic.answers[503] == refused:  # until the client finds it away
                    threading.Event().wait(0.01)
                ready = server.client.get("/health/ready")
                own_postgres.start()
                assert ready.status_code == 503
            seen = len(traffic.accepted)
            while len(traffic.accepted) < seen + 10:
                threading.Event().wait(0.01)
        ended = [run_at_its_end(server, run_id) for run_id in traffic.accepted]
        todos = everything_in_the_list(server)
        status = server.process.poll()
        exit_status = server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()

    lines = [line.split() for line in effects.read_text().splitlines()]
    made = Counter((run_id, number, attempt) for run_id, number, attempt, _ in lines)
    assert (status, exit_status) == (None, 0)
    assert {run["status"] for run in ended} == {"completed"}
    assert set(made.values()) == {1}
    for run in ended:
        for entry in run["execution_log"]:
            assert entry["attempts"] <= 1 + RESTARTS
    assert all(count == 1 for count in Counter(todos).values())
    assert len(todos) >= len(ended)
    assert traffic.slowest_s < REQUEST_S_MAX
    assert set(traffic.answers) <= {201, 503}


def test_a_paused_database_is_refused_soon_and_found_again(own_postgres: Private, tmp_path: Path) -> None:
    """While every process of the server is stopped requests are answered 503; then all goes on."""
    url = own_postgres.url(own_postgres.empty())
    server = ServerProcess(
        tmp_path / "unused.db",
        RUNWRIGHT_DATABASE_URL=url,
        RUNWRIGHT_DATABASE_STATEMENT_TIMEOUT_S=str(STATEMENT_S),
    )
    try:
        body = {"prompt": "2 + 2"}
        before = server.client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=60"}).json()
        own_postgres.pause()
        first = server.client.get(f"/api/v1/runs/{before['run_id']}")
        began_s = time.monotonic()
        refused = [server.client.post("/api/v1/runs", json=body).status_code for _ in range(20)]
        took_s = time.monotonic() - began_s
        own_postgres.go_on()
        after = None
        until_s = time.monotonic() + REQUEST_S_MAX
        while time.monotonic() < until_s and after != 201:
            after = server.client.post("/api/v1/runs", json=body).status_code
        exit_status = server.stop()
    finally:
        own_postgres.go_on()
        if server.process.poll() is None:
            server.kill()

    assert before["status"] == "completed"
    assert first.status_code == 503
    assert set(refused) == {503}
    assert took_s < 10 * STATEMENT_S  # had each waited for the database, it would be twice as long
    assert (after, exit_status) == (201, 0)
