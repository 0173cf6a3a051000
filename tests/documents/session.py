"""A reader who does what a page says: saves its files, runs its programs, types its commands, and compares."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from documents.likeness import Names
from documents.pages import ROOT, Block, Command, blocks, commands
from documents.terminal import COLUMNS, seen

TIMEOUT_S = 300.0
ADDRESS = "http://127.0.0.1:8000"  # as the pages write it
BIN = Path(sys.executable).parent
CURL = Path(__file__).with_name("curl.py")
_SERVE = re.compile(r"(?:make serve|runwright serve)(?P<options>[^&]*)&?")
_EXPORT = re.compile(r"export (?P<name>\w+)=(?P<value>\S*)")


class Session:
    """One page being followed, in a folder and with a data file of its own."""

    def __init__(self, page: Path, folder: Path) -> None:
        self._page, self._folder = page, folder
        self._names = Names()
        self._told = ""
        self._server: subprocess.Popen[str] | None = None
        self._address = ADDRESS
        self._environment = environment(folder)
        (folder / "examples").symlink_to(ROOT / "examples")

    def follow(self) -> int:
        """Do everything that the page says; return how many things those were."""
        try:
            return sum(self._do(block) for block in blocks(self._page))
        finally:
            self._kill()

    def _do(self, block: Block) -> int:
        if block.note.startswith("not run: "):
            return 0
        if block.file is not None:
            (self._folder / block.file).write_text(block.text + "\n", encoding="utf-8")
            return 1
        if block.note == "output":
            self._compare(block.text, block.line)
            return 1
        if block.language == "python":
            self._kill()  # a program drives the data file itself
            (self._folder / "block.py").write_text(block.text + "\n", encoding="utf-8")
            self._type(Command("python block.py", "", block.line), 0)
            return 1
        if block.language not in ("console", "sh"):
            return 0
        found = list(commands(block))
        last = int(block.note.removeprefix("exits ")) if block.note.startswith("exits ") else 0
        for command in found:
            self._type(command, last if command is found[-1] else 0)
        return len(found)

    def _type(self, command: Command, status: int) -> None:
        text = self._names.put_into(command.text)
        if setting := _EXPORT.fullmatch(text):
            self._environment[setting["name"]] = setting["value"]
        elif served := _SERVE.fullmatch(text):
            self._serve(served["options"], command)
        elif text == "kill -9 %1":
            self._kill()
        else:
            text = text.replace(ADDRESS, self._address)
            ended, self._told = seen(_unmade(text), self._folder, self._environment, TIMEOUT_S)
            assert ended == status, f"{self._at(command.line)}: {text}\nexited {ended}:\n{self._told}"
        if command.shown:
            self._compare(command.shown, command.line)

    def _serve(self, options: str, command: Command) -> None:
        """Start the server at a port that is free, and wait until it listens."""
        self._kill()
        self._server = subprocess.Popen(
            ["bash", "-c", f"exec runwright serve --port 0 {options}"],
            cwd=self._folder,
            env={**self._environment, "RUNWRIGHT_LOG_FORMAT": "text"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._server.stderr is not None
        lines: list[str] = []
        wanted = len(command.shown.splitlines())
        while len(lines) < wanted or "address=" not in "".join(lines):
            line = self._server.stderr.readline()
            assert line, f"{self._at(command.line)}: the server ended:\n{''.join(lines)}"
            lines.append(line.rstrip())
        found = re.search(r"address=(http://([\d.]+):(\d+))", "\n".join(lines))
        assert found is not None
        self._address, self._told = found[1], "\n".join(lines[:wanted])
        wait_until(lambda: _answers(found[2], int(found[3])), TIMEOUT_S, "the server answers")

    def _kill(self) -> None:
        if self._server is not None:
            assert self._server.stderr is not None
            self._server.kill()
            self._server.wait()
            self._server.stderr.close()
            self._server = None

    def _compare(self, shown: str, line: int) -> None:
        told = self._told.replace(self._address, ADDRESS)
        assert self._names.fit(shown, told), f"{self._at(line)} shows\n{shown}\nbut this was told:\n{told}"

    def _at(self, line: int) -> str:
        return f"{self._page.name}:{line}"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a reader whose home is this folder, with nothing set up."""
    programs = folder / ".programs"
    programs.mkdir()
    if shutil.which("curl") is None:
        curl = programs / "curl"
        curl.write_text(f'#!/bin/sh\nexec {sys.executable} {CURL} "$@"\n')
        curl.chmod(0o755)
    return {
        "PATH": f"{BIN}:{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "xterm",
        "NO_COLOR": "1",
        "COLUMNS": str(COLUMNS),
        "no_proxy": "*",
        "RUNWRIGHT_LOOP_LAG_WARN_MS": "0",  # a machine that is busy would be told of between the lines
    }


def _unmade(text: str) -> str:
    """Return a command with `make` in it such that it uses this environment and installs nothing."""
    make = f"make --no-print-directory -C {ROOT} -o {BIN.parent}/run -o {BIN.parent}/dev VENV={BIN.parent}"
    return text.replace("make", make, 1) if text.startswith("make ") else text


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return once it holds; fail with a sentence when that takes too long."""
    until_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until_s, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.01)
