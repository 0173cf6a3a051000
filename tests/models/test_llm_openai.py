"""The adapter to OpenAI-compatible servers, over real HTTP: what comes back, and every way not to get it."""

from __future__ import annotations

import asyncio

import pytest

from runwright.adapters.llm_answers import retry_after_s
from runwright.adapters.llm_http import Endpoint, HttpLlm
from runwright.adapters.llm_openai import OpenaiAnswer, OpenaiDialect, openai_llm
from runwright.core.errors import Invalid
from runwright.model_port import (
    Message,
    ModelAnswerCut,
    ModelAway,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelRequest,
    ModelUsage,
)
from runwright.testing.model_server import ModelServer, Reply, refused, web_page
from services.ports import own_port

REQUEST = ModelRequest((Message("user", "hello"),), {"type": "object"}, "plan", 100)
TEXT = '{"goal": "größer", "steps": []}'


async def asked(
    server: ModelServer, llm: HttpLlm | None = None, timeout_s: float = 20.0, **bounds: float
) -> tuple[str, ModelUsage | None]:
    own = llm or openai_llm(Endpoint(server.base_url, "m", "key-123", **bounds))  # type: ignore[arg-type]
    text, usage = "", None
    try:
        async for delta in own.stream(REQUEST, timeout_s):
            if isinstance(delta, ModelUsage):
                usage = delta
            else:
                text += delta
    finally:
        if llm is None:
            await own.aclose()
    return text, usage


async def failure(server: ModelServer, **bounds: float) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await asked(server, **bounds)
    return caught.value


@pytest.mark.parametrize("piece_size", [1, 7, 1000])
async def test_an_answer_arrives_whole_however_it_is_cut_into_pieces(piece_size: int) -> None:
    """Text and tokens are those that the server sent, and the key goes along."""
    async with ModelServer([Reply(text=TEXT, piece_size=piece_size)]) as server:
        assert await asked(server) == (TEXT, ModelUsage(100, 20))
    assert server.keys == ["Bearer key-123"]
    assert server.requests[0]["model"] == "m" and server.requests[0]["stream"] is True


async def test_a_server_that_does_not_stream_is_understood() -> None:
    """One JSON body in the place of a stream is the same answer."""
    body = b'{"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}'
    async with ModelServer([Reply(body=body, headers={"Content-Type": "application/json"})]) as server:
        assert await asked(server) == ("hi", ModelUsage(1, 2))


async def test_a_server_that_takes_no_connection_is_told_by_what_was_waited_for() -> None:
    """One that speaks no TLS says nothing to a greeting in it, as one behind a wall says nothing to any."""
    async with ModelServer([Reply(text=TEXT)]) as server:
        llm = openai_llm(Endpoint(server.base_url.replace("http:", "https:"), "m", connect_s=0.5))
        with pytest.raises(ModelAway, match=r"cannot be reached: no connection within 0\.5 s$") as caught:
            await asked(server, llm)
        await llm.aclose()
    assert caught.value.hint == "is it running, and is RUNWRIGHT_LLM_BASE_URL its address?"


async def test_a_connection_that_breaks_says_how() -> None:
    """The library says nothing about it; what the system said to the library does."""
    async with ModelServer([Reply(text=TEXT, cut_at=9)]) as server:
        assert (await failure(server)).message.endswith("Connection reset by peer")


async def test_a_server_that_counts_nothing_has_no_usage() -> None:
    """Unknown is not zero."""
    async with ModelServer([Reply(text="x", counted=None)]) as server:
        assert await asked(server) == ("x", None)


