"""The command line in processes of its own, as a person or a script calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from acceptance.nursery import nursery

TIMEOUT_S = 300.0

TOOLS = '''
import asyncio, time
from pathlib import Path
from runwright import tool

@tool(effects="idempotent", timeout_s=600)
async def nap(seconds: float) -> str:
    """Sleep, then say so."""
    await asyncio.sleep(seconds)
    return "rested"

@tool(timeout_s=600)
async def launch(seconds: float) -> str:
    """Do what must not be done twice."""
    await asyncio.sleep(seconds)
    return "launched"

@tool(effects="pure")
def shout(text: str) -> str:
    """Say it aloud, on stdout too."""
    print("shouting")
    return text.upper() + "\\x1b[31m"

@tool(effects="idempotent", timeout_s=1000)
def block(seconds: float) -> str:
    """Hold its thread and hear nothing."""
    time.sleep(seconds)
    return "woken"

@tool(effects="idempotent", timeout_s=600)
async def file_there(path: str) -> str:
    """Wait until a file is there."""
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return "it is there"

@tool(effects="pure")
def gate(file: str) -> str:
    """Pass once the file is there."""
    if not Path(file).exists():
        raise ValueError("the gate is shut\\x1b[31m")
    return "passed"
'''


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


class Cli:
    """`runwright` on a data file of its own; `home` holds `tools.py`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = home / "runs.db"
        (home / "tools.py").write_text(TOOLS)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RUNWRIGHT_")}
        self.environment = {**kept, "RUNWRIGHT_DATABASE_URL": f"sqlite:///{self.database}"}

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Outcome:
        """Return what became of a command."""
        done = nursery().run(arguments, {**self.environment, **environment}, self.home, stdin)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def started(self, *arguments: str) -> Started:
        """Return a command that is at work, with the tools of `home`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "runwright", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environment, "RUNWRIGHT_TOOLS": str(self.home / "tools.py")},
            cwd=self.home,
            text=True,
            preexec_fn=_heeds_ctrl_c,
        )
        return Started(process)

    def plan(self, *steps: tuple[str, dict[str, Any]]) -> str:
        """Return the name of a file with a plan of these steps."""
        numbered = [
            {"step_number": number, "tool_name": tool, "tool_input": given}
            for number, (tool, given) in enumerate(steps, start=1)
        ]
        file = self.home / "plan.json"
        file.write_text(json.dumps({"goal": "a test", "steps": numbered}))
        return str(file)


def _heeds_ctrl_c() -> None:
    """Whoever is started in the background of a script, as a build may be, is deaf to it, and so are its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """A command at work; it is killed when it takes too long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._timer = threading.Timer(TIMEOUT_S, process.kill)
        self._timer.start()
        self._heard: list[str] = []

    def hear(self, said: Callable[[str], bool]) -> str:
        """Return the first line on stderr that is as described; the lines before it are read too."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._heard.append(line)
            if said(line):
                return line
        raise AssertionError(f"the command ended with: {''.join(self._heard)}")

    def ended(self) -> Outcome:
        """Return what became of it once it has ended by itself."""
        out, err = self.process.communicate()
        self._timer.cancel()
        return Outcome(self.process.returncode, out, "".join(self._heard) + err)
