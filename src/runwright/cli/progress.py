"""A run as it happens, on stderr: a live tree on a terminal, else one plain line an event worth telling."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from runwright.cli.story import Json, StepStory, Story
from runwright.cli.text import Paint, cut, duration, on_terminal, plural
from runwright.cli.tree import line, tree

if TYPE_CHECKING:
    from rich.live import Live

# Runs that end sooner are shown as they ended; nothing flickers.
LIVE_AFTER_S = 0.15
FRAME_S = 0.1
# A final tree that is longer is not printed.
STEPS_SHOWN_MAX = 100

Progress = Callable[[], Mapping[int, str]]


class Display(Protocol):
    """Somebody is told how a run goes."""

    story: Story

    def hear(self, event: Json) -> None:
        """Take in the next event."""


class Silent:
    """A display that shows nothing and knows everything."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def hear(self, event: Json) -> None:
        self.story.hear(event)


class Lines:
    """A display for logs and pipes."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def hear(self, event: Json) -> None:
        self.story.hear(event)
        if told := _told(self.story, event):
            print(told, file=sys.stderr, flush=True)


class LiveTree:
    """A display that draws the steps over and over while they run, and once more when they have run."""

    def __init__(self, story: Story, progress: Progress) -> None:
        self.story, self._progress = story, progress
        self._paint = Paint(sys.stderr)
        self._began_s = time.monotonic()

    def hear(self, event: Json) -> None:
        self.story.hear(event)

    async def draw(self) -> None:
        """Draw until cancelled."""
        await asyncio.sleep(LIVE_AFTER_S)
        live, text = await asyncio.to_thread(_live)
        with live:
            while True:
                live.update(text("\n".join(self._frame())), refresh=True)
                await asyncio.sleep(FRAME_S)

    def finish(self) -> None:
        """Print the tree as it ended."""
        columns, _ = shutil.get_terminal_size()
        if len(self.story.steps) <= STEPS_SHOWN_MAX:
            for drawn in tree(self.story, self._paint, columns):
                print(drawn, file=sys.stderr)
        else:
            print(_counts(self.story), file=sys.stderr)

    def _frame(self) -> list[str]:
        story, now_s = self.story, time.time()
        columns, rows = shutil.get_terminal_size()
        for number, told in self._progress().items():
            step = story.steps.get(number)
            if step is not None and step.status == "running":
                step.said = cut(told, columns)
        passed = duration((time.monotonic() - self._began_s) * 1_000)
        head = self._paint(f"{story.run_id}  {story.status}  {_counts(story)}  {passed}", "dim")
        if len(story.steps) <= rows - 3:
            return [head, *tree(story, self._paint, columns, now_s)]
        busy = [
            step for step in story.steps.values() if step.status not in ("pending", "succeeded", "skipped")
        ]
        shown = [line(step, self._paint, columns, now_s=now_s) for step in busy[: rows - 4]]
        more = [f"… {plural(len(busy) - len(shown), 'step')} more"] if len(shown) < len(busy) else []
        return [head, *shown, *more]


@asynccontextmanager
async def display(run_id: str, progress: Progress, *, quiet: bool) -> AsyncIterator[Display]:
    """Yield the display that suits stderr; `quiet` where plain lines are not wanted."""
    story = Story(run_id)
    if not on_terminal(sys.stderr):
        yield Silent(story) if quiet else Lines(story)
        return
    live = LiveTree(story, progress)
    drawing = asyncio.create_task(live.draw())
    try:
        yield live
    finally:
        drawing.cancel()
        with suppress(asyncio.CancelledError):
            await drawing
        live.finish()


def _live() -> tuple[Live, Callable[[str], Any]]:
    """Load what draws; it takes its time, so not on the thread that drives the run."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def text(drawn: str) -> Text:
        made = Text.from_ansi(drawn)
        made.no_wrap, made.overflow = True, "crop"
        return made

    return Live(console=Console(stderr=True), auto_refresh=False, transient=True), text


def _counts(story: Story) -> str:
    done = sum(step.status in ("succeeded", "skipped") for step in story.steps.values())
    return f"{done:,} of {plural(len(story.steps), 'step')}"


def _told(story: Story, event: Json) -> str | None:
    kind, data = event["type"], event["data"]
    if kind.startswith("step."):
        return _step_told(story.steps[event["step_number"]], kind.removeprefix("step."))
    if kind == "run.created":
        return f"{story.run_id} created"
    if kind == "plan.accepted":
        return f"plan: {plural(len(data['plan']['steps']), 'step')}"
    if kind in ("run.awaiting_approval", "run.cancelling", "run.restarted", "run.completed"):
        return str(kind).removeprefix("run.").replace("_", " ")
    return None


def _step_told(step: StepStory, told: str) -> str:
    who, said = f"step {step.number} {step.tool_name}: ", f": {step.said}" if step.said else ""
    again = f", attempt {step.attempts}" if step.attempts > 1 else ""
    if told == "started":
        return f"{who}started{again}" + (f": {step.given}" if step.given else "")
    if told == "retrying":
        return f"{who}attempt {step.attempts} failed{said}"
    took = ""
    if step.duration_ms is not None and step.attempts:
        took = f" {'in' if told == 'succeeded' else 'after'} {duration(step.duration_ms)}"
    return f"{who}{told}{took}{again}{said}"
