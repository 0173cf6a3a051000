"""A seeded part of the crash cells; `make crash` runs all of them."""

from __future__ import annotations

import random
from pathlib import Path

from crash.__main__ import every_session
from crash.cells import ROLLING, every_cell, seeded
from crash.checker import stories_in
from crash.table import table

CELLS, SEED = 42, 20_261_122


def test_every_point_has_a_cell_for_every_action() -> None:
    """Nothing is left out of the whole, and the part has each point once at least."""
    cells = [cell for cell in every_cell(random.Random(SEED)) if cell != ROLLING]
    part = seeded(random.Random(SEED), CELLS)

    assert len({(cell.name, cell.action) for cell in cells}) == len(cells)
    assert {cell.point for cell in part} == {cell.point for cell in cells}
    assert {cell.action for cell in part} == {cell.action for cell in cells}
    assert len(part) == CELLS


async def test_a_server_that_dies_or_stops_at_any_point_breaks_no_promise(tmp_path: Path) -> None:
    """Nothing accepted is lost, nothing recorded runs again, streams are whole, cancel is final, keys hold."""
    cells = seeded(random.Random(SEED), CELLS)
    outcomes = await every_session(tmp_path, cells, SEED, at_once=2)
    text, broken = table(outcomes)
    print(f"seed {SEED}\n{text}")

    assert not broken
    assert len(outcomes) == CELLS
    assert sum(outcome.observed for outcome in outcomes) >= 0.95 * CELLS  # void cells prove nothing
    assert unsafe_cut_off(tmp_path) > 0  # else nothing was put to the test that must not be repeated


def unsafe_cut_off(folder: Path) -> int:
    """Return how often a server died while an unsafe tool was at work."""
    stories = [story for part in folder.glob("session-*") for story in stories_in(part).values()]
    unknown = [event["data"]["reason"] for story in stories for event in story.of("step.unknown")]
    return sum("the process ended" in reason for reason in unknown)
