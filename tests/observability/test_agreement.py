"""The figures of one run are the same in the journal, the API, the metrics and the traces; labels are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from models.serving import as_json, calculation
from observability.collector import Collector, collector
from observability.measured import Samples, samples_of, value
from runwright.adapters.metrics_prometheus import MODELS_MAX, OTHER, PrometheusMetrics
from runwright.asgi import parts_of
from runwright.bootstrap import application
from runwright.core import events as ev
from runwright.core.declare import tool
from runwright.core.errors import ToolRetryable
from runwright.core.policy import Retry
from runwright.core.run import created
from runwright.core.tool import ToolContext
from runwright.http.app import http_app
from runwright.observers import observers
from runwright.runtime.telemetry import ModelAsked
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply

RUNS = "/api/v1/runs"
STRANGERS = 1_000
SERIES_MORE_MAX = 60 * (MODELS_MAX + 1)  # a model has two histograms and a few counters


@tool(effects="pure", retry=Retry(attempts_max=3, base_s=0.001, jitter_s=0.0))
async def flaky(ctx: ToolContext) -> int:
    """Fail once."""
    if ctx.attempt < 2:
        raise ToolRetryable("busy")
    return 1


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as found:
        yield found


async def test_one_run_has_the_same_figures_wherever_it_is_looked_at(
    settings: Settings, collected: Collector
) -> None:
    """Attempts and their durations, model calls and tokens, the status and the time of the whole run."""
    plan = as_json(
        {
            "goal": "g",
            "steps": [
                {"step_number": 1, "tool_name": "flaky", "tool_input": {}},
                {"step_number": 2, **calculation("1+1")},
            ],
        }
    )
    async with ModelServer([Reply(text=plan)]) as server:
        own = settings.model_copy(
            update={
                "llm_base_url": server.base_url,
                "llm_model": "m",
                "llm_early_steps": False,
                "otlp_endpoint": collected.address,
                "trace_sample_ratio": 1.0,
            }
        )
        with observers(own, counting=True) as looking_on:
            async with application(own, [flaky], observers=looking_on) as app:
                transport = httpx2.ASGITransport(http_app(parts_of(app, None)))
                async with httpx2.AsyncClient(
                    transport=transport, base_url="http://localhost", timeout=120
                ) as client:
                    asked = await client.post(RUNS, json={"prompt": "go"}, headers={"Prefer": "wait=60"})
                    run = asked.json()
                    page = await client.get(
                        f"{RUNS}/{run['run_id']}/events", headers={"Accept": "application/json"}
                    )
                    samples = samples_of((await client.get("/metrics")).text)
    events = page.json()["items"]
    assert run["status"] == "completed", run["error"]

    ends = [e for e in events if e["type"] in ("step.succeeded", "step.retrying")]
    assert len(ends) == 3
    attempts = [s for s in collected.spans if s.name.startswith("step ")]
    journal = sorted((e["step_number"], e["data"]["attempt"], e["type"].removeprefix("step.")) for e in ends)
    traced = sorted(
        (
            s.attributes["runwright.step_number"],
            s.attributes["runwright.attempt"],
            s.attributes["runwright.status"],
        )
        for s in attempts
    )
    assert journal == traced
    assert sum(entry["attempts"] for entry in run["execution_log"]) == 3
    assert value(samples, "step_executions_total", tool="flaky", status="retrying") == 1
    assert _sum(samples, "step_executions_total") == 3

    lasted_s = sum(e["data"]["duration_ms"] for e in ends) / 1_000
    assert _sum(samples, "step_duration_seconds_sum") == pytest.approx(lasted_s)
    assert sum(s.ended_at_s - s.began_at_s for s in attempts) == pytest.approx(lasted_s, abs=1e-5)

    _same_models(run, events, samples, collected)
    _same_run(run, samples, collected)


def _same_models(
    run: dict[str, Any], events: list[dict[str, Any]], samples: Samples, collected: Collector
) -> None:
    usage, (span,) = run["usage"], collected.named("model plan")
    (called,) = [e["data"] for e in events if e["type"] == "plan.model_called"]
    assert usage["llm_calls"] == _sum(samples, "model_calls_total") == 1
    for kind in ("prompt", "completion"):
        tokens = usage[f"{kind}_tokens"]
        assert tokens > 0
        assert tokens == called[f"{kind}_tokens"] == span.attributes[f"runwright.{kind}_tokens"]
        assert tokens == value(samples, "model_tokens_total", model="m", kind=kind)


def _same_run(run: dict[str, Any], samples: Samples, collected: Collector) -> None:
    (span,) = collected.named("run")
    assert span.trace_id == run["trace_id"]
    assert span.attributes["runwright.status"] == run["status"]
    assert value(samples, "run_status_total", status="completed") == 1
    lasted_s = value(samples, "run_duration_seconds_sum", status="completed")
    assert span.ended_at_s - span.began_at_s == pytest.approx(lasted_s, abs=1e-5)


async def test_strangers_do_not_make_series(settings: Settings) -> None:
    """A thousand made-up tools, paths, methods, tenants and models: what callers choose is no label."""
    with observers(settings, counting=True) as looking_on:
        metrics = looking_on.metrics
        assert metrics is not None
        async with application(settings, [flaky], observers=looking_on) as app:
            transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=120
            ) as client:
                await _stranger(client, 0)
                before = len(samples_of(metrics.text().decode()))
                for number in range(1, 100):
                    await _stranger(client, number)
                after = len(samples_of(metrics.text().decode()))

    assert after - before < 100, "requests and plans of strangers have made series"


def test_models_beyond_a_bound_are_counted_together() -> None:
    """And nothing is lost: their calls add up."""
    metrics = PrometheusMetrics("test")
    before = len(samples_of(metrics.text().decode()))
    for number in range(STRANGERS):
        fact = ev.RunCreated(tenant=f"tenant-{number}", prompt="p", deadline_s=1.0)
        run = created(f"run_{number}", ev.Event(1, 1.0, fact))  # type: ignore[arg-type]
        called = ev.PlanModelCalled(
            purpose="plan", round=1, model=f"model-{number}", duration_ms=1.0, prompt_tokens=1
        )
        metrics.observed(run, ModelAsked(called, 2.0))

    text = metrics.text().decode()
    samples = samples_of(text)
    others = value(samples, "model_calls_total", model=OTHER, purpose="plan", outcome="used")
    assert others == STRANGERS - MODELS_MAX
    assert _sum(samples, "model_tokens_total", kind="prompt") == STRANGERS
    assert len(samples) - before < SERIES_MORE_MAX
    assert "tenant-" not in text


async def _stranger(client: httpx2.AsyncClient, number: int) -> None:
    """Ask for what nobody has ever heard of."""
    step = {"step_number": 1, "tool_name": f"tool_{number}", "tool_input": {}}
    body = {"plan": {"goal": "g", "steps": [step]}}
    await client.post(RUNS, json=body, headers={"Prefer": "wait=60"})
    await client.get(f"/made/up/{number}")
    await client.get(f"{RUNS}/run_{number:032x}")
    await client.request(f"M{number}", "/health")
    await client.get(RUNS, headers={"X-API-Key": f"rw_{number}_stranger"})


def _sum(samples: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(
        found
        for (known, own), found in samples.items()
        if known == f"runwright_{name}" and wanted <= dict(own).items()
    )
