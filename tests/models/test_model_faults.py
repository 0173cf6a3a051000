"""Whatever a model does, over real HTTP: no run hangs, nothing answers 5xx, and every run says what was wrong."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx2
import pytest

from models.serving import Serving, calculation, client_of, serving
from runwright.adapters.llm_anthropic import anthropic_llm
from runwright.adapters.llm_http import Endpoint, HttpLlm
from runwright.adapters.llm_openai import openai_llm
from runwright.model_port import Message, ModelAway, ModelError, ModelRequest, ModelUsage
from runwright.settings import Settings
from runwright.testing.model_server import (
    ModelServer,
    Reply,
    Script,
    obeying,
    planned,
    refused,
    said_in,
    web_page,
)
from runwright.testing.model_wires import AnthropicWire, OpenaiWire

PROMPT = "calculate 2 + 3"
PLAN = planned(calculation("2 + 3"), calculation("{step_1_output} * 10"))
TEXT = '{"goal": "größer", "steps": []}'
REQUEST = ModelRequest((Message("user", "hello"),), {"type": "object"}, "plan", 100)
JSON, SSE = {"Content-Type": "application/json"}, {"Content-Type": "text/event-stream"}


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = "{step_1_output}"
    for _ in range(depth):
        value = [value]
    return value


class Fault(NamedTuple):
    """What the server answers, and what the run says of it."""

    reply: Reply
    said: str


FAULTS = {
    "500": Fault(refused(500, "boom"), "the model's server answers 500: boom"),
    "overloaded": Fault(refused(529, "Overloaded"), "the model's server answers 529: Overloaded"),
    "busy": Fault(refused(429, "slow down", Retry_After="0"), "the model's server asks for 0 s of rest: slow down"),
    "busy without a time": Fault(refused(429, "slow down"), "the model's server answers 429: slow down"),
    "wrong key": Fault(refused(401, "who are you"), "the model's server answers 401: who are you"),
    "no such model": Fault(refused(404, "no m here"), "the model's server answers 404: no m here"),
    "elsewhere": Fault(Reply(status=307, body=b"", headers={"Location": "http://127.0.0.1:1/"}), "answers 307: nothing"),
    "HTML": Fault(web_page(), "the model's server answers with text/html in the place of an answer"),
    "HTML and 502": Fault(web_page(502), "the model's server answers 502: an HTML page"),
    "empty": Fault(Reply(body=b"", headers=SSE), "the model's answer broke off"),
    "empty JSON": Fault(Reply(body=b"", headers=JSON), "answers what no model answers: nothing"),
    "no JSON": Fault(Reply(body=b"{'a': 1", headers=JSON), "answers what no model answers: {'a': 1"),
    "JSON of another kind": Fault(Reply(body=b"[1]", headers=JSON), "answers what no model answers: [1]"),
    "an event that is no JSON": Fault(Reply(body=b"data: <oops>\n\n", headers=SSE), "answers what no model answers: <oops>"),
    "an error in the stream": Fault(
        Reply(body=b'data: {"type": "error", "error": {"message": "out of memory"}}\n\n', headers=SSE),
        "the model's server broke off: out of memory",
    ),
    "reset in the middle": Fault(Reply(text=PLAN, cut_at=40), "the model's server at http://127.0.0.1:"),
    "end in the middle": Fault(Reply(text=PLAN, hang_up_at=40), "the model's answer broke off"),
    "too many tokens": Fault(Reply(text=PLAN, finish="length"), "was cut at the most tokens that it may have"),
    "held back": Fault(Reply(text=PLAN, finish="content_filter"), "the model's server held the answer back"),
    "50 MB": Fault(Reply(filler_bytes=50_000_000), "the model's answer is larger than 2097152 bytes"),
    "50 MB of JSON": Fault(Reply(body=b"[" * 50_000_000, headers=JSON), "the model's answer is larger than 2097152 bytes"),
    "says nothing": Fault(Reply(text=""), "the answer holds no complete JSON object"),
    "talks": Fault(Reply(text="I would rather not."), "the answer holds no complete JSON object"),
    "half an object": Fault(Reply(text=PLAN[:-2]), "the answer holds no complete JSON object"),
    "JSON of another schema": Fault(Reply(text='{"answer": 42}'), "missing required field `steps`"),
    "a wrong type": Fault(Reply(text='{"goal": "x", "steps": [{"step_number": "one"}]}'), "did not mend: "),
    "deep": Fault(Reply(text='{"goal": "x", "steps": ' + "[" * 5000 + "]" * 5000 + "}"), "did not mend: "),
    "deep inside": Fault(
        Reply(text=planned({"tool_name": "calculator", "tool_input": {"expression": nested(500)}})), "nested 501 deep"
    ),
    "no steps": Fault(Reply(text=planned()), "the plan has no steps"),
    "no such tool": Fault(Reply(text=planned({"tool_name": "rm"})), "there is no tool rm"),
    "cannot": Fault(Reply(text=planned(cannot="nothing fits")), "the model says that the tools cannot do it: nothing fits"),
}  # fmt: skip


# a time has to pass for these
def slow() -> dict[str, Fault]:
    return {
        "stall before the first byte": Fault(Reply(text=PLAN, hold_at=0), "said nothing for 2 s"),
        "stall in the middle": Fault(Reply(text=PLAN, hold_at=40), "said nothing for 2 s"),
        "a byte at a time": Fault(Reply(text=PLAN, drip_s=0.02), "the model did not answer within 4 s"),
    }


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    """Whose API the server has."""
    name: str = request.param
    return name


def playing(faults: dict[str, Fault]) -> Script:
    """A model that fails as a prompt says."""

    def reply(request: dict[str, Any]) -> Reply:
        said = said_in(request)
        return next(fault.reply for name, fault in faults.items() if f"todo “{name}”" in said)

    return reply


@pytest.fixture
async def it(settings: Settings, provider: str) -> AsyncIterator[Serving]:
    """A Runwright whose model fails as the prompt says, and whose breaker stays closed."""
    async with serving(
        settings, playing(FAULTS), llm_provider=provider, llm_outages_max=1_000, llm_wait_s=600.0
    ) as it:
        yield it


async def ended(client: httpx2.AsyncClient, fault: str) -> dict[str, Any]:
    """The run of a prompt that names a fault, once it is over."""
    created = await client.post("/api/v1/runs", json={"prompt": f"add todo “{fault}”"})
    assert created.status_code == 201, created.text
    run: dict[str, Any] = created.json()
    async with asyncio.timeout(100):
        while run["status"] not in ("completed", "failed"):
            await asyncio.sleep(0.05)
            answer = await client.get(f"/api/v1/runs/{run['run_id']}")
            assert answer.status_code == 200
            run = answer.json()
    return run


async def test_every_fault_ends_in_a_plan_by_rules_that_says_what_was_wrong(it: Serving) -> None:
    """All at once, eight at a time: each run is completed, and its reason is a sentence for a person."""
    async with client_of(it.app) as client:
        runs = await asyncio.gather(*(ended(client, name) for name in FAULTS))
        health = await client.get("/health")
    assert health.status_code == 200
    wrong = {
        name: reason
        for (name, fault), run in zip(FAULTS.items(), runs, strict=True)
        if run["status"] != "completed"
        or run["plan"]["source"] != "rules"
        or fault.said not in (reason := run["plan"]["source_reason"])
        or "\n" in reason
        or len(reason) > 500
        or not 1 <= run["usage"]["llm_calls"] <= 3
    }
    assert not wrong
    assert it.server.open_max <= 8


async def test_a_model_that_keeps_silent_or_dawdles_is_given_up(settings: Settings, provider: str) -> None:
    """Each within its own bound, and nothing is tried twice."""
    bounds = {"llm_silence_s": 2.0, "llm_timeout_s": 4.0, "llm_outages_max": 1_000}
    faults = slow()
    async with (
        serving(settings, playing(faults), llm_provider=provider, **bounds) as it,
        client_of(it.app) as client,
    ):
        runs = await asyncio.gather(*(ended(client, name) for name in faults))
    for fault, run in zip(faults.values(), runs, strict=True):
        assert run["status"] == "completed" and run["plan"]["source"] == "rules"
        assert fault.said in run["plan"]["source_reason"]
    assert len(it.server.requests) == len(faults)


async def test_a_burst_of_500_is_no_storm(settings: Settings, provider: str) -> None:
    """Forty prompts at once make as many calls as may be under way, and none once five have failed."""
    async with serving(settings, [refused(500, "boom")], llm_provider=provider) as it:
        runs = await asyncio.gather(*(it.run(PROMPT) for _ in range(40)))
        again = await it.run(PROMPT)
    assert {run["result"] for run in runs} == {5}
    assert 5 <= len(it.server.requests) <= 5 + 7
    assert "left alone" in again["plan"]["source_reason"]


async def test_a_busy_server_that_says_when_is_left_alone_until_then(
    settings: Settings, provider: str
) -> None:
    """429, 503 and 529 alike; only 429 is no outage."""
    for status, outages in ((429, 0), (503, 1), (529, 1)):
        async with serving(
            settings, [refused(status, "later", Retry_After="300")], llm_provider=provider
        ) as it:
            runs = [await it.run(PROMPT) for _ in range(3)]
            figures = await it.app.models.figures()  # type: ignore[union-attr]
        assert len(it.server.requests) == 1
        assert (figures["breaker"], figures["outages"]) == ("closed", outages)
        assert "the model m asked not to be called for another" in runs[-1]["plan"]["source_reason"]


async def test_a_model_that_obeys_the_attacker_gets_no_further_than_the_caller(
    settings: Settings, provider: str
) -> None:
    """It may plan what the caller may do; what it says of approval, source and tenant counts for nothing."""
    async with serving(settings, obeying, llm_provider=provider) as it:
        run = await it.run('CALL rm {"path": "/"}')
        assert run["status"] == "failed" and "there is no tool rm" in run["error"]["message"]
        run = await it.run('CALL calculator {"expression": "6 * 7"}', approval="required")
    assert run["status"] == "awaiting_approval" and run["plan"]["source"] == "llm"


async def test_a_long_answer_takes_no_more_memory_than_its_bound(provider: str) -> None:
    """Of 50 MB a few are ever held."""
    async with ModelServer([Reply(filler_bytes=50_000_000)]) as server:
        llm = made(provider, server)
        tracemalloc.start()
        with pytest.raises(ModelError, match="larger than"):
            await whole(llm)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await llm.aclose()
    assert peak < 16 * 1024 * 1024


async def test_no_half_answer_passes_for_a_whole_one(provider: str) -> None:
    """A connection that is reset after any byte of the stream: an outage, or all that was to be said."""
    stream = Reply(text=TEXT, piece_size=len(TEXT), counted=None)
    wire = {"openai": OpenaiWire, "anthropic": AnthropicWire}[provider]({})
    before, behind = len(wire.opening(stream) + wire.piece(TEXT)), len(wire.closing(stream))
    cuts = iter(range(before + behind))
    answers: list[str] = []
    async with ModelServer(lambda _: replace(stream, cut_byte=next(cuts))) as server:
        llm = made(provider, server)
        for _ in range(before + behind):
            try:
                answers.append(await whole(llm))
            except ModelAway as error:
                answers.append(error.message)
        await llm.aclose()
    outages = [said for said in answers if said.startswith(("the model's server", "the model's answer"))]
    assert len(outages) >= before
    assert {said for said in answers if said not in outages} <= {TEXT}


def made(provider: str, server: ModelServer) -> HttpLlm:
    endpoint = Endpoint(server.base_url, "m", "key-123")
    return anthropic_llm(endpoint) if provider == "anthropic" else openai_llm(endpoint)


async def whole(llm: HttpLlm) -> str:
    """The text of an answer."""
    return "".join([delta async for delta in llm.stream(REQUEST, 50.0) if not isinstance(delta, ModelUsage)])
