"""The steps of a run as lines of a tree: each under the step that it waits for longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from runwright.cli.story import StepStory, Story
from runwright.cli.text import Colour, Paint, cut, duration

INDENTED_MAX = 12
_MARKS: dict[str, tuple[str, str, Colour]] = {
    "pending": ("·", ".", "dim"),
    "running": ("▸", ">", "cyan"),
    "retrying": ("↻", "~", "yellow"),
    "succeeded": ("✓", "+", "green"),
    "failed": ("✗", "x", "red"),
    "skipped": ("–", "-", "dim"),
    "cancelled": ("⊘", "/", "yellow"),
    "unknown": ("?", "?", "red"),
}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_BARS = str.maketrans("│├└─", "||`-")


class Placed(NamedTuple):
    """A step's place in the tree.

    bars     what stands before it: `│  ├─ `
    others   steps that it waits for too, besides the one above it
    """

    number: int
    bars: str
    others: tuple[int, ...]


def tree(story: Story, paint: Paint, width: int, now_s: float | None = None) -> list[str]:
    """Return one line for each step, at most `width` characters wide.

    now_s   what running steps are timed against, epoch seconds; None: they are not timed
    """
    return [line(story.steps[at.number], paint, width, at, now_s) for at in places(story.before)]


def line(
    step: StepStory, paint: Paint, width: int, at: Placed | None = None, now_s: float | None = None
) -> str:
    """Return the line of one step: its mark, number, tool, input, what came out of it, and its time."""
    place = at or Placed(step.number, "", ())
    bars = place.bars if paint.unicode else place.bars.translate(_PLAIN_BARS)
    rich, plain, colour = _MARKS.get(step.status, _MARKS["pending"])
    mark = rich if paint.unicode else plain
    if step.status == "running" and now_s is not None and paint.unicode:
        mark = _SPINNER[int(now_s * 10) % len(_SPINNER)]
    end = _end(step, place.others, now_s)
    head = f"{bars}{mark} {step.number} {step.tool_name}"
    room = max(12, width - len(head) - len(end) - 2)
    said = _said(step, room, "→" if paint.unicode else "->")
    shown = f"{paint(bars, 'dim')}{paint(mark, colour)} {step.number} {paint(step.tool_name, 'bold')}"
    tone: tuple[Colour, ...] = ("red",) if step.status in ("failed", "unknown") else ()
    body = f"  {paint(said, *tone) if tone else said}" if said else ""
    return f"{shown}{body}{paint(end, 'dim')}"


def places(before: Mapping[int, Sequence[int]]) -> Iterator[Placed]:
    """Yield the steps from the top of the tree to its bottom."""
    parents = _parents(before)
    children: dict[int | None, list[int]] = {}
    for number in sorted(before, reverse=True):
        children.setdefault(parents[number], []).append(number)
    waiting = [(number, "", "") for number in children.get(None, ())]
    while waiting:
        number, bars, below = waiting.pop()
        parent = parents[number]
        yield Placed(number, bars, tuple(other for other in before[number] if other != parent))
        # children are stacked highest number first, so the bottom of the stack is the last one shown
        for position, child in enumerate(children.get(number, ())):
            last = position == 0
            if len(below) >= 3 * INDENTED_MAX:
                waiting.append((child, bars, below))
            else:
                waiting.append(
                    (child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
                )


def _parents(before: Mapping[int, Sequence[int]]) -> dict[int, int | None]:
    """Return for each step the one it waits for that stands deepest; none for a step that waits for none."""
    depths: dict[int, int] = {}
    for number in TopologicalSorter(before).static_order():
        depths[number] = 1 + max((depths[other] for other in before[number]), default=-1)
    return {
        number: max(others, key=lambda other: (depths[other], other)) if others else None
        for number, others in before.items()
    }


def _said(step: StepStory, room: int, arrow: str) -> str:
    if not step.said:
        return cut(step.given, room)
    if step.status == "succeeded" and step.given:
        given = cut(step.given, max(6, room // 2))
        return f"{given} {arrow} {cut(step.said, max(6, room - len(given) - 3))}"
    return cut(step.said, room)


def _end(step: StepStory, others: Sequence[int], now_s: float | None) -> str:
    told = []
    if others:
        told.append(f"also after {', '.join(map(str, others))}")
    if step.attempts > 1:
        told.append(f"attempt {step.attempts}" if step.status == "running" else f"{step.attempts} attempts")
    if step.duration_ms is not None and step.attempts:
        told.append(duration(step.duration_ms))
    elif step.status == "running" and now_s is not None and step.began_s is not None:
        told.append(duration(max(0.0, now_s - step.began_s) * 1_000))
    return f"  {', '.join(told)}" if told else ""
