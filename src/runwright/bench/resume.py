"""One life of a W5 process: `python -m runwright.bench.resume`. It is killed, and another takes over.

The first line of standard input says what to do. Of the lines on standard output that begin with `MARK`,
the first says when it was ready to go on, the second when it had ended and with how many results; both in
seconds of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from runwright.bench.raw import Grouped, execute
from runwright.bench.shapes import chain, given_plan

SLEEP_S = 0.005
RUN = "w5"
MARK = "w5:"


class Life(msgspec.Struct):
    """What one process is to do.

    first    whether it starts the run; else it resumes it
    """

    subject: Literal["raw", "runwright"]
    folder: str
    steps: int
    first: bool


class Log:
    """The file that each execution appends its step's name to; it is no journal and is never synced."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "executions", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def work(self, name: str, sleep_s: float = 0.0) -> dict[str, Any]:
        """Sleep, put the execution on record, and say so."""
        await asyncio.sleep(sleep_s)
        os.write(self._file, f"{name}\n".encode())
        return {"step": name, "ok": True}


def _say(text: str) -> None:
    print(f"{MARK} {time.monotonic()} {text}", flush=True)


async def _raw(life: Life, folder: Path, log: Log) -> int:
    journal = Grouped(folder / "raw.db")
    _say("ready")
    done = await execute(journal, log.work, RUN, chain(life.steps, SLEEP_S))
    return len(done)


async def _runwright(life: Life, folder: Path, log: Log) -> int:
    # not loaded for raw, whose seconds from spawn are to be raw's
    from pydantic import SecretStr

    from runwright import Runwright, Settings, tool

    tools = [tool(name="work", effects="pure")(log.work)]
    settings = Settings(database_url=SecretStr(f"sqlite:///{folder / 'runwright.db'}"))
    named = folder / "run_id"
    async with Runwright(tools=tools, settings=settings) as runtime:
        _say("ready")
        if life.first:
            view = await runtime.submit(plan=given_plan(chain(life.steps, SLEEP_S)))
            named.write_text(view.run_id)
        view = await runtime.wait(named.read_text())
    return sum(entry["success"] for entry in view.execution_log) if view.status == "completed" else 0


async def _main() -> None:
    life = msgspec.json.decode(sys.stdin.readline(), type=Life)
    folder = Path(life.folder)
    carry_out = _raw if life.subject == "raw" else _runwright
    steps = await carry_out(life, folder, Log(folder))
    _say(str(steps))


if __name__ == "__main__":
    asyncio.run(_main())
