"""What the figures were measured on, and how noisy it was just then."""

from __future__ import annotations

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from runwright.version import VERSION

MEMORY = Path("/dev/shm")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Conditions(NamedTuple):
    """The noise before one repetition.

    loop_ms    for the sum of 1,000,000 squares
    sync_ms    median of 50 fdatasyncs of 4 KiB in the database's folder
    """

    load: float
    loop_ms: float
    sync_ms: float

    def __str__(self) -> str:
        return (
            f"load {self.load:.1f}, 1,000,000 squares {self.loop_ms:.0f} ms, "
            f"one fdatasync of 4 KiB {self.sync_ms:.2f} ms"
        )


def conditions(folder: Path) -> Conditions:
    """Return how busy the machine is and how quick its processor and disk are at this moment."""
    began_s = time.perf_counter()
    sum(n * n for n in range(1_000_000))
    loop_ms = (time.perf_counter() - began_s) * 1_000
    return Conditions(os.getloadavg()[0], loop_ms, _sync_ms(folder))


def _sync_ms(folder: Path) -> float:
    path, block, took_s = folder / "sync", b"x" * 4096, []
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(50):
            os.write(file, block)
            began_s = time.perf_counter()
            os.fdatasync(file)
            took_s.append(time.perf_counter() - began_s)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(took_s) * 1_000


def can_be_read() -> bool:
    """Return whether this system tells what processes take."""
    return Path("/proc/self/status").exists()


def described() -> str:
    """Return machine, software and date in one line."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {cores} cores, {memory_gib:.0f} GiB · "
        f"{platform.system()} {platform.release().partition('-')[0]} · Python {platform.python_version()} · "
        f"SQLite {apsw.sqlite_lib_version()} (apsw), WAL, synchronous=FULL · Runwright {VERSION}"
    )


def peak_mib(pid: int | str = "self") -> float:
    """Return the most memory that a process has had resident."""
    return _status_kib(pid, "VmHWM") / 1024


def resident_mib(pid: int | str = "self") -> float:
    """Return the memory that a process has resident."""
    return _status_kib(pid, "VmRSS") / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _status_kib(pid: int | str, name: str) -> int:
    # getrusage would also count what the parent had resident before exec
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell {name} of process {pid}")
