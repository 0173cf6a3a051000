"""What is measured, behind one face: the raw executor with and without a journal, and Runwright."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from runwright.bench.raw import Forgotten, Grouped, Results, execute
from runwright.bench.shapes import Shape, work

SubjectName: TypeAlias = Literal["none", "raw", "runwright"]
SUBJECTS: tuple[SubjectName, ...] = get_args(SubjectName)


class Subject(Protocol):
    """Something that carries out plans."""

    @property
    def commits(self) -> int:
        """How many transactions were committed so far."""

    async def run(self, name: str, shape: Shape) -> int:
        """Carry out a plan under a name of its own; return how many steps gave a right result."""


class RawExecutor:
    """The raw executor over one of its journals."""

    def __init__(self, journal: Results) -> None:
        self._journal = journal

    @property
    def commits(self) -> int:
        return self._journal.commits

    async def run(self, name: str, shape: Shape) -> int:
        done = await execute(self._journal, work, name, shape)
        return sum(done[step] == {"step": step, "ok": True} for step in shape)


@asynccontextmanager
async def subject(name: SubjectName, folder: Path) -> AsyncIterator[Subject]:
    """Yield a subject with a database of its own in the folder."""
    database = folder / f"{name}.db"
    if name == "runwright":
        # loaded only where it is measured, so that raw's memory is raw's
        async with import_module("runwright.bench.library").library(database) as runs:
            yield runs
        return
    journal = Forgotten() if name == "none" else Grouped(database)
    try:
        yield RawExecutor(journal)
    finally:
        journal.close()
