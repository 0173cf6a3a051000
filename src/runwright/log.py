"""What the runtime says of itself: one event with its fields, to whoever set up the logging.

A server sets up structlog (`runwright.logs`), and a program may have done so for itself. Where nobody has,
events go to the standard library's logging, which shows warnings and errors unless the program asks for
more; and structlog, with rich behind it, is not even loaded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Literal

from runwright.visible import visible

# what is at work in a context: its fields are on every line that is written there, whoever writes it
AT_WORK: ContextVar[Callable[[], Mapping[str, Any]] | None] = ContextVar("at_work", default=None)

Level = Literal["debug", "info", "warning", "error"]

_HANDLER = "runwright"
_ROOT = logging.getLogger()
# uvicorn tells of each WebSocket with its address, and a ticket may be part of that
_NOISY = ("asyncio", "httpx2", "httpcore2", "uvicorn.error")


class Hearer(logging.Handler):
    """A handler that takes events of ours as they are, where nobody else listens."""

    def told(self, logger: logging.Logger, method: str, event: str, fields: dict[str, Any]) -> None:
        """Write an event that is to be heard."""
        raise NotImplementedError


class Log:
    """The log of one part of Runwright."""

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self._plain = logging.getLogger(name)
        self._structured: Any = None

    @property
    def says_all(self) -> bool:
        """Whether anybody wants to hear what is said at the level `debug`."""
        return self._plain.isEnabledFor(logging.DEBUG)

    def debug(self, event: str, **fields: Any) -> None:
        """Say what is of interest when something is looked into."""
        if self.says_all:
            self._say("debug", logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Say what is of interest when nothing is wrong."""
        self._say("info", logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Say what somebody may have to look after."""
        self._say("warning", logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Say what went wrong."""
        self._say("error", logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Say what went wrong, with the traceback of the exception that is being handled."""
        self._say("exception", logging.ERROR, event, {"exc_info": True, **fields})

    def _say(self, method: str, level: int, event: str, fields: dict[str, Any]) -> None:
        handlers = _ROOT.handlers
        if len(handlers) == 1 and isinstance(ours := handlers[0], Hearer):
            if self._plain.isEnabledFor(level):
                ours.told(self._plain, method, event, fields)
            return
        structlog = sys.modules.get("structlog")
        # another thread may be loading it just now: then nobody has set it up
        is_configured = getattr(structlog, "is_configured", None)
        if structlog is not None and is_configured is not None and is_configured():
            if self._structured is None:
                self._structured = structlog.get_logger(self._name)
            getattr(self._structured, method)(event, **fields)
        elif self._plain.isEnabledFor(level):
            exc_info = fields.pop("exc_info", None)
            told = [visible(event), *(f"{key}={value!r}" for key, value in fields.items())]
            # the caller is three calls away: this one, the level's, and who has something to say
            self._plain.log(level, "%s", " ".join(told), exc_info=exc_info, stacklevel=3)


def terse() -> None:
    """Say nothing but warnings and errors, each on one line, without a traceback: for the command line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    install(handler, "warning")


def install(handler: logging.Handler, level: Level) -> None:
    """Say what is of this level or above through this handler, in place of an earlier one."""
    handler.set_name(_HANDLER)
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


class _OneLine(logging.Formatter):
    """Leaves the traceback out."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {visible(record.getMessage())}"