async def test_the_ladder_goes_down_to_what_a_server_takes_and_is_remembered() -> None:
    """json_schema, then json_object, then text; the next question begins where the last one ended."""

    def script(request: dict[str, object]) -> Reply:
        if "response_format" in request:
            return refused(400, "response_format is not supported")
        return Reply(text=TEXT)

    async with ModelServer(script) as server:
        llm = openai_llm(Endpoint(server.base_url, "m"))
        await asked(server, llm)
        await asked(server, llm)
        await llm.aclose()
    kinds = [r.get("response_format", {}).get("type") for r in server.requests]
    assert kinds == ["json_schema", "json_object", None, None]
    assert llm.form == "text"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", OpenaiDialect(tokens_name="max_completion_tokens")),
        ("unknown field max_tokens", OpenaiDialect(tokens_name="")),
        ("'temperature' does not support 0 with this model", OpenaiDialect(temperature=False)),
        ("Extra inputs are not permitted: stream_options", OpenaiDialect(counts=False)),
        ("no", OpenaiDialect(rung=1)),
    ],
)  # fmt: skip
def test_what_a_refusal_names_is_left_out(said: str, expected: OpenaiDialect) -> None:
    """One part at a time; where nothing is named, the form is asked for less strictly."""
    assert OpenaiDialect().without(said) == expected


def test_leaving_out_ends() -> None:
    """Whatever is said, a server that takes nothing is given up after a few tries."""
    dialect: OpenaiDialect | None = OpenaiDialect()
    tries = 0
    while dialect is not None:
        dialect, tries = (
            dialect.without("max_completion_tokens max_tokens temperature stream_options"),
            tries + 1,
        )
    assert tries <= 8


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
        (400, "the request exceeds the available context size. try increasing the context size"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (413, "input is too long for requested model"),
        (422, "context_length_exceeded"),
    ],
)
async def test_a_question_that_is_too_long_is_asked_once(status: int, said: str) -> None:
    """Leaving optional parts out makes it no shorter; what would is said."""
    async with ModelServer([refused(status, said)]) as server:
        error = await failure(server)
    assert isinstance(error, ModelRefused) and said in error.message
    assert "RUNWRIGHT_LLM_TOOL_TOKENS_MAX" in str(error.hint)
    assert len(server.requests) == 1


