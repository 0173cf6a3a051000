"""Secrets that are seeded everywhere turn up in no log, no trace and no metric of a real server."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2

from acceptance.serving import ServerProcess
from observability.collector import collector

TOOLS = '''
import logging

from runwright import tool


@tool(effects="pure")
async def spy(word: str) -> str:
    """Log, and fail."""
    logging.getLogger("of.a.tool").warning("a line of a tool")
    raise ValueError(f"cannot use {word}")
'''
SECRETS = ("seeded-secret-of-a-prompt", "seeded-secret-of-an-input", "seeded-secret-of-a-url")


def test_no_secret_leaves_the_journal(tmp_path: Path, postgres_url: str) -> None:
    """In a prompt, in a tool's input and error, in an API key, in the address of the database."""
    (tmp_path / "mine.py").write_text(TOOLS)
    scheme, _, rest = postgres_url.partition("://")
    user, _, place = rest.rpartition("@")
    address = f"{scheme}://{user.partition(':')[0] or 'root'}:{SECRETS[2]}@{place}"
    with collector() as collected:
        server = ServerProcess(
            tmp_path / "runs.db",
            "--tools",
            str(tmp_path / "mine.py"),
            RUNWRIGHT_DATABASE_URL=address,
            RUNWRIGHT_LOG_LEVEL="debug",
            RUNWRIGHT_LOG_FORMAT="json",
            RUNWRIGHT_OTLP_ENDPOINT=collected.address,
            RUNWRIGHT_TRACE_SAMPLE_RATIO="1",
        )
        try:
            with httpx2.Client(base_url=server.address, timeout=120, headers={"Prefer": "wait=60"}) as client:
                client.post("/api/v1/runs", json={"prompt": f"sing {SECRETS[0]}"})
                step = {"step_number": 1, "tool_name": "spy", "tool_input": {"word": SECRETS[1]}}
                made = client.post("/api/v1/runs", json={"plan": {"goal": "g", "steps": [step]}})
                metrics = client.get("/metrics").text
                key = "rw_0a1b2c3d_" + "seeded" * 6
                client.get("/api/v1/runs", headers={"X-API-Key": key, "Authorization": f"Bearer {key}"})
        finally:
            server.stop()
        spans = repr(collected.spans)
    log = (tmp_path / "server.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    (of_tool,) = [line for line in lines if line["event"] == "a line of a tool"]

    assert SECRETS[1] in made.json()["error"]["message"], "it is shown to who may read the run"
    for secret in (*SECRETS, "seededseeded"):
        assert secret not in log
        assert secret not in metrics
        assert secret not in spans
    assert (of_tool["run_id"], of_tool["step_number"], of_tool["tool"]) == (made.json()["run_id"], 1, "spy")
    assert of_tool["trace_id"] == made.json()["trace_id"]
    assert [line for line in lines if line["event"] == "step.failed"], "steps are told at this level"
