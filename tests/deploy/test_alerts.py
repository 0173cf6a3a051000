"""Every alert fires when what it is about happens, and none does when all is well: asked of promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from deploy.test_prometheus import RULES, installed

# series as promtool writes them, one value a minute: `1+2x3` is 1, 3, 5, 7
MINUTES = 120
WELL = {
    'up{job="runwright", instance="a"}': "1+0x120",
    'runwright_http_requests_total{instance="a", status="200"}': "0+600x120",
    'runwright_plan_latency_seconds_bucket{instance="a", le="5.0"}': "0+60x120",
    'runwright_plan_latency_seconds_count{instance="a"}': "0+60x120",
    'runwright_run_status_total{instance="a", status="completed"}': "0+60x120",
    'runwright_store_up{instance="a"}': "1+0x120",
    'runwright_redis_up{instance="a"}': "1+0x120",
    'runwright_runs_waiting{instance="a"}': "3+0x120",
    'runwright_runs_waiting_shared{instance="a"}': "3+0x120",
    'runwright_runs_waiting_max{instance="a"}': "100+0x120",
    'runwright_upkeep_lag_seconds{instance="a", duty="archive"}': "30+0x120",
    'runwright_oldest_waiting_run_seconds{instance="a"}': "1+0x120",
    'runwright_workers_alive{instance="a"}': "2+0x120",
    'runwright_journal_commit_seconds_bucket{instance="a", le="0.25"}': "0+100x120",
    'runwright_journal_commit_seconds_bucket{instance="a", le="+Inf"}': "0+100x120",
    'runwright_event_loop_lag_seconds{instance="a", of="p99"}': "0.01+0x120",
    'runwright_breaker_state{instance="a", model="m", status="open"}': "0+0x120",
    'runwright_step_executions_total{instance="a", tool="t", status="succeeded"}': "0+60x120",
    'runwright_step_executions_total{instance="a", tool="t", status="failed"}': "0+1x120",
    'runwright_tool_threads_hung{instance="a"}': "0+0x120",
    'runwright_tool_threads_max{instance="a"}': "32+0x120",
}
# what is different when the alert is to fire
ILL = {
    "RunwrightErrorsBurnFast": {
        'runwright_http_requests_total{instance="a", status="503"}': "0+60x120",
    },
    "RunwrightErrorsBurnSlowly": {
        'runwright_http_requests_total{instance="a", status="503"}': "0+6x120",
    },
    "RunwrightPlansAreSlow": {'runwright_plan_latency_seconds_bucket{instance="a", le="5.0"}': "0+50x120"},
    "RunwrightRunsFailInside": {'runwright_run_failures_total{instance="a", code="internal"}': "0+6x120"},
    "RunwrightIsDown": {'up{job="runwright", instance="a"}': "0+0x120"},
    "RunwrightStoreIsAway": {'runwright_store_up{instance="a"}': "0+0x120"},
    "RunwrightRedisIsAway": {'runwright_redis_up{instance="a"}': "0+0x120"},
    "RunwrightQueueFills": {'runwright_runs_waiting_shared{instance="a"}': "90+0x120"},
    "RunwrightArchiveIsBehind": {
        'runwright_upkeep_lag_seconds{instance="a", duty="archive"}': "60+60x120",
    },
    "RunwrightRunsWait": {'runwright_oldest_waiting_run_seconds{instance="a"}': "60+60x120"},
    "RunwrightNoWorker": {'runwright_workers_alive{instance="a"}': "0+0x120"},
    "RunwrightCommitsAreSlow": {
        'runwright_journal_commit_seconds_bucket{instance="a", le="0.25"}': "0+90x120",
        'runwright_journal_commit_seconds_bucket{instance="a", le="1.0"}': "0+100x120",
    },
    "RunwrightLoopIsHeld": {'runwright_event_loop_lag_seconds{instance="a", of="p99"}': "1+0x120"},
    "RunwrightModelIsAway": {'runwright_breaker_state{instance="a", model="m", status="open"}': "1+0x120"},
    "RunwrightModelRefuses": {
        'runwright_model_calls_total{instance="a", model="m", purpose="plan", outcome="model_refused"}': (
            "0+60x120"
        ),
    },
    "RunwrightToolFails": {
        'runwright_step_executions_total{instance="a", tool="t", status="failed"}': "0+30x120"
    },
    "RunwrightThreadsHang": {'runwright_tool_threads_hung{instance="a"}': "20+0x120"},
}


def _case(series: dict[str, str], expected: dict[str, int]) -> dict[str, Any]:
    """A test of promtool: how many of which alerts fire in the end."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{MINUTES}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": value} for name, value in expected.items()
                ],
            }
        ],
    }


def test_each_alert_fires_alone_for_what_it_is_about(tmp_path: Path) -> None:
    """Of errors that burn fast the slower alert tells, too."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    cases = [_case(WELL, {})]
    for name, changed in ILL.items():
        expected = {name: 1}
        if name == "RunwrightErrorsBurnFast":
            expected["RunwrightErrorsBurnSlowly"] = 1
        cases.append(_case({**WELL, **changed}, expected))
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}))

    done = subprocess.run(
        [installed("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert sorted(ILL) == sorted(alerts)
    assert done.returncode == 0, done.stdout + done.stderr
