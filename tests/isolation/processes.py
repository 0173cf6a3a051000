"""What a test looks at from outside: processes, and what they wrote."""

from __future__ import annotations

import os
from pathlib import Path

from runwright.isolation import tree


def alive(pid: int) -> bool:
    """Whether there is such a process, a zombie not counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def lines(path: Path) -> list[str]:
    """What was written so far."""
    return path.read_text().splitlines() if path.exists() else []


def pids(path: Path) -> list[int]:
    """The process ids among what was written so far."""
    return [int(line) for line in lines(path) if line.isdigit()]


def below(pid: int) -> list[int]:
    """The processes below this one, zombies too."""
    return tree.below([pid])


def descriptors(pid: int | None = None) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid or os.getpid()}/fd").iterdir()))
