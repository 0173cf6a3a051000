"""`Llm` over the messages API of Anthropic.

The form of an answer is asked for as the input of a tool that the model has to call; where that is refused,
in words alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from runwright.adapters.llm_answers import Answer, brief, complaint
from runwright.adapters.llm_http import Api, Endpoint, HttpLlm
from runwright.model_port import ModelAway, ModelRequest, ModelUsage

VERSION = "2023-06-01"
RUNGS = ("tool", "text")
_FINISHED = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


def anthropic_llm(endpoint: Endpoint) -> HttpLlm:
    """Return a model of Anthropic.

    Raises   Invalid for an address that is none of http, and for a key that no header can hold
    """
    return HttpLlm(endpoint, Api("/messages", _headers, AnthropicDialect()))


def _headers(key: str) -> dict[str, str]:
    return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})


class AnthropicDialect(NamedTuple):
    """What a server takes of a request's optional parts.

    rung   of `tool` and `text`: how the answer's form is asked for
    """

    rung: int = 0
    temperature: bool = True

    @property
    def form(self) -> str:
        """See `Dialect.form`."""
        return RUNGS[self.rung]

    def answer(self, *, is_stream: bool, bytes_max: int) -> Answer:
        """See `Dialect.answer`."""
        return AnthropicAnswer(is_stream=is_stream, bytes_max=bytes_max)

    def without(self, said: str) -> AnthropicDialect | None:
        """See `Dialect.without`."""
        if "temperature" in said.lower() and self.temperature:
            return self._replace(temperature=False)
        if self.rung + 1 < len(RUNGS):
            return self._replace(rung=self.rung + 1)
        return self._replace(temperature=False) if self.temperature else None

    def body(self, model: str, request: ModelRequest) -> dict[str, Any]:
        """See `Dialect.body`."""
        told = request.messages
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": request.tokens_max,
            # an empty text is refused
            "messages": [
                {"role": one.role, "content": one.content.strip() or "(nothing)"}
                for one in told
                if one.role != "system"
            ],
            "stream": True,
        }
        if system := "\n".join(one.content for one in told if one.role == "system"):
            body["system"] = system
        if self.temperature:
            body["temperature"] = 0
        if RUNGS[self.rung] == "tool":
            name = request.schema_name
            form = {"name": name, "description": f"Takes the {name}.", "input_schema": request.schema}
            body["tools"] = [form]
            body["tool_choice"] = {"type": "tool", "name": name}
        return body


class _Counted(msgspec.Struct, frozen=True):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Block(msgspec.Struct, frozen=True):
    """A part of the answer, or of such a part."""

    text: str | None = None
    partial_json: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    stop_reason: str | None = None


class _Whole(msgspec.Struct, frozen=True):
    content: list[_Block] = []
    stop_reason: str | None = None
    usage: _Counted | None = None


class _Body(msgspec.Struct, frozen=True):
    """An event of a stream, or a whole answer."""

    type: str = ""
    message: _Whole | None = None
    delta: _Block | None = None
    content_block: _Block | None = None
    content: list[_Block] = []
    stop_reason: str | None = None
    usage: _Counted | None = None


_decode = msgspec.json.Decoder(_Body).decode


class AnthropicAnswer(Answer):
    """An answer of the messages API."""

    def __init__(self, *, is_stream: bool, bytes_max: int) -> None:
        super().__init__(is_stream=is_stream, bytes_max=bytes_max)
        self._prompt_tokens: int | None = None

    def _taken(self, data: bytes) -> list[str]:
        try:
            body = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ModelAway(f"the model's server answers what no model answers: {brief(data)}") from None
        if body.type == "error":
            raise ModelAway(f"the model's server broke off: {complaint(data)}")
        texts: list[str] = []
        if body.type == "message":
            self._counted(body.usage)
            self._ended(body.stop_reason)
            texts = [text for block in body.content for text in (block.text or "", _written(block))]
        elif body.message is not None:
            self._counted(body.message.usage)
        elif body.content_block is not None:
            texts = [body.content_block.text or ""]
        elif body.delta is not None:
            self._counted(body.usage)
            self._ended(body.delta.stop_reason)
            texts = [body.delta.text or "", body.delta.partial_json or ""]
        self.is_done = self.is_done or body.type == "message_stop"
        return [text for text in texts if text]

    def _counted(self, usage: _Counted | None) -> None:
        """Take over what is told; a stream tells the tokens of the prompt first, those of the answer last."""
        if usage is None:
            return
        if usage.input_tokens is not None:
            kept = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
            self._prompt_tokens = usage.input_tokens + kept
        if usage.output_tokens is not None:
            self.usage = ModelUsage(self._prompt_tokens, usage.output_tokens)

    def _ended(self, reason: str | None) -> None:
        if reason is not None:
            self._finish = _FINISHED.get(reason, "stop")


def _written(block: _Block) -> str:
    """What a tool was called with, as it stands in the answer."""
    text = bytes(block.input).decode()
    return "" if text == "{}" else text
