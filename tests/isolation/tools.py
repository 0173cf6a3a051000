"""Process tools of the tests, at the top level of a module so that a tool host finds them.

What they leave for a test to see goes into files: a process shares nothing else with it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import ToolRetryable, ToolTerminal
from runwright.core.policy import Retry
from runwright.core.tool import ToolContext

MIB = 1024 * 1024
AT_ONCE = Retry(attempts_max=3, base_s=0.001, jitter_s=0.0)
ONCE = Retry(attempts_max=1)


def noted(path: str, *words: object) -> None:
    """Add a line to a file."""
    with Path(path).open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


@dataclass
class Parcel:
    weight_kg: float
    country: str


@tool(isolation="process", effects="pure")
def weigh(parcel: Parcel) -> float:
    """Take a type that is no JSON."""
    return parcel.weight_kg


@tool(isolation="process", effects="pure")
async def whoami(ctx: ToolContext) -> dict[str, Any]:
    """Tell what the process is and has."""
    await asyncio.sleep(0)
    return {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "group": os.getpgid(0),
        "key": ctx.idempotency_key,
        "attempt": ctx.attempt,
        "stdin": sys.stdin.read() if sys.stdin else "",
        "descriptors": sorted(int(file.name) for file in Path("/proc/self/fd").iterdir()),
        "settings": [name for name in os.environ if name.startswith("RUNWRIGHT_")],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    }


@tool(isolation="process", effects="pure")
def echo(value: Any) -> Any:
    """Return the input."""
    return value


@tool(isolation="process", effects="keyed", retry=AT_ONCE)
def flaky(path: str, ctx: ToolContext) -> int:
    """Fail twice in a way that may pass."""
    noted(path, ctx.attempt, ctx.idempotency_key)
    if ctx.attempt == 1:
        raise ToolRetryable("busy", retry_after_s=0.001)
    if ctx.attempt == 2:
        raise ConnectionResetError("reset")
    return ctx.attempt


@tool(isolation="process", effects="pure")
def printing(text: str, times: int) -> int:
    """Print on stdout and stderr, from Python and from a program."""
    for _ in range(times):
        print(text)
    sys.stderr.write("to stderr\n")
    subprocess.run(["echo", "from a program"], check=True)
    return times


@tool(isolation="process", effects="pure")
async def slow(path: str, ctx: ToolContext) -> str:
    """Report, then wait for ever."""
    ctx.report_progress(0.5, "half")
    noted(path, os.getpid())
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        noted(path, "cancelled")
        raise
    return "never"


@tool(isolation="process", effects="pure")
def slow_sync(path: str) -> str:
    """Wait for ever, without a loop."""
    noted(path, os.getpid())
    try:
        time.sleep(60)
    finally:
        noted(path, "cancelled")
    return "never"


@tool(isolation="process", effects="unsafe")
def act_and_wait(path: str) -> str:
    """Act, and do not come back."""
    noted(path, os.getpid())
    time.sleep(60)
    return "never"


@tool(isolation="process", effects="unsafe")
def careful(path: str) -> str:
    """End the work when it is cancelled."""
    noted(path, os.getpid())
    try:
        time.sleep(60)
    except asyncio.CancelledError:
        return "done in time"
    return "never"


# the fault table


def _hurried(function: Callable[..., Any]) -> Iterator[DeclaredTool]:
    """A tool that has little time, and one that has enough on a machine that is busy."""
    name = function.__name__.removeprefix("_")
    for named, time_s in ((name, 0.2), (f"{name}_later", 30.0)):
        yield tool(isolation="process", effects="pure", retry=ONCE, name=named, timeout_s=time_s)(function)


async def _blocks_its_loop(path: str) -> None:
    """Sleep for a minute where it must not."""
    noted(path, os.getpid())
    time.sleep(60)


blocks_its_loop, blocks_its_loop_later = _hurried(_blocks_its_loop)


def _endless(path: str) -> None:
    """Never end."""
    noted(path, os.getpid())
    while True:
        pass


endless, endless_later = _hurried(_endless)


@tool(isolation="process", effects="pure", cpu_s_max=1)
def burning() -> None:
    """Never end, with more time than the processor gives it."""
    while True:
        pass


@tool(isolation="process", effects="pure", cpu_s_max=1)
def burning_on() -> None:
    """Take no notice of the first word about processor time."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


@tool(isolation="process", effects="pure", memory_bytes_max=32 * MIB)
def hungry() -> str:
    """Ask for 10 GB."""
    return "x" * 10**10


@tool(isolation="process", effects="pure", memory_bytes_max=32 * MIB)
def hungry_bit_by_bit() -> int:
    """Ask for more and more."""
    kept = []
    while True:
        kept.append(bytearray(1 * MIB))


@tool(isolation="process", effects="pure", memory_bytes_max=1024 * MIB)
def talkative() -> str:
    """Return a gigabyte; it has the memory for that, and nobody else may need it."""
    return "x" * (300 * MIB)


