"""Processes and what they have started: found, stopped and killed, wherever they have moved to.

A process can leave its group and its session, and its parent can end; it cannot leave the subreaper above
it. So whatever a call started is below the call's process, and below the host once that process is gone.
Linux only.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
ROUNDS_MAX = 100
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent dies; leave at once if it is dead already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def can_list_children() -> bool:
    """Whether this kernel tells the children of a process."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def children(pid: int) -> Iterator[int]:
    """Yield the children of a process; of one that is gone, none."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # a few thousand times a second
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                yield from map(int, file.read().split())


def below(roots: Iterable[int], most: int = 1_000_000) -> list[int]:
    """Return the processes below these, and no more than `most` of them."""
    left: list[int] = list(roots)
    found: list[int] = []
    while left and len(found) < most:
        below_one = list(children(left.pop()))
        found += below_one
        left += below_one
    return found


def kill(roots: Iterable[int]) -> None:
    """Kill these processes and all below them.

    They are stopped first, until no new one appears: what multiplies would be faster than killing.
    """
    roots = tuple(roots)
    stopped: dict[int, None] = {}
    for _ in range(ROUNDS_MAX):
        new = [pid for pid in (*roots, *below(roots)) if pid not in stopped]
        if not new:
            break
        for pid in new:
            send(pid, signal.SIGSTOP)
        stopped.update(dict.fromkeys(new))
    for pid in stopped:
        send(pid, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_group(pgid: int, number: signal.Signals) -> None:
    """Send a signal to a group of processes that may be gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def kill_marked(mark: str) -> None:
    """Kill every process that was started with this text in its environment, and what is below it."""
    needle = mark.encode()
    for _ in range(ROUNDS_MAX):
        found = [pid for pid in _pids() if pid != os.getpid() and needle in _environment(pid)]
        if not found:
            return
        kill(found)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:  # gone, or of somebody else
        return b""


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
