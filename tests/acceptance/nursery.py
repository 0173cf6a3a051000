"""Commands in processes of their own, forked from one that has loaded Runwright: loading it is most of a start.

Servers, and commands that are looked at while they are at work, are started as anybody would start them.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

TIMEOUT_S = 300.0
SIZE_BYTES, STATUS_BYTES = 8, 4


@cache
def nursery() -> Nursery:
    """Return the one of this process."""
    made = Nursery()
    atexit.register(made.close)
    return made


class Nursery:
    """A process that has loaded Runwright, and is forked for each command."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(TIMEOUT_S)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=clean
            )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Return what became of `runwright` with these arguments, in a folder."""
        command = {"arguments": [*arguments], "environment": {**environment}, "folder": str(folder)}
        message = json.dumps(command).encode()
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin.encode())
            given.seek(0)
            ends = [file.fileno() for file in (given, out, err)]
            socket.send_fds(self._socket, [len(message).to_bytes(SIZE_BYTES, "big")], ends)
            self._socket.sendall(message)
            status = int.from_bytes(_received(self._socket, STATUS_BYTES), "big", signed=True)
            told = []
            for file in (out, err):
                file.seek(0)
                told.append(file.read().decode())
        return subprocess.CompletedProcess([*arguments], status, *told)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait(TIMEOUT_S)


def _received(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "the nursery has ended"
        data += part
    return data


def _serve(connection: socket.socket) -> None:
    """Fork for one command after the other, until nobody is there any more."""
    import importlib
    import pkgutil

    import runwright

    for module in pkgutil.walk_packages(runwright.__path__, "runwright."):
        if not module.name.endswith("__main__") and not module.name.startswith("runwright.testing"):
            importlib.import_module(module.name)
    while True:
        size, ends, _, _ = socket.recv_fds(connection, SIZE_BYTES, 3)
        if not size:
            return
        command = json.loads(_received(connection, int.from_bytes(size, "big")))
        if (child := os.fork()) == 0:
            connection.close()
            _carry_out(command, ends)
        for end in ends:
            os.close(end)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(status.to_bytes(STATUS_BYTES, "big", signed=True))


def _carry_out(command: dict[str, Any], ends: Sequence[int]) -> None:
    """Be `python -m runwright`."""
    from runwright.cli import main

    for number, end in enumerate(ends):
        os.dup2(end, number)
        os.close(end)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv, sys.path[0] = ["runwright", *command["arguments"]], command["folder"]
    main()


if __name__ == "__main__":
    sys.path.pop(0)
    sys.path.insert(0, "")
    _serve(socket.socket(fileno=int(sys.argv[1])))
