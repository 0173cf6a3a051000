"""kill -9 of the server at any moment: nothing accepted is lost, nothing finished runs again."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from acceptance.serving import NO_TLS, ServerProcess, serving

KILLS = 6
PATIENCE_S = 60.0
TOOLS = '''
import asyncio, os
from runwright import tool, ToolContext

@tool(effects="keyed")
async def note(label: str, pause_s: float, ctx: ToolContext) -> str:
    """Write down that this attempt was made, for good, before it ends."""
    line = f"{ctx.run_id} {ctx.step_number} {ctx.attempt} {ctx.idempotency_key}\\n"
    file = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.fsync(file)
    os.close(file)
    await asyncio.sleep(pause_s)
    return label
'''


class Traffic:
    """A client that goes on creating runs, whatever happens to the server, and keeps what was accepted."""

    def __init__(self) -> None:
        self.address = ""
        self.accepted: list[str] = []
        self._client = httpx2.Client(timeout=PATIENCE_S, verify=NO_TLS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._client.close()

    def post(self, address: str, body: dict[str, object]) -> httpx2.Response:
        """Ask for a run."""
        return self._client.post(f"{address}/api/v1/runs", json=body)

    def _go_on(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            steps = [
                {"step_number": 1, "tool_name": "note", "tool_input": {"label": "a", "pause_s": 0.01}},
                {"step_number": 2, "tool_name": "note", "tool_input": {"label": "b", "pause_s": 0.03}},
                {
                    "step_number": 3,
                    "tool_name": "todo_add",
                    "tool_input": {"text": f"{number} {{step_1_output}}"},
                },
                {
                    "step_number": 4,
                    "tool_name": "note",
                    "tool_input": {"label": "{step_2_output}", "pause_s": 0},
                },
            ]
            try:
                answer = self.post(self.address, {"plan": {"goal": "go on", "steps": steps}})
            except httpx2.HTTPError:
                self._stop.wait(0.02)
                continue
            if answer.status_code == 201:
                self.accepted.append(answer.json()["run_id"])
            self._stop.wait(0.02)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the environment says of the store."""
    if request.param == "sqlite":
        return {}
    return {"RUNWRIGHT_DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.mark.long
def test_nothing_accepted_is_lost_and_nothing_finished_runs_again(
    tmp_path: Path, store: dict[str, str]
) -> None:
    """Six kills at random moments under traffic; afterwards every run has ended well, by itself."""
    tools, effects, database = tmp_path / "tools.py", tmp_path / "effects", tmp_path / "runs.db"
    tools.write_text(TOOLS)
    moments = random.Random(20_261_122)

    with Traffic() as traffic:
        for _ in range(KILLS):
            server = ServerProcess(database, "--tools", str(tools), EFFECTS=str(effects), **store)
            traffic.address = server.address
            seen = len(traffic.accepted)
            while len(traffic.accepted) < seen + 5:
                threading.Event().wait(0.01)
            threading.Event().wait(moments.random() * 0.3)
            server.kill()

    with serving(database, "--tools", str(tools), EFFECTS=str(effects), **store) as server:
        ended = [run_at_its_end(server, run_id) for run_id in traffic.accepted]
        todos = everything_in_the_list(server)

    made = Counter(tuple(line.split()[:2]) for line in effects.read_text().splitlines())
    keys = {tuple(line.split()[:2]): set() for line in effects.read_text().splitlines()}
    for line in effects.read_text().splitlines():
        run_id, number, _, key = line.split()
        keys[run_id, number].add(key)
    recorded = {
        (run["run_id"], str(entry["step_number"])): entry["attempts"]
        for run in ended
        for entry in run["execution_log"]
        if entry["tool_name"] == "note"
    }
    assert len(traffic.accepted) >= KILLS * 5
    assert {run["status"] for run in ended} == {"completed"}
    assert all(len(same) == 1 for same in keys.values())
    assert all(recorded[step] - 1 <= KILLS for step in recorded)
    # an attempt is on record before the tool is called, so the tool can only have been called less often
    assert all(made[step] <= attempts for step, attempts in recorded.items())
    assert all(made[step] >= 1 for step in recorded)
    assert sum(made.values()) - len(recorded) <= KILLS * 200
    texts = Counter(todos)
    assert all(count == 1 for count in texts.values()) and len(todos) >= len(ended)


def run_at_its_end(server: ServerProcess, run_id: str) -> dict[str, Any]:
    with server.client.stream("GET", f"/api/v1/runs/{run_id}/events") as events:
        assert events.status_code == 200
        assert any(line == "event: end" for line in events.iter_lines())
    run: dict[str, Any] = server.client.get(f"/api/v1/runs/{run_id}").json()
    return run


def everything_in_the_list(server: ServerProcess) -> list[str]:
    texts: list[str] = []
    cursor = None
    while True:
        step = {"step_number": 1, "tool_name": "todo_list", "tool_input": {"limit": 500}}
        if cursor:
            step["tool_input"] = {"limit": 500, "cursor": cursor}
        run = server.client.post(
            "/api/v1/runs",
            json={"plan": {"goal": "read", "steps": [step]}},
            headers={"Prefer": "wait=60"},
        ).json()
        texts += [todo["text"] for todo in run["result"]["todos"]]
        cursor = run["result"]["next_cursor"]
        if cursor is None:
            return texts
