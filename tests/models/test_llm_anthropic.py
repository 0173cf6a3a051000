"""The adapter to Anthropic's messages API, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from models.serving import calculation, serving
from runwright.adapters.llm_anthropic import AnthropicDialect, anthropic_llm
from runwright.adapters.llm_http import Endpoint, HttpLlm
from runwright.adapters.prices import price_of
from runwright.core import events as ev
from runwright.model_port import Message, ModelAway, ModelRefused, ModelRequest, ModelUsage
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply, planned, refused, said_in

SCHEMA = {"type": "object", "properties": {"goal": {"type": "string"}}}
TALK = (
    Message("system", "be brief"),
    Message("user", "hello"),
    Message("assistant", " "),
    Message("user", "again"),
)
REQUEST = ModelRequest(TALK, SCHEMA, "plan", 100)
TEXT = '{"goal": "größer", "steps": []}'


async def asked(llm: HttpLlm) -> tuple[str, ModelUsage | None]:
    text, usage = "", None
    async for delta in llm.stream(REQUEST, 30.0):
        if isinstance(delta, ModelUsage):
            usage = delta
        else:
            text += delta
    return text, usage


@pytest.mark.parametrize("piece_size", [1, 7, 1000])
async def test_an_answer_arrives_whole_however_it_is_cut_into_pieces(piece_size: int) -> None:
    """The form is the input of a tool that has to be called; tokens and key are where Anthropic has them."""
    async with ModelServer([Reply(text=TEXT, piece_size=piece_size)]) as server:
        llm = anthropic_llm(Endpoint(server.base_url, "claude", "key-123"))
        assert await asked(llm) == (TEXT, ModelUsage(100, 20))
        await llm.aclose()
    assert server.keys == ["key-123"]
    assert server.requests == [
        {
            "model": "claude",
            "max_tokens": 100,
            "system": "be brief",
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "(nothing)"},
                {"role": "user", "content": "again"},
            ],
            "stream": True,
            "temperature": 0,
            "tools": [{"name": "plan", "description": "Takes the plan.", "input_schema": SCHEMA}],
            "tool_choice": {"type": "tool", "name": "plan"},
        }
    ]


async def test_a_server_that_does_not_stream_is_understood() -> None:
    """One JSON body in the place of a stream is the same answer; tokens of its cache count as those of a prompt."""
    body = (
        b'{"type": "message", "content": [{"type": "text", "text": ""}, {"type": "tool_use", "input": {"a": 1}}],'
        b'"stop_reason": "tool_use", "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5}}'
    )
    async with ModelServer([Reply(body=body, headers={"Content-Type": "application/json"})]) as server:
        llm = anthropic_llm(Endpoint(server.base_url, "claude"))
        assert await asked(llm) == ('{"a": 1}', ModelUsage(7, 5))
        await llm.aclose()


async def test_what_a_server_does_not_take_is_left_out_and_remembered() -> None:
    """A temperature, then the tool; the next question begins where the last one ended."""

    def script(request: dict[str, Any]) -> Reply:
        if "temperature" in request:
            return refused(400, "`temperature` is deprecated for this model.")
        if "tools" in request:
            return refused(400, "tool_choice: forced tool use is not supported")
        return Reply(text=TEXT)

    async with ModelServer(script) as server:
        llm = anthropic_llm(Endpoint(server.base_url, "claude"))
        assert [(await asked(llm))[0], (await asked(llm))[0]] == [TEXT, TEXT]
        await llm.aclose()
    assert [("temperature" in one, "tools" in one) for one in server.requests] == [
        (True, True),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert llm.form == "text"


def test_a_server_that_refuses_everything_is_left() -> None:
    """The last attempt is the plainest."""
    dialect: AnthropicDialect | None = AnthropicDialect()
    tried = []
    while dialect is not None:
        tried.append(dialect)
        dialect = dialect.without("no")
    assert tried == [AnthropicDialect(), AnthropicDialect(1), AnthropicDialect(1, temperature=False)]


async def test_an_error_in_the_middle_is_an_outage_in_its_words() -> None:
    """The server says so by an event."""
    said = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    async with ModelServer([Reply(body=said, headers={"Content-Type": "text/event-stream"})]) as server:
        llm = anthropic_llm(Endpoint(server.base_url, "claude"))
        with pytest.raises(ModelAway, match="broke off: Overloaded"):
            await asked(llm)
        await llm.aclose()


async def test_a_refusal_is_none_of_the_servers_fault() -> None:
    """The model declines: no outage."""
    async with ModelServer([Reply(text=TEXT, finish="content_filter")]) as server:
        llm = anthropic_llm(Endpoint(server.base_url, "claude"))
        with pytest.raises(ModelRefused, match="held the answer back"):
            await asked(llm)
        await llm.aclose()


async def test_a_prompt_is_planned_judged_and_corrected_as_with_any_model(settings: Settings) -> None:
    """Defects go back, the judge answers by its own schema, and all calls are counted."""
    wrong = planned(calculation("{step_9_output}"))
    right = planned(calculation("2 + 3"), calculation("{step_1_output} * 10"))
    verdict = '{"is_valid": true, "confidence": 0.9, "issues": [], "suggestions": []}'
    plans = iter([wrong, right])

    def script(request: dict[str, Any]) -> Reply:
        return Reply(text=verdict if request["tool_choice"]["name"] == "verdict" else next(plans))

    async with serving(settings, script, llm_provider="anthropic", judge="llm") as it:
        run = await it.run("how much is two and three, tenfold?")
        calls = await it.facts(run, ev.PlanModelCalled)
    assert (run["status"], run["result"], run["plan"]["source"]) == ("completed", 50, "llm")
    assert [call.purpose for call in calls] == ["plan", "plan", "judge"] and run["usage"][
        "prompt_tokens"
    ] == 300
    assert wrong in said_in(it.server.requests[1])


def test_prices_of_its_models_are_known() -> None:
    """By the installed list."""
    paid = price_of("https://api.anthropic.com/v1", "claude-3-5-haiku-latest")(
        ModelUsage(1_000_000, 1_000_000)
    )
    assert paid is not None and paid > 0
