"""Whatever bytes come in: JSON is read strictly or refused, and what goes out as one frame stays one."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.codec import EMPTY, chained
from runwright.core.events import Event
from runwright.core.ids import RunId, Tenant
from runwright.http import reading
from runwright.http.problems import Refusal
from runwright.http.runs import RunRequest
from runwright.http.stream import frame

TEXT = st.text(st.characters(), max_size=40)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    """How deeply a value is nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@example(b'{"prompt":"\\ud800"}')
@example(b'{"prompt":"\\u0000"}')
@example(b'{"prompt":1e999}')
@example(b"[" * 100_000)
def test_a_body_is_read_or_refused(raw: bytes) -> None:
    """There is no third way; and a prompt that was read can be stored and sent."""
    try:
        asked = reading.decoded(raw, RunRequest)
    except Refusal as refusal:
        assert refusal.code in ("bad_request", "invalid_body")  # noqa: PT017  # it need not be raised
        return
    assert "\x00" not in (asked.prompt or "")
    assert msgspec.json.encode(asked)


@given(JSON_VALUES, st.integers(0, 12), st.booleans())
def test_depth_is_counted_before_anything_is_parsed(value: Any, most: int, spaced: bool) -> None:
    """Brackets in strings do not count, however they are escaped, nor do blanks."""
    raw = json.dumps(value, indent=1 if spaced else None).encode()

    assert reading._is_deeper(raw, most) == (depth_of(value) > most)


@pytest.mark.parametrize(
    ("raw", "deeper"),
    [
        (b"[" * 66 + b'"', True),
        (b"[" * 64 + b'"' + b"[" * 64, False),
        (b"{}" * 100 + b'"\\', False),
        (b"]" * 100 + b"[" * 65, False),
        (b"[]" * 500_000, False),
    ],
)
def test_depth_of_what_is_no_json(raw: bytes, deeper: bool) -> None:
    """Strings and brackets without an end are for the parser, which is spared endless nesting alone."""
    assert reading._is_deeper(raw, 64) == deeper


def test_the_depth_of_a_large_body_is_found_without_a_loop() -> None:
    """A line of Python for each bracket of 1 MiB took a second, in which nobody else was served."""
    lines = 0

    def count(*_: object) -> Any:
        nonlocal lines
        lines += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        reading._is_deeper(b"[]" * 500_000 + b'""' * 20_000, 64)
    finally:
        sys.settrace(before)
    assert lines < 20


@given(st.dictionaries(TEXT, JSON_VALUES, max_size=5), st.randoms(use_true_random=False))
def test_equal_bodies_are_equal_bytes(value: dict[str, Any], random: Any) -> None:
    """The order of keys and blanks make no other request of it."""
    if not _is_strict(value):
        return
    shuffled = [*value.items()]
    random.shuffle(shuffled)
    one, other = json.dumps(value), json.dumps(dict(shuffled), indent=2, ensure_ascii=False)

    assert reading.canonical(one.encode()) == reading.canonical(other.encode())


@given(TEXT, st.dictionaries(TEXT, TEXT | st.integers(), max_size=3))
@example("a\r\nid: 99\nevent: end\ndata: {}\n\n", {})
@example("\u2028\u2029\x85\x0b\x0c\x1c\r", {"\n\n": "\r\r"})
def test_a_frame_stays_one_frame(prompt: str, metadata: dict[str, Any]) -> None:
    """A reader that goes by the letter of the standard gets this event, whole, and no other."""
    if not _is_strict([prompt, metadata]):
        return
    fact = ev.RunCreated(tenant=Tenant("t"), prompt=prompt, deadline_s=1.0, draft=None, metadata=metadata)
    records, _ = chained(RunId("run_" + "0" * 32), EMPTY, (Event(1, 0.0, fact),))
    heard = as_a_browser_does(frame(records[0]))

    assert [(id_, type_) for id_, type_, _ in heard] == [("1", "run.created")]
    assert json.loads(heard[0][2])["data"]["prompt"] == prompt
    assert msgspec.json.decode(heard[0][2])["data"].get("metadata", {}) == metadata


def as_a_browser_does(stream: bytes) -> list[tuple[str, str, str]]:
    """The events of a stream: WHATWG HTML, 9.2.6."""
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    found, last_id, type_, data = [], "", "", list[str]()
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((last_id, type_ or "message", "\n".join(data)))
            type_, data = "", []
        elif name == "id":
            last_id = value
        elif name == "event":
            type_ = value
        elif name == "data":
            data.append(value)
    return found


def _is_strict(value: Any) -> bool:
    """Whether the edge would have let it in: no half characters, no NaN, no integer beyond what is read."""
    if isinstance(value, str):
        return not any(0xD800 <= ord(sign) < 0xE000 for sign in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_strict(key) and _is_strict(inner) for key, inner in value.items())
    return all(map(_is_strict, value)) if isinstance(value, list) else True
