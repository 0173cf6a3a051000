"""Figures as tables: aligned for a terminal, or Markdown for the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


class Goal(NamedTuple):
    """What a figure is held to.

    text    is shown where the bound alone does not say it
    ratio   the bound is for the ratio to raw, not for the figure itself
    """

    bound: float
    side: Literal["at most", "at least"] = "at most"
    text: str = ""
    ratio: bool = False

    def met(self, value: float) -> bool:
        return value <= self.bound if self.side == "at most" else value >= self.bound

    def __str__(self) -> str:
        return self.text or f"{'≤' if self.side == 'at most' else '≥'} {self.bound:,g}"


@dataclass
class Table:
    """One table of the report.

    command   what measures it again
    samples   everything behind the figures, for `--json`
    """

    title: str
    command: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)

    def aligned(self) -> str:
        """Return the table for a terminal."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        shown = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rule = "─" * max(map(len, shown))
        return "\n".join(
            [f"{self.title}  ({self.command})", rule, shown[0], rule, *shown[1:], *self._noted("  ")]
        )

    def markdown(self) -> str:
        """Return the table for the documentation."""
        head = f"| {' | '.join(self.columns)} |\n|{'---|' * len(self.columns)}"
        body = "\n".join(f"| {' | '.join(row)} |" for row in self.rows)
        notes = "".join(f"\n{note}" for note in self._noted("- "))
        return f"### {self.title}\n\n`{self.command}`\n\n{head}\n{body}\n{notes}"

    def _noted(self, mark: str) -> list[str]:
        return [mark + note for note in self.notes]


def judged(value: float | None, goal: Goal | None) -> tuple[str, str]:
    """Return the goal and whether a figure meets it, as two cells."""
    if goal is None:
        return "", ""
    if value is None:
        return str(goal), "not measured"
    return str(goal), "yes" if goal.met(value) else "MISSED"


def figure(value: float) -> str:
    """Return a number with about three digits that matter."""
    if isinstance(value, int) or value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def median_and_best(values: Sequence[float], *, most: bool = False) -> str:
    """Return `median (best)`; the best is the least, or the most where more is better."""
    if not values:
        return "-"
    best = max(values) if most else min(values)
    return f"{figure(statistics.median(values))} ({figure(best)})"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values, a fraction of 1, do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
