"""Reading requests: strict JSON within bounds, parameters of their kind, and nothing silently repaired."""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from runwright.core.codec import instant
from runwright.core.misfit import misfit
from runwright.http.problems import Refusal

T = TypeVar("T")
INTEGER_DIGITS_MAX = 19
INT64_MAX = 2**63 - 1
ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
KEY = re.compile(r"[\x20-\x7e]{1,255}")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # the last one may have no end
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # one down, and one up again
_FLAT = bytes(set(range(256)) - set(b"[]{}"))


class Bodies:
    """The bodies that are being received, all together: a crowd that sends slowly takes no more memory."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0

    async def received(self, request: Request, bytes_max: int) -> bytes:
        """Return a body of at most so many bytes.

        Raises   Refusal: 413; 503 when there is no room for it beside the others
        """
        chunks, size = [], 0
        try:
            async for chunk in request.stream():
                size, self._bytes = size + len(chunk), self._bytes + len(chunk)
                if size > bytes_max:
                    raise _too_large(bytes_max)
                if self._bytes > self._bytes_max and self._bytes > size:  # one alone has room in any case
                    raise Refusal(
                        "overloaded",
                        f"{self._bytes_max} bytes of requests are under way already "
                        "(RUNWRIGHT_BODIES_BYTES_MAX); try again later",
                    )
                chunks.append(chunk)
        finally:
            self._bytes -= size
        return b"".join(chunks)


async def body(request: Request, bodies: Bodies, bytes_max: int, depth_max: int) -> bytes:
    """Return the body's bytes once they are known to be JSON of bounded size and depth; b"" when empty.

    Raises   Refusal: 413 before it is buffered, 415, 400; 503 while too much is being received
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:INTEGER_DIGITS_MAX]) > bytes_max:
        raise _too_large(bytes_max)
    raw = await bodies.received(request, bytes_max)
    if not raw:
        return raw
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise Refusal("unsupported_media_type", "the body must be JSON; send Content-Type: application/json")
    if _is_deeper(raw, depth_max):
        raise Refusal("bad_request", f"the JSON is nested deeper than {depth_max} (RUNWRIGHT_JSON_DEPTH_MAX)")
    return raw


def decoded(raw: bytes, kind: type[T]) -> T:
    """Return a body as a value of its type.

    Raises   Refusal: 400 when it is not JSON, 422 when it is JSON of another shape
    """
    if not raw:
        raise Refusal("bad_request", "the body is empty; send a JSON object")
    try:
        value = msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _does_not_fit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("bad_request", "the body is not valid JSON") from None
    except RecursionError:
        raise Refusal("bad_request", "the JSON is nested too deeply") from None
    if b"\\u0000" in raw and _has_nul(msgspec.json.decode(raw)):
        raise _does_not_fit("the text contains the character U+0000, which cannot be stored")
    return value


def canonical(raw: bytes) -> bytes:
    """Return a JSON body in a form in which equal bodies are equal bytes."""
    return msgspec.json.encode(msgspec.json.decode(raw), order="sorted")


def integer(text: str, name: str, *, least: int = 0, most: int = INT64_MAX) -> int:
    """Return an integer parameter.

    Raises   Refusal: 400 naming the parameter and its bounds
    """
    plain = text.isascii() and text.isdigit() and len(text) <= INTEGER_DIGITS_MAX
    if not plain or not least <= int(text) <= most:
        raise Refusal("bad_request", f"{name} must be a whole number from {least} to {most}")
    return int(text)


def time_s(text: str, name: str) -> float:
    """Return a time parameter as epoch seconds.

    Raises   Refusal: 400
    """
    try:
        # a plus that was not escaped arrives as a blank
        return instant(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        example = "2026-01-31T12:00:00Z"
        raise Refusal("bad_request", f"{name} must be an RFC 3339 time such as {example}") from None


def known_only(request: Request, names: frozenset[str]) -> None:
    """Refuse a query parameter that nobody reads, so that a typing error is not silently ignored.

    Raises   Refusal: 400
    """
    for name in request.query_params:
        if name not in names:
            listed = ", ".join(sorted(names))
            raise Refusal("bad_request", f"there is no parameter {name[:40]!r} here; there are {listed}")


def path_id(text: str, missing: str) -> str:
    """Return an id from a path when it could be one.

    Raises   Refusal with the code `missing`: what cannot be an id names nothing
    """
    if ID.fullmatch(text) is None:
        raise Refusal(missing, "there is nothing with this id")
    return text


def _too_large(bytes_max: int) -> Refusal:
    return Refusal("too_large", f"the body is larger than {bytes_max} bytes (RUNWRIGHT_BODY_BYTES_MAX)")


def _does_not_fit(message: str) -> Refusal:
    what, pointer = misfit(message)
    place = f"`{pointer.lstrip('/')}`: " if pointer else ""
    return Refusal("invalid_body", f"{place}{what}", errors=[{"pointer": pointer, "message": what}])


def _is_deeper(raw: bytes, most: int) -> bool:
    """Whether brackets outside strings are nested deeper than this, before anything is parsed.

    No loop of ours goes over a large body: it would hold everybody else up.
    """
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    ups_and_downs = array("b", _STRING.sub(b"", raw).translate(_STEPS, _FLAT))
    return max(accumulate(ups_and_downs), default=0) > most


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))