async def test_a_request_that_no_dialect_mends_is_refused_and_nothing_is_remembered() -> None:
    """The words of the server are told."""
    async with ModelServer([refused(400, "the context is too long")]) as server:
        llm = openai_llm(Endpoint(server.base_url, "m"))
        with pytest.raises(ModelRefused, match="the context is too long"):
            await asked(server, llm)
        await llm.aclose()
    assert llm.form == "json_schema" and len(server.requests) <= 8


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (refused(500, "boom"), ModelAway, "answers 500: boom"),
        (refused(503, "loading"), ModelAway, "503: loading"),
        (refused(429, "slow down"), ModelAway, "429: slow down"),
        (refused(429, "slow down", Retry_After="7"), ModelBusy, "asks for 7 s of rest"),
        (refused(401, "bad key-123"), ModelRefused, "401: bad (key)"),
        (refused(404, "no model m"), ModelRefused, "no model m"),
        (web_page(), ModelAway, "text/html"),
        (web_page(502), ModelAway, "502: an HTML page"),
        (Reply(status=302, body=b"", headers={"Location": "http://127.0.0.1:1/"}), ModelRefused, "302"),
        (Reply(body=b"not json", headers={"Content-Type": "application/json"}), ModelAway, "no model answers: not json"),
        (Reply(body=b"", headers={"Content-Type": "text/event-stream"}), ModelAway, "broke off"),
        (Reply(body=b'data: {"error": {"message": "out of memory"}}\n\n', headers={"Content-Type": "text/event-stream"}), ModelAway, "out of memory"),
        (Reply(body=b"x", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}), ModelAway, "gzip"),
        (Reply(text=TEXT, cut_at=9), ModelAway, "broke off"),
        (Reply(text=TEXT, hang_up_at=9), ModelAway, "broke off"),
        (Reply(text=TEXT, finish=None), ModelAway, "broke off"),
        (Reply(text=TEXT, finish="length"), ModelAnswerCut, "most tokens"),
        (Reply(text=TEXT, finish="content_filter"), ModelRefused, "content_filter"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_told_in_one_line(reply: Reply, kind: type[ModelError], said: str) -> None:
    """Each failure has its kind, its words, and never the key."""
    async with ModelServer([reply]) as server:
        error = await failure(server)
    assert type(error) is kind and said in error.message
    assert "\n" not in error.message and "key-123" not in error.message


@pytest.mark.parametrize("cut_at", range(0, len(TEXT), 5))
async def test_a_stream_cut_anywhere_is_an_outage(cut_at: int) -> None:
    """No half answer passes for a whole one."""
    async with ModelServer([Reply(text=TEXT, cut_at=cut_at, piece_size=3)]) as server:
        assert (await failure(server)).is_outage


async def test_a_stream_that_does_not_end_is_given_up_at_its_bound() -> None:
    """Of 50 MB no more than 2 MiB are read."""
    async with ModelServer([Reply(text=TEXT, filler_bytes=50_000_000)]) as server:
        assert "larger than 2097152 bytes" in (await failure(server)).message


async def test_silence_is_given_up() -> None:
    """A model that stops talking is away after `silence_s`, whatever time is left in all."""
    async with ModelServer([Reply(text=TEXT, hold_at=9)]) as server:
        assert "said nothing for 0.2 s" in (await failure(server, silence_s=0.2)).message


async def test_a_model_that_talks_for_too_long_is_given_up() -> None:
    """The time in all counts, however lively the stream is."""

    async with ModelServer([Reply(text="x" * 2_000_000, piece_size=1)]) as server:
        assert "did not answer within 0.3 s" in (await failure(server, timeout_s=0.3)).message


async def test_a_server_that_is_not_there_is_an_outage_that_names_the_address() -> None:
    """The place is told, and what to look at."""
    server = ModelServer([])
    server.base_url = f"http://127.0.0.1:{own_port()}/v1"
    error = await failure(server)
    assert error.is_outage and server.base_url.removesuffix("/v1") in error.message and error.hint


async def test_leaving_the_stream_closes_the_connection() -> None:
    """Who does not want the rest does not get it."""
    async with ModelServer([Reply(text=TEXT, hold_at=9)]) as server:
        llm = openai_llm(Endpoint(server.base_url, "m"))
        stream = llm.stream(REQUEST, 20.0)
        assert await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert llm._client is not None and not llm._client._transport._pool.connections  # type: ignore[attr-defined]
        await llm.aclose()


@pytest.mark.parametrize(
    "url", ["", "ftp://x/v1", "http://", "localhost:11434", "http://u:p@h/v1", "http://h:0/v1", "http://h/v1?k=1", "http://[/v1"]
)  # fmt: skip
def test_an_address_of_no_server_is_refused_at_once(url: str) -> None:
    """The setting is named."""
    with pytest.raises(Invalid, match="RUNWRIGHT_LLM_BASE_URL"):
        openai_llm(Endpoint(url, "m"))


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "a\x00b"])
def test_a_key_that_no_header_can_hold_is_refused_at_once(key: str) -> None:
    """The setting is named, and the key is not."""
    with pytest.raises(Invalid, match="RUNWRIGHT_LLM_API_KEY") as refusal:
        openai_llm(Endpoint("http://127.0.0.1:1/v1", "m", key))
    assert key not in str(refusal.value)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("1e9", 600.0), ("nan", None), ("", None), ("soon", None),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Fri, 01 Jan 2100 00:00:00 GMT", 600.0)],
)  # fmt: skip
def test_a_wish_for_rest_is_bounded(header: str, expected: float | None) -> None:
    """Seconds or a date, at most ten minutes; what is neither is no wish."""
    assert retry_after_s(header) == expected


def test_noise_between_the_data_is_left_out() -> None:
    """Comments, event names, empty and half lines are what servers send to keep a connection open."""
    answer = OpenaiAnswer(is_stream=True, bytes_max=10_000)
    stream = b': PING\r\n\r\nevent: x\r\ndata:\r\ndata: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\ndata: [DONE]\r\ndata: junk\r\n'
    texts = [text for at in range(len(stream)) for text in answer.feed(stream[at : at + 1])]
    assert texts == ["a"] and answer.is_done


async def test_many_questions_at_once_share_the_client() -> None:
    """Each has its own answer."""
    async with ModelServer(lambda request: Reply(text=TEXT)) as server:
        llm = openai_llm(Endpoint(server.base_url, "m"))
        answers = await asyncio.gather(*(asked(server, llm) for _ in range(20)))
        await llm.aclose()
    assert {text for text, _ in answers} == {TEXT} and server.open_max <= 8
