"""One life of a real server: started, perhaps armed, and ended by a signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TOOLS = Path(__file__).with_name("tools.py")
START_S_MAX = END_S_MAX = REFUSED_S_MAX = 120.0
POLL_S = 0.003
ROOM = 4  # runs in hand; more wait, so that there is something to claim
SETTINGS = {
    "RUNWRIGHT_RUNS_AT_ONCE_MAX": str(ROOM),
    "RUNWRIGHT_LOG_FORMAT": "json",
    "RUNWRIGHT_DRAIN_GRACE_S": "60",
    "RUNWRIGHT_ARCHIVE_AFTER_S": "0.2",  # while clients still read, restart and follow the runs
}


class Life:
    """A process of `runwright serve` on the database in a folder, with the tools of these tests."""

    def __init__(self, folder: Path, at: str | None = None, by: str = "KILL", **settings: str) -> None:
        self._folder = folder
        armed = {} if at is None else {"RUNWRIGHT_CRASH_AT": at, "RUNWRIGHT_CRASH_BY": by}
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command("serve", "--port", "0", "--tools", str(TOOLS)),
                env=environment(folder, **armed, **settings),
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        self.pid = self._process.pid
        self.address = ""

    async def answers(self) -> bool:
        """Return whether the server came up; false when it is dead, or stopped, before it could."""
        until_s = time.monotonic() + START_S_MAX
        lock = self._folder / "runs.db.lock"
        while time.monotonic() < until_s and not self.has_ended and not self.is_stopped:
            try:
                held = json.loads(lock.read_bytes())
                if held["pid"] == self.pid and held["address"] and await _is_live(held["address"]):
                    self.address = held["address"]
                    return True
            except (OSError, ValueError, KeyError, TimeoutError):
                pass
            await asyncio.sleep(POLL_S)
        return False

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def is_stopped(self) -> bool:
        """Whether a SIGSTOP holds it."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self, within_s: float = END_S_MAX) -> int:
        """Return the exit status, negative for a signal.

        Raises   TimeoutError
        """
        until_s = time.monotonic() + within_s
        while (status := self._process.poll()) is None:
            if time.monotonic() > until_s:
                raise TimeoutError(f"the server did not end within {within_s:g} s")
            await asyncio.sleep(POLL_S)
        return status


async def _is_live(address: str) -> bool:
    """Whether the server takes requests: its socket listens before that."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    async with asyncio.timeout(5.0):  # it may be stopped in the middle of this
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET /health/live HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            answered = await reader.readline()
        finally:
            writer.close()
    return b" 200 " in answered


def command(*words: str) -> list[str]:
    """Return the command line of `runwright`."""
    return [sys.executable, "-m", "runwright", *words]


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nothing of the caller's settings is left."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    own = {
        "RUNWRIGHT_DATABASE_URL": f"sqlite:///{folder / 'runs.db'}",
        "CRASH_EFFECTS": str(folder / "effects"),
    }
    return {**clean, **own, **SETTINGS, **more}


async def is_refused(folder: Path) -> bool:
    """Return whether a second server on the same file is turned away, with the holder named, and at once."""
    second = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0"),
        env=environment(folder),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(REFUSED_S_MAX):
            _, said = await second.communicate()
    except TimeoutError:
        second.kill()
        await second.wait()
        return False
    return second.returncode == 1 and b"in use" in said
