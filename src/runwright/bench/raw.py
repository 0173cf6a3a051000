"""The limit: an executor with ready counts and a group-commit journal, and nothing else.

No events, no check, no policy, no trace. It keeps the same promise as Runwright (a step starts only when
the results that it depends on are on disk) over the same SQLite library, so what Runwright costs more is
the price of everything else that it does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import apsw

from runwright.bench.shapes import Shape

Work: TypeAlias = Callable[[str, float], Awaitable[dict[str, Any]]]
Row: TypeAlias = tuple[str, str, str, asyncio.Future[None]]


TABLE = """
CREATE TABLE IF NOT EXISTS j(run TEXT, step TEXT, result TEXT, PRIMARY KEY(run, step)) WITHOUT ROWID"""


class Results(Protocol):
    """Where results are kept."""

    commits: int

    async def load(self, run: str) -> dict[str, Any]:
        """Return the results of a run that are kept already, by step."""

    def write(self, run: str, step: str, value: Any) -> Awaitable[None]:
        """Return what is done once the result is kept."""

    def close(self) -> None: ...


class Forgotten:
    """No journal at all: what the executor and the event loop cost by themselves."""

    def __init__(self) -> None:
        self.commits = 0

    async def load(self, run: str) -> dict[str, Any]:
        return {}

    async def write(self, run: str, step: str, value: Any) -> None:
        return

    def close(self) -> None:
        return


class Grouped:
    """SQLite in WAL mode with synchronous=FULL: what piled up during one commit goes into the next."""

    def __init__(self, path: Path) -> None:
        self._con = apsw.Connection(str(path))
        self._con.execute("PRAGMA journal_mode=WAL").fetchall()
        self._con.execute("PRAGMA synchronous=FULL").fetchall()
        self._con.execute(TABLE)
        self._pending: list[Row] = []
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self.commits = 0

    async def load(self, run: str) -> dict[str, Any]:
        rows = self._con.execute("SELECT step, result FROM j WHERE run = ?", (run,)).fetchall()
        return {str(step): json.loads(str(result)) for step, result in rows}

    def write(self, run: str, step: str, value: Any) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((run, step, json.dumps(value), done))
        if not self._busy:
            self._busy, self._task = True, asyncio.get_running_loop().create_task(self._drain())
        return done

    def close(self) -> None:
        self._con.close()

    async def _drain(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            await self._commit(batch)
            for *_, done in batch:
                done.set_result(None)
        self._busy = False

    async def _commit(self, batch: list[Row]) -> None:
        self._con.execute("BEGIN IMMEDIATE")
        self._con.executemany("INSERT INTO j VALUES(?, ?, ?)", [row[:3] for row in batch])
        self._con.execute("COMMIT")
        self.commits += 1


async def execute(journal: Results, work: Work, run: str, shape: Shape) -> dict[str, Any]:
    """Return the result of every step; steps whose results are kept already are not run again."""
    done = await journal.load(run)
    waiting = {
        step: sum(need not in done for need in needs)
        for step, (_, needs) in shape.items()
        if step not in done
    }
    behind: dict[str, list[str]] = {}
    for step, (_, needs) in shape.items():
        for need in needs:
            behind.setdefault(need, []).append(step)
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()
    tasks: set[asyncio.Task[None]] = set()
    left = len(waiting)

    async def carry_out(first: str) -> None:
        nonlocal left
        step: str | None = first
        while step is not None:
            done[step] = await work(step, shape[step][0])
            await journal.write(run, step, done[step])
            left -= 1
            if not left:
                finished.set_result(None)
            for later in behind.get(step, ()):
                waiting[later] -= 1
            ready = [later for later in behind.get(step, ()) if not waiting[later]]
            step = ready.pop() if ready else None  # a chain goes on in the same task
            for later in ready:
                spawn(later)

    def spawn(step: str) -> None:
        task = loop.create_task(carry_out(step))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if left:
        for step in [step for step, count in waiting.items() if not count]:
            spawn(step)
        await finished
    return done
