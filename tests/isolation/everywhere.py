"""The same tools in every isolation; those for processes stand at the top level, where a host finds them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import ToolRetryable, ToolTerminal
from runwright.core.policy import Retry
from runwright.core.tool import Isolation, ToolContext

AT_ONCE = Retry(attempts_max=3, base_s=0.001, jitter_s=0.0)
ONCE = Retry(attempts_max=1)
WAIT_S_MAX = 600.0


class Leaving(Exception):
    """One whose words are an exit."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Unreadable(ToolTerminal):
    """One whose hint is a cancellation."""

    def __getattribute__(self, name: str) -> Any:
        if name == "hint":
            raise asyncio.CancelledError
        return super().__getattribute__(name)


RAISED: dict[str, tuple[BaseException, str]] = {
    "an exception": (ValueError("no such thing"), "ValueError: no such thing"),
    "one without words": (ValueError(), "ValueError"),
    "a refusal": (ToolTerminal("the address is unknown"), "the address is unknown"),
    "lines": (ValueError("a\n\tb\x1b[31m\x00c"), "ValueError: a b [31m c"),
    "half a character": (ValueError("\ud800"), "ValueError:"),
    "a keyboard interrupt": (KeyboardInterrupt(), "KeyboardInterrupt"),
    "an exit": (SystemExit(3), "SystemExit: 3"),
    "a generator's exit": (GeneratorExit(), "GeneratorExit"),
    "a base exception": (BaseException("out"), "BaseException: out"),
    "a cancellation": (asyncio.CancelledError(), "the tool cancelled itself"),
    "one whose words are an exit": (Leaving(), "Leaving"),
    "one that cannot be read": (Unreadable("no"), "the tool raised an exception that cannot be read"),
    "a wait that no clock can tell": (ToolRetryable("busy", retry_after_s=10**400), "busy"),
    "a wait without end": (ToolRetryable("busy", retry_after_s=float("inf")), "busy"),
}


@dataclass
class Parcel:
    weight_kg: float
    country: str


class Numbered(TypedDict, total=False):
    n: int
    text: str


class Trap(dict[str, int]):
    def items(self) -> Any:
        raise ZeroDivisionError("sprung")


Which = Literal["bytes", "nan", "schema", "large", "trap"]
VALUES: dict[str, Any] = {
    "bytes": b"bytes",
    "nan": float("nan"),
    "schema": {"n": "one"},
    "large": {"text": "x" * 1_998},
    "trap": Trap(n=1),
}


over = threading.Event()  # set when the test of a thread that hears nothing is over


def noted(path: str, *words: object) -> None:
    """Add a line to a file."""
    with Path(path).open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def _takes(parcel: Parcel, big: int, ctx: ToolContext, default: str = "none") -> dict[str, Any]:
    return {
        "parcel": type(parcel).__name__,
        "big": big,
        "default": default,
        "run_id": ctx.run_id,
        "attempt": ctx.attempt,
        "key": ctx.idempotency_key,
        "late": time.time() > ctx.deadline_s,
    }


def _raises(what: str) -> None:
    raise RAISED[what][0]


def _raises_unsafely() -> None:
    raise ValueError("no")


def _flaky(path: str, ctx: ToolContext) -> int:
    noted(path, ctx.attempt, ctx.idempotency_key)
    if ctx.attempt == 1:
        raise ToolRetryable("busy", retry_after_s=0.001)
    if ctx.attempt == 2:
        raise ConnectionResetError("reset")
    return ctx.attempt


def _returns(value: Which) -> Numbered:
    return VALUES[value]  # type: ignore[no-any-return]


def _reports(ctx: ToolContext) -> str:
    for fraction in (float("nan"), float("-inf"), float("inf")):
        ctx.report_progress(fraction, "going on")
        time.sleep(0.06)  # reports that come faster are left out
    return "done"


async def _waits_on_the_loop(path: str, ctx: ToolContext) -> None:
    ctx.report_progress(0.5, "half\nof it")
    noted(path, "at work")
    await asyncio.Event().wait()


def _waits_in_a_thread(path: str, ctx: ToolContext) -> None:
    ctx.report_progress(0.5, "half\nof it")
    noted(path, "at work")
    over.wait(WAIT_S_MAX)


def _made(isolation: Isolation, name: str, function: Callable[..., Any], **facts: Any) -> DeclaredTool:
    return tool(name=name, isolation=isolation, **{"effects": "pure", **facts})(function)


def tools_in(isolation: Isolation) -> dict[str, DeclaredTool]:
    """Return the tools of an isolation by name; the same ones each time for processes."""
    return PROCESS if isolation == "process" else _all(isolation)


def _all(isolation: Isolation) -> dict[str, DeclaredTool]:
    waits = _waits_in_a_thread if isolation == "thread" else _waits_on_the_loop
    made = (
        _made(isolation, "takes", _takes),
        _made(isolation, "raises", _raises),
        _made(isolation, "raises_unsafely", _raises_unsafely, effects="unsafe"),
        _made(isolation, "flaky", _flaky, effects="keyed", retry=AT_ONCE),
        _made(isolation, "returns", _returns),
        _made(isolation, "returns_unsafely", _returns, effects="unsafe"),
        _made(isolation, "reports", _reports),
        _made(isolation, "waits", waits, timeout_s=0.1, retry=ONCE),
        _made(isolation, "waits_unsafely", waits, timeout_s=0.1, effects="unsafe"),
        _made(isolation, "waits_long", waits, timeout_s=30),
        _made(isolation, "waits_long_unsafely", waits, timeout_s=30, effects="unsafe"),
    )
    return {declared.spec.name: declared for declared in made}


PROCESS = _all("process")
