"""One connected trace from the request to every attempt of every step, on one process or on several."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from acceptance.serving import ServerProcess
from models.serving import as_json, calculation
from observability.collector import Collector, Span, collector
from runwright.asgi import parts_of
from runwright.bootstrap import application
from runwright.core.declare import tool
from runwright.core.errors import ToolRetryable
from runwright.core.policy import Retry
from runwright.core.tool import ToolContext
from runwright.core.trace import attempt_span
from runwright.http.app import http_app
from runwright.observers import observers
from runwright.runtime.keyring import issued
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply

RUNS = "/api/v1/runs"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SERVER = 2
SEEN: list[str | None] = []


@tool(effects="pure", retry=Retry(attempts_max=3, base_s=0.001, jitter_s=0.0))
async def flaky(ctx: ToolContext) -> int:
    """Fail once."""
    SEEN.append(ctx.traceparent)
    if ctx.attempt < 2:
        raise ToolRetryable("busy")
    return 1


@tool(effects="pure")
async def broken(ctx: ToolContext) -> int:
    """Fail the first time."""
    if ctx.attempt == 1:
        raise ValueError("no")
    return 1


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as found:
        yield found


@asynccontextmanager
async def traced(
    settings: Settings, collected: Collector, **changed: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of a Runwright that sends its spans to the collector; all are there once it is left."""
    own = settings.model_copy(
        update={"otlp_endpoint": collected.address, "trace_sample_ratio": 1.0, **changed}
    )
    with observers(own, counting=False) as looking_on:
        async with application(own, [flaky, broken], observers=looking_on) as app:
            transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=120
            ) as client:
                yield client


def _plan(*names: str) -> dict[str, Any]:
    return {
        "goal": "g",
        "steps": [
            {"step_number": number, "tool_name": name, "tool_input": {}}
            for number, name in enumerate(names, start=1)
        ],
    }


