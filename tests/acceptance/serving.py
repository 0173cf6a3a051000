"""A real server, in a process of its own, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

START_S_MAX = 120.0
NO_TLS = False  # to load the certificates of the world takes longer than a request
ANSWER_S_MAX = 120.0  # longer than any server holds an answer


class ServerProcess:
    """`runwright serve` on a database, reachable at `address`."""

    def __init__(self, database: Path, *arguments: str, **environment: str) -> None:
        self.database = database
        self._lock = database.with_name(database.name + ".lock")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RUNWRIGHT_")}
        self.log = (database.parent / "server.log").open("ab")
        self._log_before = len((database.parent / "server.log").read_text().splitlines())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runwright", "serve", "--port", "0", *arguments],
            env={**clean, "RUNWRIGHT_DATABASE_URL": f"sqlite:///{database}", **environment},
            stdout=self.log,
            stderr=self.log,
            cwd=database.parent,
        )
        try:
            self.address = self._announced()
        except BaseException:
            self.process.kill()
            self.process.wait()
            self.log.close()
            raise
        self.client = httpx2.Client(base_url=self.address, timeout=ANSWER_S_MAX, verify=NO_TLS)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        """Ask the process to end; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> int:
        status = self.process.wait(START_S_MAX)
        self.client.close()
        self.log.close()
        return status

    def _announced(self) -> str:
        until_s = time.monotonic() + START_S_MAX
        while time.monotonic() < until_s:
            assert self.process.poll() is None, (self.database.parent / "server.log").read_text()
            try:
                if address := self._logged():
                    return address
                held = json.loads(self._lock.read_bytes())
                if held["pid"] == self.process.pid and held["address"]:
                    httpx2.get(held["address"] + "/health/live", timeout=START_S_MAX, verify=NO_TLS)
                    return str(held["address"])
            except (OSError, ValueError, KeyError, httpx2.HTTPError):
                time.sleep(0.02)
        raise AssertionError("the server did not start: " + (self.database.parent / "server.log").read_text())

    def _logged(self) -> str | None:
        """The address that the log names; a database server has no lock file that would."""
        for line in (self.database.parent / "server.log").read_text().splitlines()[self._log_before :]:
            if '"server.listening"' in line:
                return str(json.loads(line)["address"])
        return None


@contextmanager
def serving(database: Path, *arguments: str, **environment: str) -> Iterator[ServerProcess]:
    """Yield a server that is gone afterwards."""
    server = ServerProcess(database, *arguments, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
