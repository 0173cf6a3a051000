"""How long the event loop answers to nobody, and what holds it.

A timer of the loop tells how late it goes off; a thread beside it notices when it does not go off at all,
and sees what the loop's thread is at. Together they wake some 25 times a second and cost nothing else.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from types import FrameType
from typing import NamedTuple

from runwright.log import Log

log = Log("runwright.runtime")

BEAT_S = 0.05
WINDOW_S = 60.0
WARN_EVERY_S = 10.0  # a server whose loop is held all the time says so once in a while
FRAMES_MAX = 5
_IDLE = frozenset({"select", "poll", "run_until_complete", "run_forever", "run"})  # the loop's own waiting


class LoopLag(NamedTuple):
    """How late timers of the event loop went off, in milliseconds, over the last `WINDOW_S` seconds.

    last_ms   just now
    holds     how often the loop was held longer than what is warned of, since the start
    """

    last_ms: float
    p99_ms: float
    max_ms: float
    holds: int


class LagWatch:
    """Measures the lag of the loop that it is started in, and warns when something holds the loop.

    warn_s   holds that last longer are logged, with the task and the line that the loop is at; 0: none
    """

    def __init__(self, *, warn_s: float) -> None:
        self._warn_s = warn_s
        self._late_s: deque[float] = deque([0.0], maxlen=round(WINDOW_S / BEAT_S))
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._holds = self._untold = 0
        self._told_s = -WARN_EVERY_S

    def start(self) -> None:
        """Begin to measure, in the running loop, on whose thread this is called."""
        self._set()
        if self._warn_s > 0:
            watched = (asyncio.get_running_loop(), threading.get_ident())
            self._thread = threading.Thread(target=self._watch, args=watched, name="loop-lag", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Measure no more."""
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def figures(self) -> LoopLag:
        """Return the lag as it is now."""
        late_s = sorted(self._late_s)
        p99_s = late_s[int(0.99 * (len(late_s) - 1))]
        last_ms, p99_ms, max_ms = (round(s * 1_000, 1) for s in (self._late_s[-1], p99_s, late_s[-1]))
        return LoopLag(last_ms, p99_ms, max_ms, self._holds)

    def _set(self) -> None:
        self._due_s = time.monotonic() + BEAT_S
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        self._late_s.append(max(0.0, time.monotonic() - self._due_s))
        self._set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        seen_s = 0.0
        while not self._ended.wait(max(BEAT_S, self._warn_s / 4)):
            due_s, late_s = self._due_s, time.monotonic() - self._due_s
            frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # the documented way to see it
            if late_s < self._warn_s or due_s == seen_s or frame is None or _is_idle(frame):
                continue  # in time, told already, or the processor is busy with others
            seen_s = due_s
            self._holds += 1
            self._tell(late_s, _told(loop), _place(frame))

    def _tell(self, late_s: float, task: str, place: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < WARN_EVERY_S:
            self._untold += 1
            return
        held_ms, self._told_s = round(late_s * 1_000), now_s
        log.warning("loop.held", held_ms=held_ms, task=task, at=place, untold=self._untold)
        self._untold = 0


def _is_idle(frame: FrameType) -> bool:
    """Whether the loop only waits: it would go on at once if it were given the processor."""
    return frame.f_code.co_name in _IDLE and frame.f_globals.get("__name__", "").startswith(
        ("asyncio.", "selectors", "uvloop")
    )


def _told(loop: asyncio.AbstractEventLoop) -> str:
    task = asyncio.current_task(loop)
    return "" if task is None else task.get_name()


def _place(frame: FrameType | None) -> str:
    """The innermost calls, the innermost first: `file:line in function < …`."""
    calls: list[str] = []
    while frame is not None and len(calls) < FRAMES_MAX:
        calls.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(calls)
