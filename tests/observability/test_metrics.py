"""What `/metrics` tells: the same as the journal, whatever becomes of runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from models.serving import as_json, calculation
from observability.measured import Measured, Samples, measured, value
from runwright.core.declare import tool
from runwright.core.errors import ToolRetryable
from runwright.core.policy import Retry
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply
from runwright.testing.waiting import wait_until

RUNS = "/api/v1/runs"
SOON = Retry(attempts_max=3, base_s=0.001, jitter_s=0.0)


@tool(effects="pure", retry=SOON)
async def flaky(ctx: Any) -> int:
    """Fail twice."""
    if ctx.attempt < 3:
        raise ToolRetryable("busy")
    return 1


@tool(effects="pure")
async def broken() -> None:
    """Fail."""
    raise ValueError("seeded-secret-of-a-tool")


def _plan(*steps: dict[str, Any]) -> dict[str, Any]:
    numbered = [{"step_number": n, "tool_input": {}, **step} for n, step in enumerate(steps, start=1)]
    return {"goal": "g", "steps": numbered}


async def _run(of: Measured, **body: Any) -> dict[str, Any]:
    answer = await of.client.post(RUNS, json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def _events(of: Measured) -> list[dict[str, Any]]:
    """Every event of every run, as the API shows them."""
    found = []
    for run in (await of.client.get(RUNS)).json()["items"]:
        page = await of.client.get(
            f"{RUNS}/{run['run_id']}/events", params={"limit": 1000}, headers={"Accept": "application/json"}
        )
        found += page.json()["items"]
    return found


async def _busy(of: Measured) -> None:
    """Runs that complete, fail, retry, skip, wait for a person, are cancelled, refused and restarted."""
    await _run(of, prompt="calculate 2+2, then add the result as a todo")
    await _run(of, plan=_plan({"tool_name": "flaky"}, {"tool_name": "flaky"}))
    failed = await _run(of, plan=_plan({"tool_name": "broken"}))
    await of.client.post(f"{RUNS}/{failed['run_id']}/restart", json={})
    await _run(of, prompt="sing a song")
    await _run(of, plan=_plan({"tool_name": "nobody_has_this"}))
    when = {"left": 1, "op": "eq", "right": 2}
    await _run(of, plan=_plan({"tool_name": "flaky", "when": when}))
    waiting = await _run(of, prompt="calculate 1+1", approval="required")
    await of.client.post(f"{RUNS}/{waiting['run_id']}/cancel")


async def test_the_figures_are_those_of_the_journal(settings: Settings) -> None:
    """Each attempt, status and error is counted once, by the event that recorded it."""
    async with measured(settings, [flaky, broken]) as of:
        await _busy(of)
        runs = (await of.client.get(RUNS)).json()["items"]
        for run in runs:
            await of.client.get(f"{RUNS}/{run['run_id']}", headers={"Prefer": "wait=60"})
        events = await _events(of)
        samples = await of.samples()

    told = Counter(event["type"] for event in events)
    assert told["run.restarted"] == 1 and told["step.retrying"] == 4 and told["step.skipped"] == 1
    for event_type, status in {
        "run.created": "pending",
        "plan.started": "planning",
        "run.awaiting_approval": "awaiting_approval",
        "run.completed": "completed",
        "run.failed": "failed",
        "run.cancelled": "cancelled",
    }.items():
        assert value(samples, "run_status_total", status=status) == told[event_type], status
    assert value(samples, "run_status_total", status="running") == told["run.started"] + told["run.restarted"]
    for status in ("succeeded", "retrying", "failed", "skipped", "cancelled", "unknown"):
        assert _sum(samples, "step_executions_total", status=status) == told[f"step.{status}"], status
    assert value(samples, "step_executions_total", tool="flaky", status="retrying") == 4
    assert _sum(samples, "step_duration_seconds_count") == sum(
        told[f"step.{status}"] for status in ("succeeded", "retrying", "failed")
    )
    assert _sum(samples, "run_duration_seconds_count") == sum(
        told[f"run.{status}"] for status in ("completed", "failed", "cancelled")
    )
    codes = Counter(
        e["data"]["error"]["code"] for e in events if e["type"] in ("run.failed", "run.cancelled")
    )
    for code, times in codes.items():
        assert value(samples, "run_failures_total", code=code) == times, code
    assert _sum(samples, "plan_latency_seconds_count") == told["plan.accepted"]
    assert _sum(samples, "plans_refused_total") == told["plan.refused"]
    assert value(samples, "run_restarts_total") == 1
    assert value(samples, "run_wait_seconds_count") == told["plan.started"]


async def test_tokens_and_cost_of_models_are_counted(settings: Settings) -> None:
    """As in the run's usage; the model is the one of the settings."""
    plan = as_json({"goal": "g", "steps": [{"step_number": 1, **calculation("1+1")}]})
    async with ModelServer([Reply(text=plan)]) as server:
        own = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "gpt-4o-mini"})
        async with measured(own) as of:
            run = await _run(of, prompt="one and one")
            samples = await of.samples()

    assert run["plan"]["source"] == "llm"
    usage, model = run["usage"], "gpt-4o-mini"
    assert value(samples, "model_calls_total", model=model, purpose="plan", outcome="used") == 1
    assert value(samples, "model_tokens_total", model=model, kind="prompt") == usage["prompt_tokens"] > 0
    assert value(samples, "model_tokens_total", model=model, kind="completion") == usage["completion_tokens"]
    assert usage["cost_usd"] is None, "the price of a model behind an unknown address is not known"
    assert ("runwright_model_cost_usd_total", (("model", model),)) not in samples
    assert value(samples, "plan_latency_seconds_count", source="llm") == 1
    assert value(samples, "breaker_state", model=model, status="closed") == 1
    assert value(samples, "breaker_state", model=model, status="open") == 0


