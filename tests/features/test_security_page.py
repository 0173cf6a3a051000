"""The page on security names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text())


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_what_shows_it_is_there(path: str, name: str) -> None:
    """A file of tests, and the test in it."""
    text = (ROOT / path).read_text()

    assert f"def {name}(" in text if name else "def test_" in text or "Contract)" in text


def test_every_threat_has_its_test() -> None:
    """No row of a table without one."""
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| threat")]

    assert len(rows) > 30
    assert all("`tests/" in row.split("|")[3] for row in rows)
