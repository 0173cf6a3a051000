"""How the scripted model's server speaks: the chat API of OpenAI, and the messages API of Anthropic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from runwright.testing.model_server import Reply

_STOPPED = {"length": "max_tokens", "content_filter": "refusal"}


class Wire(Protocol):
    """The events of a streamed answer."""

    def opening(self, reply: Reply) -> bytes:
        """Return what comes before the text."""

    def piece(self, text: str) -> bytes:
        """Return a piece of the text."""

    def closing(self, reply: Reply) -> bytes:
        """Return what comes behind the text."""


class OpenaiWire:
    """Chat completions."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._counts = bool(request.get("stream_options"))

    def opening(self, reply: Reply) -> bytes:
        """See `Wire.opening`."""
        return b""

    def piece(self, text: str) -> bytes:
        """See `Wire.piece`."""
        return _data({"choices": [{"delta": {"content": text}}]})

    def closing(self, reply: Reply) -> bytes:
        """See `Wire.closing`."""
        said = _data({"choices": [{"delta": {}, "finish_reason": reply.finish}]})
        if reply.counted is not None and self._counts:
            prompt, answer = reply.counted
            usage = {"prompt_tokens": prompt, "completion_tokens": answer}
            said += _data({"choices": [], "usage": usage})
        return said + (b"data: [DONE]\n\n" if reply.finish is not None else b"")


class AnthropicWire:
    """Messages; a tool that has to be called is called."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._calls = request.get("tool_choice", {}).get("type") == "tool"

    def opening(self, reply: Reply) -> bytes:
        """See `Wire.opening`."""
        usage = {} if reply.counted is None else {"input_tokens": reply.counted[0], "output_tokens": 1}
        block = (
            {"type": "tool_use", "name": "plan", "input": {}} if self._calls else {"type": "text", "text": ""}
        )
        return _event("message_start", message={"role": "assistant", "content": [], "usage": usage}) + _event(
            "content_block_start", index=0, content_block=block
        )

    def piece(self, text: str) -> bytes:
        """See `Wire.piece`."""
        kind, name = ("input_json_delta", "partial_json") if self._calls else ("text_delta", "text")
        return _event("content_block_delta", index=0, delta={"type": kind, name: text})

    def closing(self, reply: Reply) -> bytes:
        """See `Wire.closing`."""
        said = _event("content_block_stop", index=0)
        if reply.finish is None:
            return said
        reason = _STOPPED.get(reply.finish, "tool_use" if self._calls else "end_turn")
        usage = {} if reply.counted is None else {"output_tokens": reply.counted[1]}
        return (
            said
            + _event("message_delta", delta={"stop_reason": reason}, usage=usage)
            + _event("message_stop")
        )


WIRES: dict[str, type[OpenaiWire | AnthropicWire]] = {
    "/v1/chat/completions": OpenaiWire,
    "/v1/messages": AnthropicWire,
}


def _data(value: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, **fields})
