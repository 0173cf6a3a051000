"""What servers of models answer, whatever their API is: streams, whole bodies, and complaints."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from email.utils import parsedate_to_datetime

import msgspec

from runwright.model_port import ModelAnswerCut, ModelAway, ModelRefused, ModelUsage
from runwright.visible import visible

SAID_MAX = 300
RETRY_AFTER_S_MAX = 600.0


class Answer(ABC):
    """One answer as it comes in, in pieces of any size.

    is_stream   server-sent events; else one JSON body
    """

    def __init__(self, *, is_stream: bool, bytes_max: int) -> None:
        self._is_stream, self._bytes_max = is_stream, bytes_max
        self._rest, self._size = bytearray(), 0
        self._finish: str | None = None  # in the words of OpenAI
        self._refusal = ""
        self.is_done = False
        self.usage: ModelUsage | None = None

    def feed(self, chunk: bytes) -> list[str]:
        """Return the text that a piece completes.

        Raises   ModelAway for what no model answers, and for more bytes than may come
        """
        self._size += len(chunk)
        if self._size > self._bytes_max:
            raise ModelAway(
                f"the model's answer is larger than {self._bytes_max} bytes",
                hint="RUNWRIGHT_LLM_BYTES_MAX bounds it",
            )
        self._rest += chunk
        if not self._is_stream:
            return []
        *lines, rest = self._rest.split(b"\n") if b"\n" in chunk else (self._rest,)
        self._rest = rest
        return [text for line in lines for text in self._line(bytes(line))]

    def end(self) -> list[str]:
        """Return what the end of the answer completes.

        Raises   ModelAway when the answer broke off
        """
        if self._is_stream:
            texts = self._line(bytes(self._rest))
        else:
            texts = self._taken(bytes(self._rest))
            self._finish = self._finish or "stop"
        self._rest.clear()
        if not self.is_done and self._finish is None:
            raise ModelAway("the model's answer broke off")
        return texts

    def verify(self) -> None:
        """Refuse an answer that is whole on the wire and yet none.

        Raises   ModelAnswerCut, ModelRefused
        """
        if self._refusal:
            raise ModelRefused(f"the model refuses: {brief(self._refusal)}")
        if self._finish == "content_filter":
            raise ModelRefused("the model's server held the answer back: content_filter")
        if self._finish == "length":
            raise ModelAnswerCut(
                "the model's answer was cut at the most tokens that it may have",
                hint="RUNWRIGHT_LLM_ANSWER_TOKENS_MAX, or the context length of the model's server",
            )

    def _line(self, line: bytes) -> list[str]:
        if self.is_done or not line.startswith(b"data:"):
            return []  # comments, names of events, empty lines
        data = line[5:].strip()
        if data == b"[DONE]":
            self.is_done = True
            return []
        return self._taken(data) if data else []

    @abstractmethod
    def _taken(self, data: bytes) -> list[str]:
        """The text in one JSON value that the server sent."""


class _Complaint(msgspec.Struct, frozen=True):
    message: str = ""


class _Complaining(msgspec.Struct, frozen=True):
    error: _Complaint | str | None = None
    message: str | None = None
    detail: str | None = None


def complaint(body: bytes) -> str:
    """Return what a server's error says, on one line."""
    try:
        told = msgspec.json.decode(body, type=_Complaining)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        start = body[:200].lstrip().lower()
        return "an HTML page" if start.startswith((b"<!doctype", b"<html")) else brief(body)
    error = told.error.message if isinstance(told.error, _Complaint) else told.error
    return brief(error or told.message or told.detail or body)


def brief(said: str | bytes) -> str:
    """Return the beginning of what a server said, on one line and without control characters."""
    if isinstance(said, bytes):
        said = said[: 4 * SAID_MAX].decode("utf-8", "replace")
    line = visible(" ".join(said[: 4 * SAID_MAX].split()))
    return (line if len(line) <= SAID_MAX else f"{line[:SAID_MAX]}…") or "nothing"


def words(error: BaseException) -> str:
    """Return what an error says, or what led to it where it says nothing, or else what it is."""
    told: BaseException | None = error
    while told is not None:
        if said := str(told):
            return said
        told = told.__cause__ or told.__context__
    return type(error).__name__


def retry_after_s(header: str) -> float | None:
    """Return how long a server wants to be left alone, at most 10 minutes; None when it does not say."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if seconds == seconds else None
