"""What came of the cells, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from crash.cells import Cell
from crash.checker import Findings

if TYPE_CHECKING:
    from crash.cluster_session import ClusterSession
    from crash.session import Session

HEAD = ("point", "action", "cells", "observed", "lost", "again", "extra", "verdict")


class Outcome(NamedTuple):
    """What came of one cell; a cell whose fault was not observed says nothing, and is void.

    lost    accepted runs that were lost
    again   executions of steps whose result was on record
    extra   executions of steps that the fault had cut off
    wrong   in words
    """

    cell: Cell
    observed: bool
    lost: int
    again: int
    extra: int
    wrong: tuple[str, ...]

    @classmethod
    def of(cls, session: Session | ClusterSession, cells: Sequence[Cell], found: Findings) -> list[Outcome]:
        """Return the outcomes of a session's cells; what its last, healing life did wrong is its last cell's."""
        wrong = [(min(life, len(cells) - 1), what) for life, what in (*found.wrong, *session.failures)]
        return [
            cls(
                cell,
                session.observed[number],
                found.lost[number],
                found.again[number],
                found.extra[number],
                tuple(what for life, what in wrong if life == number),
            )
            for number, cell in enumerate(cells)
        ]


def table(outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """Return the table, and whether a promise was broken."""
    key = lambda one: (one.cell.title, one.cell.action)  # noqa: E731
    rows = [HEAD]
    for _, group in groupby(sorted(outcomes, key=key), key=key):
        of = list(group)
        sums = [sum(getattr(one, name) for one in of) for name in ("observed", "lost", "again", "extra")]
        broken = any(one.wrong or one.lost or one.again for one in of)
        verdict = "FAILED" if broken else "passed" if sums[0] == len(of) else "void"
        rows.append((of[0].cell.title, of[0].cell.action, str(len(of)), *map(str, sums), verdict))
    observed = sum(one.observed for one in outcomes)
    wrong = [f"{one.cell.title} {one.cell.action}: {what}" for one in outcomes for what in one.wrong]
    total = [sum(getattr(one, name) for one in outcomes) for name in ("lost", "again", "extra")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows]
    lines.append(
        f"{len(outcomes)} cells: {observed} observed, {len(outcomes) - observed} void, {len(wrong)} wrong; "
        f"{total[0]} lost, {total[1]} executed again, {total[2]} extra executions"
    )
    return "\n".join([*wrong, *lines]), bool(wrong)
