"""`Llm` over HTTP: every byte counts against a bound, every wait has an end, and nothing is tried twice.

What servers with one API take differs: what one refuses is left out, and that is remembered (see `Dialect`).
What opens connections is loaded with the first question.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec

from runwright.adapters.llm_answers import Answer, brief, complaint, retry_after_s, words
from runwright.core.errors import Invalid
from runwright.model_port import Delta, ModelAway, ModelBusy, ModelRefused, ModelRequest
from runwright.version import VERSION

if TYPE_CHECKING:
    import httpx2

COMPLAINT_BYTES_MAX = 64 * 1024
DIALECTS_MAX = 8
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|(prompt|input) is too long|too many (input )?tokens", re.I
)
_SHORTER = "lower RUNWRIGHT_LLM_TOOL_TOKENS_MAX or RUNWRIGHT_LLM_ANSWER_TOKENS_MAX, or use a larger model"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Endpoint(NamedTuple):
    """Where a model is, and how much of it may come back.

    base_url   with the version: https://api.openai.com/v1
    connect_s  to reach the server
    silence_s  between two pieces of an answer, and until the first
    """

    base_url: str
    model: str
    api_key: str = ""
    bytes_max: int = 2 * 1024 * 1024
    connect_s: float = 5.0
    silence_s: float = 30.0
    connections_max: int = 8


class Dialect(Protocol):
    """How a server is asked: the optional parts of a request that it takes."""

    @property
    def form(self) -> str:
        """How the answer's form is asked for."""

    def body(self, model: str, request: ModelRequest) -> dict[str, Any]:
        """Return the body of a request."""

    def answer(self, *, is_stream: bool, bytes_max: int) -> Answer:
        """Return the reader for what comes back."""

    def without(self, said: str) -> Dialect | None:
        """Return what to try after a refusal with these words; None when nothing is left to leave out."""


class Api(NamedTuple):
    """What servers of one kind have in common.

    path      of questions, behind the base URL
    headers   with a key, which may be empty
    dialect   that is tried first
    """

    path: str
    headers: Callable[[str], dict[str, str]]
    dialect: Dialect


