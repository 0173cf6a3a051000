"""Redis for tests: a server of the test's own, to be stopped, killed, flushed and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.ports import own_port
from services.postgres import Absent

START_S_MAX = PATIENCE_S = 60.0


class PrivateRedis:
    """A server that nobody else uses; it keeps nothing on disk.

    Raises   Absent
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, own_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if shutil.which("redis-server") is None:
            raise Absent("no Redis is installed (Debian: package redis-server)")
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        until_s = time.monotonic() + START_S_MAX
        while self.ask("PING") != "PONG":
            assert self.process.poll() is None, "the server ended at once"
            assert time.monotonic() < until_s, "the server does not start"
            time.sleep(0.02)

    def pause(self) -> None:
        """Stop the server where it stands: connections stay open, and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once, and all that it knew with it."""
        self.go_on()
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def ask(self, *words: str) -> str:
        """Return what `redis-cli` says."""
        said = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, timeout=PATIENCE_S
        )
        return said.stdout.strip()


@contextmanager
def private(folder: Path) -> Iterator[PrivateRedis]:
    """Yield a server that nobody else uses.

    Raises   Absent
    """
    server = PrivateRedis(folder)
    try:
        yield server
    finally:
        server.kill()
