"""A seeded part of the crash cells; `make crash` runs all of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crash.__main__ import every_session
from crash.cells import ROLLING, Cell, every_cell, seeded
from crash.checker import stories_in
from crash.table import table

CELLS, PARTS, SEED, TRIES = 42, 4, 20_261_122, 20
IN_A_TOOL = Cell("tool.after_effect", None, "kill")


def test_every_point_has_a_cell_for_every_action() -> None:
    """Nothing is left out of the whole, and the part has each point once at least."""
    cells = [cell for cell in every_cell(random.Random(SEED)) if cell != ROLLING]
    part = seeded(random.Random(SEED), CELLS)

    assert len({(cell.name, cell.action) for cell in cells}) == len(cells)
    assert {cell.point for cell in part} == {cell.point for cell in cells}
    assert {cell.action for cell in part} == {cell.action for cell in cells}
    assert len(part) == CELLS


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_server_that_dies_or_stops_at_any_point_breaks_no_promise(tmp_path: Path, part: int) -> None:
    """Nothing accepted is lost, nothing recorded runs again, streams are whole, cancel is final, keys hold."""
    cells = seeded(random.Random(SEED), CELLS)[part::PARTS]
    outcomes = await every_session(tmp_path / "cells", cells, SEED + part, at_once=1)
    text, broken = table(outcomes)
    print(f"seed {SEED}, part {part}\n{text}")

    assert not broken
    assert len(outcomes) == len(cells)
    assert sum(outcome.observed for outcome in outcomes) >= len(cells) - 1  # void cells prove nothing
    for number in range(TRIES):  # until something was put to the test that must not be repeated
        if unsafe_cut_off(tmp_path) > 0:
            return
        more = [IN_A_TOOL._replace(times=1 + number % 4)] * 2
        text, broken = table(await every_session(tmp_path / f"more-{number}", more, SEED + number, at_once=1))
        assert not broken, text
    pytest.fail("no server died while an unsafe tool was at work")


def unsafe_cut_off(folder: Path) -> int:
    """Return how often a server died while an unsafe tool was at work."""
    stories = [story for part in folder.glob("*/session-*") for story in stories_in(part).values()]
    unknown = [event["data"]["reason"] for story in stories for event in story.of("step.unknown")]
    return sum("the process ended" in reason for reason in unknown)
