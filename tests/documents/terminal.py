"""A command at a terminal of 120 columns, and what a person sees of it in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

COLUMNS = 120
_CONTROL = re.compile(r"\x1b\[(?P<count>\d*)[\d;?]*(?P<verb>[A-Za-z])|\x1b\][^\x07]*\x07|\x1b.")


def seen(command: str, folder: Path, environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
    """Return the exit status of a shell command and what stands on its terminal behind it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        raw = _read(ours, time.monotonic() + timeout_s)
        return process.wait(timeout=timeout_s), screen(raw.decode(errors="replace"))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int, until_s: float) -> bytes:
    parts = []
    while (left_s := until_s - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left_s)[0]:
            break
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # nobody holds the other end any more
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def screen(text: str) -> str:
    """Return the lines that stay on a terminal: returns, cursor movements and erased lines carried out."""
    lines, row, column = [""], 0, 0
    at = 0
    while at < len(text):
        sign = text[at]
        control = _CONTROL.match(text, at) if sign == "\x1b" else None
        at += len(control[0]) if control else 1
        if control:
            count = int(control["count"] or 1) if control["verb"] else 0
            if control["verb"] == "A":
                row = max(0, row - count)
            elif control["verb"] == "K":
                lines[row] = "" if control["count"] == "2" else lines[row][:column]
        elif sign == "\r":
            column = 0
        elif sign == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append("")
        else:
            lines[row] = f"{lines[row][:column]:<{column}}{sign}{lines[row][column + 1 :]}"
            column += 1
    return "\n".join(line.rstrip() for line in lines).rstrip()
