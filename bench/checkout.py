"""Where this checkout keeps what it measures with: on its own disk, and nothing is left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runwright.bench import processes

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new folder on the disk of this checkout that is gone afterwards."""
    with processes.scratch(disk()) as folder:
        yield folder


def disk() -> Path:
    """Return a folder on a real disk: the system's folder for temporary files may be in memory."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


def commit() -> str:
    """Return the commit that is measured."""
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"
