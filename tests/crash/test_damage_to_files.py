"""A flipped bit or a file cut short is noticed, or changes nothing; a seeded part of what `make crash` does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crash.damage import cuts, damaged, flips, stored

SEED, FLIPS, CUTS = 20_261_122, 60, 6


@pytest.mark.long
async def test_no_damage_to_the_files_is_silently_wrong(tmp_path: Path) -> None:
    """Every answer is the old one or says that it is damaged; a damaged log may end earlier, and no more."""
    base, dice = await stored(tmp_path), random.Random(SEED)
    tally = await damaged(base, [*flips(base, dice, FLIPS), *cuts(base, dice, CUTS)])
    print(tally.text())

    assert not tally.wrong
    assert tally.damages.total() == FLIPS + CUTS
    assert tally.harmless.total() < FLIPS  # else nothing that matters was hit
    assert sum(counted["detected"] for counted in tally.verdicts.values()) > 0
