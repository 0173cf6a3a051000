"""Real processes that share a PostgreSQL database, one of them perhaps armed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from crash.server import POLL_S, ROOM, START_S_MAX, TOOLS, Life, _is_live, command

Role = Literal["api", "worker"]
LEASE_S = 2.0
WORDS = {"api": ("serve", "--port", "0", "--workers", "0"), "worker": ("worker",)}


class Member(Life):
    """A process of `runwright serve --workers 0` or `runwright worker`."""

    def __init__(self, folder: Path, role: Role, number: int, stores: dict[str, str], **armed: str) -> None:
        self.role: Role = role
        self.log_path = folder / f"{role}-{number}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
        settings = {
            "RUNWRIGHT_RUNS_AT_ONCE_MAX": str(ROOM),
            "RUNWRIGHT_LOG_FORMAT": "json",
            "RUNWRIGHT_DRAIN_GRACE_S": "60",
            "RUNWRIGHT_WORKER_LEASE_S": str(LEASE_S),
            "RUNWRIGHT_ARCHIVE_AFTER_S": "0.2",  # while clients still read, restart and follow the runs
            "CRASH_EFFECTS": str(folder / "effects"),
        }
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command(*WORDS[role], "--tools", str(TOOLS)),
                env={**clean, **settings, **stores, **armed},
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        self.pid = self._process.pid
        self.address = ""

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return what the log says of an event."""
        lines = self.log_path.read_text().splitlines()
        found = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))
        return [line for line in found if line.get("event") == event]

    async def answers(self) -> bool:
        """Return whether the process came up; false when it is dead, or stopped, before it could."""
        until_s = time.monotonic() + START_S_MAX
        while time.monotonic() < until_s and not self.has_ended and not self.is_stopped:
            up = self.said("server.listening") or self.said("worker.working")
            address = up[0].get("address", "") if up else ""
            with suppress(OSError, TimeoutError):
                if up and (not address or await _is_live(address)):
                    self.address = address
                    return True
            await asyncio.sleep(POLL_S)
        return False
