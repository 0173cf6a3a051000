"""Logs, always on stderr: one line an event, whoever wrote it.

`configure` is for servers: JSON lines, or text for a person, with uvicorn's own records and Python's
warnings in the same form. `quiet` is for programs that only use Runwright: warnings and errors go through
the standard library's logging, which the program may set up as it likes, and nothing else is said.
What is logged may come from strangers; control characters in it never reach a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import orjson
import structlog

from runwright.visible import visible, visible_json, visible_lines

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "text"]
EventDict = MutableMapping[str, Any]

_HANDLER = "runwright"
_MANY_LINES = frozenset({"exception", "stack"})
_NOISY = ("asyncio", "httpx2", "httpcore2")


def configure(level: Level, form: Format) -> None:
    """Log from `level` on to stderr, as JSON lines or text; `auto` is text on a terminal, else JSON."""
    on_terminal = sys.stderr.isatty()
    as_text = form == "text" or (form == "auto" and on_terminal)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        stamp,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *([_escaped, _text_renderer(on_terminal)] if as_text else [json_line]),
            ],
        )
    )
    _install(handler, level)


def quiet() -> None:
    """Say nothing but warnings and errors; what a program has set up for itself stays as it is."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _plain_line,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def terse() -> None:
    """As `quiet`, for the command line: each warning is one line, without a traceback."""
    quiet()
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(_OneLine())
    _install(handler, "warning")


def json_line(_logger: Any, _method: str, event: EventDict) -> str:
    """Return an event as one line of JSON; what JSON has no form for is written as text."""
    ordered = {"at": event.get("at"), "level": event.get("level"), "event": event.get("event"), **event}
    try:
        line = orjson.dumps(ordered, default=str)
    except (TypeError, ValueError):
        # integers beyond 64 bit, half surrogates, keys that are not text, endless nesting
        line = orjson.dumps({str(key): _as_text(value) for key, value in ordered.items()})
    return visible_json(line.decode())


def _install(handler: logging.Handler, level: Level) -> None:
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


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


def _plain_line(_logger: Any, _method: str, event: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """Return what the standard logger is called with; it adds the traceback itself."""
    asked = {"exc_info": event.pop("exc_info")} if "exc_info" in event else {}
    told = [visible(str(event.pop("event", "")))]
    told += [f"{key}={value!r}" for key, value in event.items()]
    return (" ".join(told),), asked


class _OneLine(logging.Formatter):
    """Leaves the traceback out."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {visible(record.getMessage())}"


def _as_text(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)
    return str(value).encode("utf-8", "backslashreplace").decode()
