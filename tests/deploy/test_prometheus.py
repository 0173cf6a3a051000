"""What operators are given works with a real Prometheus: rules, alerts, and every query of every dashboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from acceptance.serving import ServerProcess
from cluster.processes import until_true
from models.serving import as_json, calculation
from runwright.testing.model_server import ModelServer, Reply
from services.ports import own_port

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PATIENCE_S = 90.0
# nothing of it happens in a server that is well, on SQLite without Redis, with a model whose price nobody knows
SILENT = {"runwright_model_cost_usd_total", "runwright_redis_up", "runwright_workers_alive"}


def installed(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed; under CI it must be there")
        pytest.skip(f"{name} is not installed")
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query of every dashboard, with its panel, and every metric of every rule, with the rules' file."""
    for name in sorted(set(re.findall(r"runwright_[a-z0-9_]+", RULES.read_text()))):
        yield RULES.name, name
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{board['title']}: {panel['title']}", target["expr"]


def test_promtool_accepts_the_rules() -> None:
    """And every alert names a runbook that is there."""
    subprocess.run([installed("promtool"), "check", "rules", str(RULES)], check=True, capture_output=True)
    text = RULES.read_text()
    headings = {
        line.removeprefix("### ").lower()
        for line in (DEPLOY.parent / "docs" / "operations.md").read_text().splitlines()
        if line.startswith("### ")
    }
    anchors = re.findall(r"runbook: docs/operations\.md#(\S+)", text)

    assert len(anchors) == text.count("- alert:") > 10
    assert set(anchors) <= headings


async def test_every_query_of_every_dashboard_returns_data(tmp_path: Path) -> None:
    """A Prometheus scrapes a server that plans with a model, completes, fails, retries and refuses."""
    program = installed("prometheus")
    plan = as_json({"goal": "g", "steps": [{"step_number": 1, **calculation("1/0")}]})
    async with ModelServer([Reply(text=plan)] * 1_000) as model:
        server = ServerProcess(
            tmp_path / "runs.db", RUNWRIGHT_LLM_BASE_URL=model.base_url, RUNWRIGHT_LLM_MODEL="m"
        )
        port = own_port()
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
            f"rule_files: [{RULES}]\n"
            "scrape_configs: [{job_name: runwright, static_configs: [{targets: ["
            f"'{server.address.removeprefix('http://')}']}}]}}]\n"
        )
        with (tmp_path / "prometheus.log").open("wb") as log:
            prometheus = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            async with (
                httpx2.AsyncClient(base_url=server.address, timeout=120) as client,
                httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as asked,
            ):
                missing = dict.fromkeys(queries(), "not asked")

                async def all_have_data() -> bool:
                    await _load(client)
                    for panel, query in tuple(missing):
                        found = await _ask(asked, query)
                        if found:
                            del missing[panel, query]
                    return all(any(name in query for name in SILENT) for _, query in missing)

                try:
                    await until_true(all_have_data, PATIENCE_S, "data for every query")
                except TimeoutError:
                    pytest.fail(f"no data for {list(missing)}")
                rules = (await asked.get("/api/v1/rules")).json()["data"]["groups"]
        finally:
            prometheus.terminate()
            prometheus.wait(30)
            server.stop()

    health = {rule["name"]: rule["health"] for group in rules for rule in group["rules"]}
    assert set(health.values()) <= {"ok", "unknown"}, health
    assert len(health) > 15


async def _load(client: httpx2.AsyncClient) -> None:
    """A little of everything that is counted."""
    wait = {"Prefer": "wait=60"}
    await client.post("/api/v1/runs", json={"prompt": "one by nothing"}, headers=wait)
    await client.post("/api/v1/runs", json={"plan": _plan("1+1")}, headers=wait)
    await client.post("/api/v1/runs", json={"plan": {"goal": "g", "steps": [_unknown()]}}, headers=wait)
    await client.get("/api/v1/runs/run_0")


def _plan(expression: str) -> dict[str, Any]:
    return {"goal": "g", "steps": [{"step_number": 1, **calculation(expression)}]}


def _unknown() -> dict[str, Any]:
    return {"step_number": 1, "tool_name": "nobody_has_this", "tool_input": {}}


async def _ask(asked: httpx2.AsyncClient, query: str) -> list[Any]:
    try:
        answer = await asked.get("/api/v1/query", params={"query": query.replace("$__rate_interval", "30s")})
    except httpx2.TransportError:
        return []  # it is not up yet
    assert answer.status_code in (200, 503), answer.text
    return answer.json()["data"]["result"] if answer.status_code == 200 else []  # type: ignore[no-any-return]
