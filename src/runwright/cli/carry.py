"""A run followed to its end, with Ctrl-C as a durable cancel, and what became of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import cast

from runwright.cli import failures
from runwright.cli.access import Access, Following, Json
from runwright.cli.progress import Progress, display
from runwright.cli.results import machine, readable
from runwright.cli.story import Story
from runwright.cli.text import Paint, plural
from runwright.core.errors import Conflict, RunwrightError
from runwright.visible import visible


async def carried(access: Access, accepted: Json, *, quiet: bool) -> tuple[Json, Story]:
    """Return the run once it is over, and its story.

    The first Ctrl-C cancels the run, and what becomes of it is waited for; a second one leaves at once.

    accepted   the run as it was when it was created or restarted
    quiet      plain lines of progress are not wanted
    """
    run_id, restarts = accepted["run_id"], accepted["restarts"]
    cancelling: list[asyncio.Task[None]] = []

    def interrupt() -> None:
        if cancelling:
            raise KeyboardInterrupt
        print("cancelling; Ctrl-C again leaves at once", file=sys.stderr)
        cancelling.append(asyncio.create_task(_cancelled(access, run_id)))

    with _interrupts(interrupt):
        progress = partial(access.progress, run_id)
        story = await followed(access, run_id, progress, quiet=quiet, restarts=restarts)
        for task in cancelling:
            await task
    return await access.run(run_id), story


async def followed(
    access: Following, run_id: str, progress: Progress, *, quiet: bool, restarts: int = 0
) -> Story:
    """Show a run until its events end, and return its story.

    restarts   what was before so many of them is known already and not shown again
    """
    async with display(run_id, progress, quiet=quiet) as show:
        async with aclosing(cast("AsyncGenerator[Json]", access.events(run_id))) as events:
            async for event in events:
                restarts -= event["type"] == "run.restarted"
                if restarts > 0:
                    show.story.hear(event)
                else:
                    show.hear(event)
        return show.story


def conclude(run: Json, story: Story, where: str, *, as_json: bool) -> int:
    """Print what became of a run, its result on stdout and its failure on stderr; return the exit status.

    where   what a command needs to find the run again, such as ` --server http://…`
    """
    if as_json:
        print(machine(run))
    elif run["status"] == "completed":
        print(readable(run["result"], Paint(sys.stdout)))
    if run["status"] == "completed":
        return failures.DONE
    if len(story.problems) > 1:
        print("\n".join(f"  {problem_line(problem)}" for problem in story.problems), file=sys.stderr)
    print(_verdict(run, where), file=sys.stderr)
    return failures.FAILED


def problem_line(problem: Json) -> str:
    """Return a defect of a plan on one line."""
    number, hint = problem.get("step_number"), problem.get("hint")
    place = f"step {number}: " if number is not None else ""
    return visible(f"{place}{problem['message']}{f' ({hint})' if hint else ''}")


def _verdict(run: Json, where: str) -> str:
    paint, run_id = Paint(sys.stderr), run["run_id"]
    if run["status"] == "failed":
        remedy = failures.remedy(run, where)
        tail = f"; to try again: {remedy}" if remedy else ""
        return f"{paint('failed:', 'red', 'bold')} {failures.why(run)}{tail}"
    if run["status"] == "cancelled":
        done = sum(entry["status"] == "succeeded" for entry in run["execution_log"])
        steps = len(run["plan"]["steps"]) if run["plan"] else 0
        told = f"{done:,} of {plural(steps, 'step')} had finished"
        if unknown := [str(e["step_number"]) for e in run["execution_log"] if e["status"] == "unknown"]:
            told += f"; whether step {', '.join(unknown)} acted is unknown"
        return f"{paint('cancelled:', 'yellow', 'bold')} {told}; runwright runs show {run_id}{where}"
    return f"{paint(run['status'].replace('_', ' '), 'yellow', 'bold')}: {run_id} is not over"


async def _cancelled(access: Access, run_id: str) -> None:
    try:
        await access.cancel(run_id)
    except Conflict:
        pass  # it was over before
    except RunwrightError as error:
        failures.report(error)


@contextmanager
def _interrupts(interrupt: Callable[[], None]) -> Iterator[None]:
    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
