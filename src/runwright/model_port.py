"""The port to language models: what planning asks of one, and what its adapter promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from runwright.core.errors import RunwrightError


class Message(NamedTuple):
    role: Literal["system", "user", "assistant"]
    content: str


class ModelRequest(NamedTuple):
    """A question to a model.

    schema         JSON Schema of the answer, an object; models obey it as far as they can
    schema_name    what the answer is, in letters and underscores
    tokens_max     of the answer
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any]
    schema_name: str
    tokens_max: int


class ModelUsage(NamedTuple):
    """What a call took, as the model's server counts it; None where it does not say."""

    prompt_tokens: int | None
    completion_tokens: int | None


Delta: TypeAlias = str | ModelUsage


class Llm(Protocol):
    """One language model. It never tries again on its own."""

    @property
    def model(self) -> str:
        """The model's name, as its server knows it."""

    def stream(self, request: ModelRequest, timeout_s: float) -> AsyncGenerator[Delta, None]:
        """Yield the answer's text, piece by piece, and what it took where the server tells.

        The iterator ends only behind a whole answer; its bytes and its time are bounded.
        Raises   ModelAway, ModelBusy, ModelRefused, ModelAnswerCut
        """


class ModelError(RunwrightError):
    """The language model gave no answer.

    retry_after_s   for so long its server asked to be left alone; 0 when it did not
    """

    code = "model_failed"
    is_outage: ClassVar[bool] = False
    retry_after_s: float = 0.0


class ModelAway(ModelError):
    """The language model cannot be reached, or breaks off, or answers what no model answers."""

    code = "model_unavailable"
    retryable = True
    is_outage = True

    def __init__(self, detail: str, *, hint: str | None = None, retry_after_s: float = 0.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail, hint=hint)


class ModelBusy(ModelError):
    """The language model asked to be left alone for a while."""

    code = "model_busy"
    retryable = True

    def __init__(self, detail: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail)


class ModelRefused(ModelError):
    """The language model's server refused the request."""

    code = "model_refused"


class ModelAnswerCut(ModelError):
    """The language model's answer ended before it was complete."""

    code = "model_answer_cut"
