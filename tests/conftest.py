"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder with the evaluation data; tests that need it are skipped, visibly, where it is absent."""
    named = os.environ.get("RUNWRIGHT_EVAL_DATA", "")
    folder = Path(named)
    if named and folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail("RUNWRIGHT_EVAL_DATA does not name a folder; under CI the evaluation data must be there")
    pytest.skip("set RUNWRIGHT_EVAL_DATA to the evaluation data to run this test")