class HttpLlm:
    """`Llm` at an endpoint with this API.

    Raises   Invalid for an address that is none of http, and for a key that no header can hold
    """

    def __init__(self, endpoint: Endpoint, api: Api) -> None:
        url = _url(endpoint.base_url)
        if not (endpoint.api_key.isascii() and endpoint.api_key.isprintable()):
            raise Invalid("RUNWRIGHT_LLM_API_KEY holds characters that no key has", hint="copy it once more")
        self._endpoint, self._url, self._place = endpoint, url.geturl(), f"{url.scheme}://{url.netloc}"
        self._is_here = url.hostname in LOOPBACK
        self._api, self._dialect = api, api.dialect
        self._client: httpx2.AsyncClient | None = None
        self._connecting = asyncio.Lock()

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def form(self) -> str:
        """How the answer's form is asked for, as far as the server takes it."""
        return self._dialect.form

    async def stream(self, request: ModelRequest, timeout_s: float) -> AsyncGenerator[Delta, None]:
        """See `Llm.stream`."""
        until_s = asyncio.get_running_loop().time() + timeout_s
        await self._connected()
        import httpx2

        try:
            response = await self._opened(request, until_s)
            try:
                answer = self._answer(response)
                pieces = response.aiter_raw()
                while not answer.is_done:
                    async with asyncio.timeout_at(until_s):
                        piece = await anext(pieces, None)
                    for text in answer.end() if piece is None else answer.feed(piece):
                        yield text
                    if piece is None:
                        break
                if answer.usage is not None:
                    yield answer.usage
                answer.verify()
            finally:
                await response.aclose()
        except TimeoutError:
            raise ModelAway(
                f"the model did not answer within {timeout_s:.3g} s", hint="RUNWRIGHT_LLM_TIMEOUT_S"
            ) from None
        except httpx2.HTTPError as error:
            raise self._failure(error) from None

    async def models(self, timeout_s: float) -> tuple[str, ...]:
        """Return the names of the models that the server has; none when it does not tell."""
        client = await self._connected()
        import httpx2

        try:
            async with asyncio.timeout(timeout_s):
                asked = client.build_request("GET", f"{self._url}/models")
                response = await client.send(asked, stream=True)
                try:
                    body = await _beginning(response)
                finally:
                    await response.aclose()
            return tuple(brief(model.id) for model in msgspec.json.decode(body, type=_Models).data[:50])
        except (TimeoutError, httpx2.HTTPError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _connected(self) -> httpx2.AsyncClient:
        async with self._connecting:
            if self._client is None:
                # loading it, and the certificates of the world, would hold the loop for a quarter of a second
                self._client = await asyncio.to_thread(self._new_client)
        return self._client

    def _new_client(self) -> httpx2.AsyncClient:
        import httpx2

        endpoint, most = self._endpoint, self._endpoint.connections_max
        silence_s = endpoint.silence_s
        key = self._api.headers(endpoint.api_key)
        return httpx2.AsyncClient(
            headers={"User-Agent": f"runwright/{VERSION}", "Accept-Encoding": "identity", **key},
            timeout=httpx2.Timeout(silence_s, connect=endpoint.connect_s),
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
            # a proxy stands between us and the world, not between us and ourselves
            trust_env=not self._is_here,
            follow_redirects=False,  # the key goes to the address that was configured, nowhere else
        )

    async def _opened(self, request: ModelRequest, until_s: float) -> httpx2.Response:
        """The response to a request in the dialect that the server takes."""
        dialect: Dialect | None = self._dialect
        said = ""
        for _ in range(DIALECTS_MAX):
            if dialect is None:
                break
            async with asyncio.timeout_at(until_s):
                response = await self._asked(request, dialect)
                if response.status_code == 200:
                    self._dialect = dialect
                    return response
                try:
                    said = self._redacted(complaint(await _beginning(response)))
                finally:
                    await response.aclose()
            if response.status_code in (400, 413, 422) and _TOO_LONG.search(said):
                # whatever is left out, the question stays as long as it is
                raise ModelRefused(f"the question is too long for the model: {said}", hint=_SHORTER)
            if response.status_code not in (400, 422):
                raise _refusal(response, said)
            dialect = dialect.without(said)
        raise ModelRefused(f"the model's server refuses the request: {said}")

    async def _asked(self, request: ModelRequest, dialect: Dialect) -> httpx2.Response:
        client = await self._connected()
        body = msgspec.json.encode(dialect.body(self._endpoint.model, request))
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
        asked = client.build_request("POST", f"{self._url}{self._api.path}", content=body, headers=headers)
        return await client.send(asked, stream=True)

    def _answer(self, response: httpx2.Response) -> Answer:
        """The reader for a response.

        Raises   ModelAway when it is of a kind that holds no answer
        """
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise ModelAway(
                f"the model's server answers in the encoding {coding[:20]!r}, which nobody asked for"
            )
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("text/event-stream", "application/json"):
            raise ModelAway(
                f"the model's server answers with {kind[:60] or 'nothing'} in the place of an answer",
                hint="does RUNWRIGHT_LLM_BASE_URL end in the version, such as /v1?",
            )
        is_stream = kind == "text/event-stream"
        return self._dialect.answer(is_stream=is_stream, bytes_max=self._endpoint.bytes_max)

    def _failure(self, error: httpx2.HTTPError) -> ModelAway:
        import httpx2

        place, endpoint = self._place, self._endpoint
        said = self._redacted(brief(words(error)))
        if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
            if isinstance(error, httpx2.ConnectTimeout):
                said = f"no connection within {endpoint.connect_s:g} s"
            return ModelAway(
                f"the model's server at {place} cannot be reached: {said}",
                hint="is it running, and is RUNWRIGHT_LLM_BASE_URL its address?",
            )
        if isinstance(error, httpx2.TimeoutException):
            return ModelAway(
                f"the model's server at {place} said nothing for {endpoint.silence_s:g} s",
                hint="RUNWRIGHT_LLM_SILENCE_S",
            )
        return ModelAway(f"the model's server at {place} broke off: {said}")

    def _redacted(self, text: str) -> str:
        key = self._endpoint.api_key
        return text.replace(key, "(key)") if key else text


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] = []


async def _beginning(response: httpx2.Response) -> bytes:
    """The body of a response, as far as it is worth reading."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > COMPLAINT_BYTES_MAX:
            break
    return bytes(body[:COMPLAINT_BYTES_MAX])


def _refusal(response: httpx2.Response, said: str) -> ModelAway | ModelBusy | ModelRefused:
    status, after_s = response.status_code, retry_after_s(response.headers.get("retry-after", ""))
    if status == 429 and after_s is not None:
        return ModelBusy(f"the model's server asks for {after_s:g} s of rest: {said}", after_s)
    if status >= 500 or status in (408, 429):
        return ModelAway(f"the model's server answers {status}: {said}", retry_after_s=after_s or 0.0)
    hint = None
    if status in (401, 403):
        hint = "check RUNWRIGHT_LLM_API_KEY"
    elif status == 404:
        hint = "check RUNWRIGHT_LLM_MODEL, and that RUNWRIGHT_LLM_BASE_URL ends in the version, such as /v1"
    elif 300 <= status < 400:
        hint = "redirects are not followed: set RUNWRIGHT_LLM_BASE_URL to where it leads"
    return ModelRefused(f"the model's server answers {status}: {said}", hint=hint)


def _url(base_url: str) -> SplitResult:
    try:
        url = urlsplit(base_url.rstrip("/"))
        named = bool(url.hostname) and url.port != 0
    except ValueError:
        url, named = urlsplit(""), False
    if url.scheme not in ("http", "https") or not named or "@" in url.netloc or url.query or url.fragment:
        raise Invalid(
            "RUNWRIGHT_LLM_BASE_URL is no address of http or https",
            hint="write it like http://127.0.0.1:11434/v1; the key goes into RUNWRIGHT_LLM_API_KEY",
        )
    return url
