"""Other processes: each measurement gets a fresh one, with nothing of ours in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from bench import machine

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that is gone afterwards; on the disk of this checkout unless a parent is given."""
    with TemporaryDirectory(prefix="runwright-bench-", dir=parent or disk()) as folder:
        yield Path(folder)


def disk() -> Path:
    """Return a folder on a real disk: the system's folder for temporary files may be in memory."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


def in_memory() -> Path | None:
    """Return a folder in memory, where fsync costs nothing; None where there is none to write to."""
    return machine.MEMORY if os.access(machine.MEMORY, os.W_OK) else None


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which this checkout is measured, without settings except those given."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    return {**ours, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **more}


def python(*arguments: str) -> list[str]:
    """Return the command that runs this Python with arguments."""
    return [sys.executable, *arguments]


def answer(module: str, order: object, kind: type[T], folder: Path, *, under: Sequence[str] = ()) -> T:
    """Return what a module says when it is run with an order, both as one line of JSON.

    folder   where it runs: no `.env` and no `runwright.toml` of the checkout is read
    under    a command that runs it
    """
    done = subprocess.run(
        [*under, *python("-m", module)],
        input=msgspec.json.encode(order) + b"\n",
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=folder,
        check=True,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=kind)