@tool(isolation="process", effects="pure", timeout_s=20, retry=ONCE)
def forks(path: str, most: int) -> None:
    """Start processes that start processes, up to a number that this machine bears."""
    noted(path, os.getpid())
    for _ in range(most):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)


@tool(isolation="process", effects="pure", timeout_s=20, retry=ONCE)
def forks_away(path: str, most: int) -> None:
    """The same, each in a session of its own and without a parent."""
    noted(path, os.getpid())
    for _ in range(most):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                noted(path, os.getpid())
                time.sleep(60)
            os._exit(0)
    time.sleep(60)


@tool(isolation="process", effects="pure")
def crashes() -> None:
    """Read what is not there."""
    ctypes.string_at(0)


@tool(isolation="process", effects="unsafe")
def crashes_unsafely() -> None:
    """Read what is not there, perhaps after acting."""
    ctypes.string_at(0)


@tool(isolation="process", effects="pure")
def leaves(status: int) -> None:
    """Leave without a word."""
    os._exit(status)


@tool(isolation="process", effects="pure")
def killed_from_outside() -> None:
    """Be killed by somebody."""
    os.kill(os.getpid(), signal.SIGKILL)


@tool(isolation="process", effects="pure")
def told_to_end_from_outside() -> None:
    """Be asked to end by somebody."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def _deaf(path: str) -> None:
    """Take no notice of anything."""
    noted(path, os.getpid())
    while True:
        try:
            time.sleep(60)
        except BaseException:
            noted(path, "ignored")


deaf, deaf_later = _hurried(_deaf)


async def _deaf_async(path: str) -> None:
    """Take no notice of anything, on a loop."""
    noted(path, os.getpid())
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            noted(path, "ignored")


deaf_async, deaf_async_later = _hurried(_deaf_async)


HURRIED = {
    "blocks_its_loop": (blocks_its_loop, blocks_its_loop_later),
    "endless": (endless, endless_later),
    "deaf": (deaf, deaf_later),
    "deaf_async": (deaf_async, deaf_async_later),
}
RAISED: dict[str, BaseException] = {
    "an exception": ValueError("no such thing"),
    "a refusal": ToolTerminal("the address is unknown", hint="look it up"),
    "a keyboard interrupt": KeyboardInterrupt(),
    "an exit": SystemExit(3),
    "a generator's exit": GeneratorExit(),
    "a base exception": BaseException("out"),
    "a cancellation": asyncio.CancelledError(),
    "half a character": ValueError("\ud800"),
}


@tool(isolation="process", effects="pure")
def raises(what: str) -> None:
    """Raise it."""
    raise RAISED[what]


@tool(isolation="process", effects="pure")
async def raises_async(what: str) -> None:
    """Raise it on a loop."""
    raise RAISED[what]


@tool(isolation="process", effects="pure")
async def raises_in_a_task(what: str) -> None:
    """Raise it in a task that nobody waits for at once."""

    async def inner() -> None:
        raise RAISED[what]

    async with asyncio.TaskGroup() as group:
        group.create_task(inner())


@tool(isolation="process", effects="pure")
def leaves_children(path: str) -> str:
    """Return, and leave behind a child, one in a session of its own, and one without a parent."""
    for kind in ("child", "session", "orphan"):
        if os.fork() == 0:
            if kind != "child":
                os.setsid()
            if kind == "orphan" and os.fork():
                os._exit(0)
            noted(path, os.getpid())
            time.sleep(60)
            os._exit(0)
    while len(Path(path).read_text().split()) < 3 if Path(path).exists() else True:
        time.sleep(0.005)
    return "done"


@tool(isolation="process", effects="pure")
def returns_twice() -> int:
    """Fork, and let both return."""
    os.fork()
    return os.getpid()


@tool(isolation="process", effects="pure")
def writes(path: str, size: int) -> None:
    """Write a file."""
    with Path(path).open("wb") as file:
        file.write(b"x" * size)


@tool(isolation="process", effects="pure")
def kills_its_host() -> None:
    """End the process that it comes from."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@tool(isolation="process", effects="unsafe")
def kills_its_host_unsafely(path: str) -> None:
    """End the process that it comes from, with a process besides that nobody sees."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            noted(path, os.getpid())
            time.sleep(60)
        os._exit(0)
    while not Path(path).exists():
        time.sleep(0.005)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@tool(isolation="process", effects="unsafe")
def returns_bytes(path: str) -> Any:
    """Act, and return what JSON has no form for."""
    noted(path, "acted")
    return b"bytes"


@tool(isolation="process", effects="keyed")
async def order(url: str, ctx: ToolContext) -> str:
    """Ask somebody outside, twice."""
    await ctx.http.post(url)
    return str((await ctx.http.post(url)).raise_for_status().text)


@tool(isolation="process", effects="keyed")
def order_blocking(url: str, ctx: ToolContext) -> str:
    """Ask somebody outside, twice."""
    ctx.http.post(url)
    return str(ctx.http.post(url).raise_for_status().text)
