"""Logs, always on stderr: one line an event, whoever wrote it.

`configure` is for servers: JSON lines, or text for a person, with uvicorn's own records and Python's
warnings in the same form. What is said where nobody sets anything up is in `runwright.log`.
What is logged may come from strangers; control characters in it never reach a terminal.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import orjson
import structlog

from runwright.log import AT_WORK, Hearer, Level, install
from runwright.redaction import Redactor
from runwright.visible import visible, visible_json, visible_lines

Format = Literal["auto", "json", "text"]
EventDict = MutableMapping[str, Any]

_MANY_LINES = frozenset({"exception", "stack"})
_LIMITED = frozenset({"warning", "error", "critical"})
_METHODS = ("debug", "info", "warning", "error", "critical", "exception")
_ROOT = logging.getLogger()
REPEATS_S = 10.0
KINDS_MAX = 1_000  # kinds of lines that are counted; events are few, and those of libraries may be many


def configure(level: Level, form: Format, *, secrets: Iterable[str] = (), repeats_max: int = 20) -> None:
    """Log from `level` on to stderr, as JSON lines or text; `auto` is text on a terminal, else JSON.

    secrets       are hidden wherever they turn up
    repeats_max   of one warning or error within `REPEATS_S`; more are counted and left out
    """
    on_terminal = sys.stderr.isatty()
    colours = on_terminal and not os.environ.get("NO_COLOR")
    as_text = form == "text" or (form == "auto" and on_terminal)
    repeats = Repeats(repeats_max, time.monotonic)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _placed,
            repeats,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=_Straight,
        cache_logger_on_first_use=True,
    )
    redact = Redactor(secrets)
    render = _text_renderer(colours) if as_text else json_line
    forms: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        *([_escaped] if as_text else []),
        lambda logger, method, event: redact(str(render(logger, method, event))),
    ]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = _Lines(forms, repeats)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[_placed], processors=[remove_meta, *forms])
    )
    install(handler, level)


class _Lines(logging.StreamHandler[Any], Hearer):
    """Writes lines to stderr.

    forms     make a line of an event
    repeats   leaves some out
    """

    def __init__(self, forms: Sequence[structlog.typing.Processor], repeats: Repeats) -> None:
        super().__init__(sys.stderr)
        self._forms, self._repeats = tuple(forms), repeats

    def told(self, logger: logging.Logger, method: str, event: str, fields: dict[str, Any]) -> None:
        """Write an event of ours, without the way through structlog's loggers, which takes as long again."""
        with suppress(structlog.DropEvent):
            placed = _placed(logger, method, {**fields, "event": event})
            self.said(logger, method, self._repeats(logger, method, placed))

    def said(self, logger: Any, method: str, event: EventDict) -> None:
        """Write an event, as `handle` writes a record."""
        line: Any = event
        for form in self._forms:
            line = form(logger, method, line)
        with suppress(OSError):  # whoever reads the log may have gone, and no run ends for that
            self.acquire()
            try:
                self.stream.write(f"{line}\n")
                self.stream.flush()
            finally:
                self.release()


class _Straight:
    """What structlog writes to: straight to our handler where nobody else listens, else by a record.

    A record knows its caller, its thread and its process, which no line of ours shows; without it, a line
    takes half the time.
    """

    def __init__(self, name: str) -> None:
        self._plain = logging.getLogger(name)
        for method in _METHODS:
            setattr(self, method, partial(self._say, method))

    def __getattr__(self, name: str) -> Any:
        """Return what the standard library's logger has by that name: what is enabled is its business."""
        return getattr(self._plain, name)

    def _say(self, method: str, event: EventDict, *, extra: dict[str, Any]) -> None:
        handlers = _ROOT.handlers
        ours = handlers[0] if len(handlers) == 1 else None
        if isinstance(ours, _Lines):
            ours.said(self, method, event)
        else:
            getattr(self._plain, method)(event, extra=extra)


def _placed(logger: Any, method: str, event: EventDict) -> EventDict:
    """Say of a line when and where it was written, and in the course of what."""
    for key, value in structlog.contextvars.get_contextvars().items():
        event.setdefault(key, value)
    if (about := AT_WORK.get()) is not None:
        for key, value in about().items():
            event.setdefault(key, value)
    record = event.get("_record")
    event["logger"] = logger.name if record is None else record.name
    event["level"] = "error" if method == "exception" else method
    event["at"] = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


class Repeats:
    """Leaves out warnings and errors that come again and again; the next one of them tells how many."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._seen: dict[tuple[Any, Any], _Seen] = {}

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        if event.get("level") not in _LIMITED:
            return event
        now_s, key = self._clock(), (event.get("logger"), event.get("event"))
        seen = self._seen.get(key)
        if seen is None or now_s - seen.since_s >= REPEATS_S:
            if len(self._seen) >= KINDS_MAX:
                self._seen.clear()
            if seen is not None and seen.times > self._most:
                event["left_out"] = seen.times - self._most
            seen = self._seen[key] = _Seen(now_s)
        seen.times += 1
        if seen.times > self._most:
            raise structlog.DropEvent
        return event


@dataclass(slots=True)
class _Seen:
    since_s: float
    times: int = 0


def json_line(_logger: Any, _method: str, event: EventDict) -> str:
    """Return an event as one line of JSON; what JSON has no form for is written as text."""
    ordered = {"at": event.get("at"), "level": event.get("level"), "event": event.get("event"), **event}
    try:
        line = orjson.dumps(ordered, default=str)
    except (TypeError, ValueError):
        # integers beyond 64 bit, half surrogates, keys that are not text, endless nesting
        line = orjson.dumps({str(key): _as_text(value) for key, value in ordered.items()})
    return visible_json(line.decode())


def _text_renderer(colours: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colours,
        pad_event_to=24,
        timestamp_key="at",
        exception_formatter=structlog.dev.plain_traceback,
    )


def _escaped(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = visible_lines(value) if key in _MANY_LINES else visible(value)
    return event


def _as_text(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)
    return str(value).encode("utf-8", "backslashreplace").decode()
