"""What tests of tools may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tools.todo_toolset import Toolset


@pytest.fixture
async def todo(tmp_path: Path) -> AsyncIterator[Toolset]:
    """The todo tools on a new file."""
    toolset = Toolset(tmp_path / "todos.db")
    yield toolset
    toolset.reader.close()
    await toolset.writer.close()
