"""A real server from start to end: its first answer, its streams, its end on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from acceptance.serving import ServerProcess, serving

PATIENCE_S = 60.0
SLOW = '''
import asyncio
from runwright import tool

@tool(effects="idempotent", timeout_s=60)
async def slow(seconds: float) -> str:
    """Take some time."""
    await asyncio.sleep(seconds)
    return "done"
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with one slow tool, for all tests of this module that leave it alive."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "slow.py").write_text(SLOW)
    with serving(folder / "runs.db", "--tools", str(folder / "slow.py")) as running:
        yield running


def slow_plan(*seconds: float) -> dict[str, object]:
    steps = [
        {
            "step_number": n,
            "tool_name": "slow",
            "tool_input": {"seconds": s},
            "depends_on": [n - 1] if n > 1 else [],
        }
        for n, s in enumerate(seconds, start=1)
    ]
    return {"plan": {"goal": "take time", "steps": steps}}


def test_events_stream_as_they_happen_and_resume(server: ServerProcess) -> None:
    """A stream that breaks is taken up behind the last event: no gap, no repeat, and an explicit end."""
    seen: list[int] = []
    with server.client.stream("POST", "/api/v1/runs/stream", json=slow_plan(0.05, 0.05, 0.05)) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        run = stream.headers["location"]
        for line in stream.iter_lines():
            if line.startswith("id: "):
                seen.append(int(line[4:]))
            if len(seen) == 5:
                break

    with server.client.stream("GET", f"{run}/events", headers={"Last-Event-ID": "5"}) as stream:
        lines = list(stream.iter_lines())
    seen += [int(line[4:]) for line in lines if line.startswith("id: ")]
    journal = server.client.get(f"{run}/events", headers={"Accept": "application/json"}).json()

    assert seen == [event["seq"] for event in journal["items"]] == list(range(1, len(seen) + 1))
    assert "event: end" in lines and 'data: {"status":"completed"}' in lines
    assert journal["next_after"] is None


def test_a_websocket_begins_with_a_snapshot_and_closes_at_the_end(server: ServerProcess) -> None:
    """The first frame is the run as it is, then every event, then close 1000."""
    run = server.client.post("/api/v1/runs", json=slow_plan(0.05)).json()

    with connect(server.address.replace("http", "ws") + f"/ws/runs/{run['run_id']}?after=0") as socket:
        frames = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                frames.append(json.loads(socket.recv(PATIENCE_S)))

    assert frames[0]["type"] == "run_update" and frames[0]["run_id"] == run["run_id"]
    assert [frame["seq"] for frame in frames[1:]] == list(range(1, len(frames)))
    assert frames[-1]["type"] == "run.completed" and closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


@pytest.mark.parametrize(
    ("path", "origin", "code"),
    [
        ("/ws/runs/nope", None, 4404),
        ("/ws/runs/nope", "http://evil.example", 4403),
        ("/ws/runs/run_1?after=x", None, 4400),
    ],
)
def test_a_websocket_that_may_not_be_is_closed_with_its_reason(
    server: ServerProcess, path: str, origin: str | None, code: int
) -> None:
    """Accepted, then closed with a code that says why."""
    with (
        connect(server.address.replace("http", "ws") + path, origin=origin) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):  # type: ignore[arg-type]
        socket.recv(PATIENCE_S)

    assert closed.value.rcvd is not None and closed.value.rcvd.code == code


def test_a_stopped_server_drains_and_its_runs_go_on_at_the_next(tmp_path: Path) -> None:
    """SIGTERM: streams end with a hint, the exit status is 0, and the run goes on at the next start."""
    tools = tmp_path / "slow.py"
    tools.write_text(SLOW)
    ends: list[str] = []
    with serving(
        tmp_path / "runs.db", "--tools", str(tools), RUNWRIGHT_DRAIN_GRACE_S="1", RUNWRIGHT_TOOL_GRACE_S="1"
    ) as server:
        run = server.client.post("/api/v1/runs", json=slow_plan(0.01, 30, 0.01)).json()

        def read() -> None:
            with server.client.stream("GET", f"/api/v1/runs/{run['run_id']}/events") as stream:
                for line in stream.iter_lines():
                    ends.append(line)

        reader = threading.Thread(target=read)
        reader.start()
        until_s = time.monotonic() + PATIENCE_S
        while "event: step.succeeded" not in ends:
            assert reader.is_alive() and time.monotonic() < until_s, ends
            time.sleep(0.01)
        status = server.stop()
        reader.join(PATIENCE_S)

    with serving(tmp_path / "runs.db", "--tools", str(tools)) as server:
        again = server.client.get(f"/api/v1/runs/{run['run_id']}").json()
        cancelled = server.client.post(f"/api/v1/runs/{run['run_id']}/cancel")

    assert status == 0
    assert ": the server is shutting down" in ends and "retry: 1000" in ends
    assert again["status"] == "running" and [e["output"] for e in again["execution_log"]] == ["done"]
    assert cancelled.status_code == 202


def test_one_process_drives_a_file(tmp_path: Path) -> None:
    """A second server on the same file says who holds it, and leaves with an error."""
    with serving(tmp_path / "runs.db") as server, pytest.raises(AssertionError) as failed:
        ServerProcess(tmp_path / "runs.db")

    assert f"is in use by process {server.process.pid}" in str(failed.value)
    assert "Traceback" not in str(failed.value)
