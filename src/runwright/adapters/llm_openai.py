"""`Llm` over the chat API that OpenAI, Ollama, vLLM, LM Studio and proxies share."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from runwright.adapters.llm_answers import Answer, brief, complaint
from runwright.adapters.llm_http import Api, Endpoint, HttpLlm
from runwright.model_port import ModelAway, ModelRequest, ModelUsage

RUNGS = ("json_schema", "json_object", "text")


def openai_llm(endpoint: Endpoint) -> HttpLlm:
    """Return a model at an OpenAI-compatible endpoint.

    Raises   Invalid for an address that is none of http, and for a key that no header can hold
    """
    return HttpLlm(endpoint, Api("/chat/completions", _headers, OpenaiDialect()))


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


class OpenaiDialect(NamedTuple):
    """What a server takes of a request's optional parts.

    rung   of `json_schema`, `json_object`, `text`: how the answer's form is asked for
    """

    rung: int = 0
    tokens_name: str = "max_tokens"
    temperature: bool = True
    counts: bool = True

    @property
    def form(self) -> str:
        """See `Dialect.form`."""
        return RUNGS[self.rung]

    def answer(self, *, is_stream: bool, bytes_max: int) -> Answer:
        """See `Dialect.answer`."""
        return OpenaiAnswer(is_stream=is_stream, bytes_max=bytes_max)

    def without(self, said: str) -> OpenaiDialect | None:
        """See `Dialect.without`."""
        said = said.lower()
        if "max_completion_tokens" in said and self.tokens_name == "max_tokens":
            return self._replace(tokens_name="max_completion_tokens")
        if self.tokens_name and self.tokens_name in said:
            return self._replace(tokens_name="")
        if "temperature" in said and self.temperature:
            return self._replace(temperature=False)
        if "stream_options" in said and self.counts:
            return self._replace(counts=False)
        if self.rung + 1 < len(RUNGS):
            return self._replace(rung=self.rung + 1)
        plain = OpenaiDialect(len(RUNGS) - 1, "", temperature=False, counts=False)
        return plain if self != plain else None

    def body(self, model: str, request: ModelRequest) -> dict[str, Any]:
        """See `Dialect.body`."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [message._asdict() for message in request.messages],
            "stream": True,
        }
        if self.tokens_name:
            body[self.tokens_name] = request.tokens_max
        if self.temperature:
            body["temperature"] = 0
        if self.counts:
            body["stream_options"] = {"include_usage": True}
        match RUNGS[self.rung]:
            case "json_schema":
                form = {"name": request.schema_name, "schema": request.schema, "strict": False}
                body["response_format"] = {"type": "json_schema", "json_schema": form}
            case "json_object":
                body["response_format"] = {"type": "json_object"}
        return body


class _Counted(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Part(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Part | None = None
    message: _Part | None = None
    finish_reason: str | None = None


class _Body(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: _Counted | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Body).decode


class OpenaiAnswer(Answer):
    """An answer of the chat API."""

    def _taken(self, data: bytes) -> list[str]:
        try:
            body = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ModelAway(f"the model's server answers what no model answers: {brief(data)}") from None
        if bytes(body.error) != b"null":
            raise ModelAway(f"the model's server broke off: {complaint(data)}")
        if body.usage is not None:
            self.usage = ModelUsage(body.usage.prompt_tokens, body.usage.completion_tokens)
        texts = []
        for choice in (body.choices or ())[:1]:
            self._finish = choice.finish_reason or self._finish
            for part in (choice.delta, choice.message):
                if part is not None:
                    self._refusal += part.refusal or ""
                    texts.append(part.content or "")
        return [text for text in texts if text]
