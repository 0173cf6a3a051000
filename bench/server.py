"""The real server as a process of its own, on a port that the system chooses."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from runwright.adapters.file_lock import lock_holder
from runwright.bench import machine, processes

START_S_MAX = 30.0
STOP_S_MAX = 30.0
POLL_S = 0.002


class Server:
    """A running server.

    address   where it listens
    pid       its process, for the kernel's figures about it
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self._process, self.address, self.pid = process, address, process.pid

    @property
    def cpu_s(self) -> float:
        """Processor time so far."""
        return machine.cpu_s(self.pid)

    def health(self) -> Any:
        """Return what the server says about its parts."""
        with urlopen(f"{self.address}/health") as response:
            return json.load(response)

    @property
    def resident_mib(self) -> float:
        """Memory that it has resident."""
        return machine.resident_mib(self.pid)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Yield a server with a new database in the folder, at its default settings, its log in a file."""
    with (folder / "log").open("wb") as log:
        process = started(folder, log)
        try:
            yield Server(process, healthy(folder, process))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S_MAX)


def started(folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Return the process of a server that was started this moment."""
    return subprocess.Popen(
        processes.python("-m", "runwright", "serve", "--port", "0"),
        stdout=log,
        stderr=log,
        env=processes.environment(RUNWRIGHT_DATABASE_URL=f"sqlite:///{database(folder)}"),
        cwd=folder,
    )


def healthy(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the server's address as soon as it answers; it stands in the lock file beside the database."""
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s and process.poll() is None:
        address = lock_holder(database(folder)).get("address")
        if address and _answers(address):
            return str(address)
        time.sleep(POLL_S)
    process.kill()
    raise RuntimeError(f"the server did not start: {(folder / 'log').read_text()[-2_000:]}")


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health/live") as response:
            return bool(response.status == 200)
    except URLError:  # bound, and not yet listening
        return False


def database(folder: Path) -> Path:
    """Return where the server keeps its runs."""
    return folder / "server.db"
