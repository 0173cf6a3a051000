"""Other processes: each measurement gets a fresh one, with nothing of ours in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from runwright.bench import machine

T = TypeVar("T")


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Yield a new folder inside the parent that is gone afterwards."""
    with TemporaryDirectory(prefix="runwright-bench-", dir=parent) as folder:
        yield Path(folder)


def in_memory() -> Path | None:
    """Return a folder in memory, where fsync costs nothing; None where there is none to write to."""
    return machine.MEMORY if os.access(machine.MEMORY, os.W_OK) else None


def environment(module: str = "runwright", **more: str) -> dict[str, str]:
    """Return an environment for measuring the code of this process, without settings except those given.

    module   is found there, and Runwright itself
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    homes = dict.fromkeys((_home(module), _home("runwright")))
    return {**ours, "PYTHONPATH": os.pathsep.join(homes), **more}


def _home(module: str) -> str:
    """Where the outermost package of a module is imported from."""
    package = module.partition(".")[0]
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).resolve().parent.parent)


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
        env=environment(module),
        cwd=folder,
        check=True,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=kind)
