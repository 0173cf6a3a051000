"""A dump of a database in use is restored, and the runs in it go on from that moment."""

from __future__ import annotations

import subprocess
from pathlib import Path

from acceptance.serving import serving
from acceptance.test_killed_server import run_at_its_end
from services.postgres import Server, programs

TOOLS = '''
import asyncio
from pathlib import Path
from runwright import tool, ToolContext

@tool(effects="keyed", timeout_s=60)
async def gate(label: str, ctx: ToolContext) -> str:
    """Write down the call, and pass once the gate is open."""
    with Path("calls").open("a") as calls:
        calls.write(f"{ctx.step_number} {ctx.idempotency_key}\\n")
    while label == "second" and not Path("open").exists():
        await asyncio.sleep(0.01)
    return label
'''


def test_a_dump_is_restored_and_its_runs_go_on(postgres: Server, postgres_url: str, tmp_path: Path) -> None:
    """What was finished at the moment of the dump is not called again; what was under way is, with its key."""
    (tmp_path / "tools.py").write_text(TOOLS)
    dump, unused = tmp_path / "runs.dump", tmp_path / "unused.db"
    steps = [
        {
            "step_number": n,
            "tool_name": "gate",
            "tool_input": {"label": label},
            "depends_on": [n - 1] if n > 1 else [],
        }
        for n, label in enumerate(("first", "second", "third"), start=1)
    ]
    with serving(unused, "--tools", "tools.py", RUNWRIGHT_DATABASE_URL=postgres_url) as server:
        done = server.client.post(
            "/api/v1/runs", json={"prompt": "add todo x"}, headers={"Prefer": "wait=60"}
        )
        run = server.client.post("/api/v1/runs", json={"plan": {"goal": "g", "steps": steps}}).json()
        with server.client.stream("GET", f"/api/v1/runs/{run['run_id']}/events") as events:
            assert any('"step_number":2' in line and "step.started" in line for line in events.iter_lines())
        made = [programs() / "pg_dump", "--format=custom", f"--file={dump}", postgres_url]
        subprocess.run(made, check=True, timeout=60)
        server.kill()
    (tmp_path / "open").touch()
    again = postgres.empty()
    restored = ["--no-owner", "--exit-on-error", f"--dbname={postgres.url(again)}", dump]
    subprocess.run([programs() / "pg_restore", *restored], check=True, timeout=60)
    with serving(unused, "--tools", "tools.py", RUNWRIGHT_DATABASE_URL=postgres.url(again)) as server:
        ended = run_at_its_end(server, run["run_id"])
        before = server.client.get(f"/api/v1/runs/{done.json()['run_id']}").json()
        server.stop()
    postgres.drop(again)
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]

    assert (ended["status"], ended["result"]) == ("completed", "third")
    assert before == done.json()
    assert [number for number, _ in calls] == ["1", "2", "2", "3"]
    assert len({key for number, key in calls if number == "2"}) == 1