async def test_what_is_only_read_is_there_too(settings: Settings) -> None:
    """The loop, the store, tools at work, and the process itself."""
    async with measured(settings) as of:
        await _run(of, prompt="calculate 2+2")
        samples = await of.samples()

    commits = value(samples, "journal_commits_total")
    assert commits > 0 and value(samples, "journal_commit_seconds_count") == commits
    assert value(samples, "journal_commit_writes_sum") >= commits
    assert value(samples, "build_info", version="test") == 1
    assert ("runwright_event_loop_lag_seconds", (("of", "p99"),)) in samples
    for name in ("runs_in_hand", "oldest_waiting_run_seconds", "streams_open", "streams_let_go_total"):
        assert (f"runwright_{name}", ()) in samples
    for name in ("store_up", "runs_in_hand_max", "runs_waiting_max", "streams_max"):
        assert value(samples, name) >= 1, name
    assert samples["process_resident_memory_bytes", ()] > 0


async def test_a_store_that_is_away_is_told_from_one_where_nothing_waits(settings: Settings) -> None:
    """Who does not know how long a run has waited says nothing of it."""
    async with measured(settings) as of:
        of.app.store.ping = _away  # type: ignore[method-assign]
        samples = await of.samples()

    assert samples["runwright_store_up", ()] == 0
    assert ("runwright_oldest_waiting_run_seconds", ()) not in samples
    assert ("runwright_runs_in_hand", ()) in samples


async def test_the_archive_tells_how_far_it_is_behind(settings: Settings) -> None:
    """In the process that has the duty, from its first look on; and how many runs were moved."""
    own = settings.model_copy(update={"archive_after_s": 0.01})
    async with measured(own) as of:
        await _run(of, prompt="calculate 2+2")
        await wait_until(lambda: of.app.caretaker.archived, 30, "the run to be archived")
        samples = await of.samples()
        health = (await of.client.get("/health")).json()

    assert value(samples, "runs_archived_total") == health["parts"]["upkeep"]["archived"] == 1

    for duty in ("archive", "retention"):
        assert 0 <= samples["runwright_upkeep_lag_seconds", (("duty", duty),)] < 60
        assert 0 <= health["parts"]["upkeep"]["lag_s"][duty] < 60


async def test_requests_are_counted_by_route(settings: Settings) -> None:
    """Not by path, which callers choose; refusals by their code; streams without a duration."""
    async with measured(settings) as of:
        run = await _run(of, prompt="calculate 2+2")
        await of.client.get(f"{RUNS}/run_{'0' * 32}")
        await of.client.get("/nobody/is/here")
        await of.client.request("SECRET", "/health")
        await of.client.get(f"{RUNS}/{run['run_id']}/events", headers={"Accept": "text/event-stream"})
        samples = await of.samples()

    route = "/api/v1/runs/{run_id}"
    assert value(samples, "http_requests_total", method="POST", route=RUNS, status="201") == 1
    assert value(samples, "http_requests_total", method="GET", route=route, status="404") == 1
    assert value(samples, "http_requests_total", method="GET", route="none", status="404") == 1
    assert _sum(samples, "http_requests_total", method="OTHER") == 1
    assert value(samples, "http_refusals_total", code="run_not_found") == 1
    assert value(samples, "http_request_duration_seconds_count", route=route) == 1
    events = "/api/v1/runs/{run_id}/events"
    assert value(samples, "http_requests_total", method="GET", route=events, status="200") == 1
    assert ("runwright_http_request_duration_seconds_count", (("route", events),)) not in samples


async def test_strangers_do_not_see_metrics(settings: Settings) -> None:
    """Nor does a page that names this computer by another name."""
    closed = settings.model_copy(update={"metrics_allow": ("10.0.0.0/8",)})
    async with measured(closed) as of:
        answer = await of.client.get("/metrics")

    assert answer.status_code == 403
    assert "RUNWRIGHT_METRICS_ALLOW" in answer.json()["detail"]


async def test_no_metric_holds_what_people_wrote(settings: Settings) -> None:
    """No prompt, input, output or error message becomes a label."""
    async with measured(settings, [broken]) as of:
        await _run(of, prompt="sing seeded-secret-of-a-prompt")
        await _run(of, plan=_plan({"tool_name": "broken"}))
        await _run(of, plan=_plan({"tool_name": "seeded-secret-of-a-name"}))
        text = (await of.client.get("/metrics")).text

    assert "seeded-secret" not in text


async def _away() -> str:
    return "the disk is full"


def _sum(samples: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(
        found
        for (known, own), found in samples.items()
        if known == f"runwright_{name}" and wanted <= dict(own).items()
    )