async def _run(client: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(RUNS, json=body, headers={"Prefer": "wait=60", "traceparent": CALLER})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def _connected(spans: list[Span], trace_id: str) -> dict[str, Span]:
    """The spans of a trace by identity, once every parent is one of them or the caller's."""
    own = {span.span_id: span for span in spans if span.trace_id == trace_id}
    assert own
    for span in own.values():
        assert span.parent_id in own or span.parent_id == CALLER.split("-")[2], span
        assert span.began_at_s <= span.ended_at_s
    return own


async def test_a_run_is_one_trace_from_the_request_to_every_attempt(
    settings: Settings, collected: Collector
) -> None:
    """The caller's trace goes on; what was tried twice is two spans; tools can hand it on."""
    SEEN.clear()
    async with traced(settings, collected, trace_append_ms_min=0.0) as client:
        run = await _run(client, plan=_plan("flaky", "flaky"))
        shown = await client.get(f"{RUNS}/{run['run_id']}/events", headers={"Accept": "application/json"})
        events = len(shown.json()["items"])

    trace_id = CALLER.split("-")[1]
    assert run["trace_id"] == trace_id
    spans = _connected(collected.spans, trace_id)
    (request,) = collected.named("POST /api/v1/runs")
    (whole,) = collected.named("run")
    assert (request.parent_id, request.kind) == (CALLER.split("-")[2], SERVER)
    assert request.attributes["http.response.status_code"] == 201
    assert whole.parent_id == request.span_id
    assert whole.attributes["runwright.run_id"] == run["run_id"]
    assert whole.attributes["runwright.status"] == "completed"
    assert [span.parent_id for span in collected.named("plan")] == [whole.span_id]
    steps = collected.named("step flaky")
    assert {span.parent_id for span in steps} == {whole.span_id}
    tried = sorted((s.attributes["runwright.step_number"], s.attributes["runwright.attempt"]) for s in steps)
    assert tried == [(1, 1), (1, 2), (2, 1), (2, 2)]
    told = {
        span.attributes["runwright.status"] for span in steps if span.attributes["runwright.attempt"] == 1
    }
    assert told == {"retrying"}
    assert {f"00-{trace_id}-{span.span_id}-01" for span in steps} == set(SEEN)
    appends = [span for span in spans.values() if span.name == "journal append"]
    assert sum(span.attributes["runwright.events"] for span in appends) == events


async def test_an_append_has_a_span_when_somebody_waits_for_it_or_it_is_slow(
    settings: Settings, collected: Collector
) -> None:
    """The first, which the creation waits for; others would be half of all spans, and say nothing."""
    async with traced(settings, collected, trace_append_ms_min=3_600_000.0) as client:
        run = await _run(client, plan=_plan("flaky", "flaky"))

    spans = _connected(collected.spans, run["trace_id"])
    (append,) = (span for span in spans.values() if span.name == "journal append")
    (whole,) = collected.named("run")
    assert append.parent_id == whole.span_id
    assert append.began_at_s == whole.began_at_s


async def test_a_restart_is_linked_to_what_was_tried_before(settings: Settings, collected: Collector) -> None:
    """Same trace, a span of its own, a link to the one that failed."""
    async with traced(settings, collected) as client:
        run = await _run(client, plan=_plan("broken"))
        assert run["status"] == "failed"
        await client.post(f"{RUNS}/{run['run_id']}/restart", json={})
        again = await client.get(f"{RUNS}/{run['run_id']}/events", headers={"Accept": "text/event-stream"})
        assert "run.completed" in again.text

    first, second = sorted(collected.named("run"), key=lambda span: span.began_at_s)
    assert (first.failed, second.failed) == (True, False)
    assert (first.links, second.links) == ((), (first.span_id,))
    assert first.trace_id == second.trace_id
    assert second.attributes["runwright.restarts"] == 1
    parents = {s.attributes["runwright.attempt"]: s.parent_id for s in collected.named("step broken")}
    assert parents == {1: first.span_id, 2: second.span_id}


@pytest.mark.parametrize("genai", [False, True])
async def test_questions_to_models_are_spans_of_planning(
    settings: Settings, collected: Collector, genai: bool
) -> None:
    """With tokens; with the names of the conventions for generative AI where they are wanted."""
    plan = as_json({"goal": "g", "steps": [{"step_number": 1, **calculation("1+1")}]})
    async with ModelServer([Reply(text=plan)]) as server:
        model = {"llm_base_url": server.base_url, "llm_model": "m", "trace_genai": genai}
        async with traced(settings, collected, **model) as client:
            run = await _run(client, prompt="one and one, seeded-secret")

    (planning,), (asked,) = collected.named("plan"), collected.named("model plan")
    assert asked.parent_id == planning.span_id
    assert planning.attributes["runwright.source"] == "llm"
    assert asked.attributes["runwright.prompt_tokens"] == run["usage"]["prompt_tokens"]
    assert ("gen_ai.request.model" in asked.attributes) == genai
    assert "seeded-secret" not in repr(collected.spans)


async def test_the_caller_decides_of_its_trace_and_the_setting_of_others(
    settings: Settings, collected: Collector
) -> None:
    """What is not sampled sends nothing, and has its trace id all the same."""
    async with traced(settings, collected, trace_sample_ratio=0.0) as client:
        body = {"plan": _plan("flaky")}
        wait = {"Prefer": "wait=60"}
        without = (await client.post(RUNS, json=body, headers=wait)).json()
        not_sampled = (await client.post(RUNS, json=body, headers={**wait, "traceparent": UNSAMPLED})).json()
        nonsense = (await client.post(RUNS, json=body, headers={**wait, "traceparent": "00-0-0-01"})).json()
        refused = (await client.get(f"{RUNS}/run_nobody", headers={"traceparent": UNSAMPLED})).json()

    assert collected.spans == []
    assert not_sampled["trace_id"] == refused["trace_id"] == UNSAMPLED.split("-")[1]
    assert len({without["trace_id"], nonsense["trace_id"], not_sampled["trace_id"]}) == 3


async def test_strangers_do_not_fill_the_collector(settings: Settings, collected: Collector) -> None:
    """Where there are keys, who has none cannot have spans kept by asking for it; who has one can."""
    async with application(settings) as app:
        _, text = await issued(app.store.keys, None, time.time(), tenant="anna", scopes=["run", "read"])
    async with traced(settings, collected, trace_sample_ratio=0.0) as client:
        for path in (RUNS, "/", "/health/live", "/nothing"):
            await client.get(path, headers={"traceparent": CALLER})
            await client.get(path, headers={"traceparent": CALLER, "X-API-Key": "rw_x"})
        await client.get(f"{RUNS}?limit=7", headers={"traceparent": CALLER, "X-API-Key": text})

    assert [span.name for span in collected.spans if span.kind == SERVER] == [f"GET {RUNS}"]


def test_a_server_sends_what_waits_before_it_ends(tmp_path: Any, collected: Collector) -> None:
    """A real process, asked to end right behind a run."""
    server = ServerProcess(
        tmp_path / "runs.db",
        RUNWRIGHT_OTLP_ENDPOINT=collected.address,
        RUNWRIGHT_TRACE_SAMPLE_RATIO="1",
    )
    try:
        with httpx2.Client(base_url=server.address, timeout=120) as client:
            body = {"prompt": "calculate 2+2"}
            run = client.post(RUNS, json=body, headers={"Prefer": "wait=60", "traceparent": CALLER}).json()
    finally:
        server.stop()

    spans = _connected(collected.spans, run["trace_id"])
    step = attempt_span(run["run_id"], run["plan"]["plan_id"], 1, 1)
    assert spans[step].name == "step calculator"
