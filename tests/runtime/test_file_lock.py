"""One process drives a file: the lock names it, and dies with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runwright.adapters.file_lock import DatabaseInUse, Lock, lock_holder, lock_path

HOLD = """
import sys, time
from pathlib import Path
from runwright.adapters.file_lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.announce("http://localhost:1234")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    """Another process's pid and address are in the error, and in the lock file."""
    path = tmp_path / "file.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseInUse) as refused:
            Lock(path)
        seen = lock_holder(path)
        holder.send_signal(signal.SIGKILL)
    Lock(path).release()

    assert (refused.value.pid, refused.value.address) == (holder.pid, "http://localhost:1234")
    assert f"process {holder.pid}" in refused.value.message
    assert refused.value.hint is not None
    assert seen == {"pid": holder.pid, "address": "http://localhost:1234"}


def test_a_lock_is_held_against_its_own_process_too(tmp_path: Path) -> None:
    """Two engines in one process would be two writers as well."""
    path = tmp_path / "file.db"
    lock = Lock(path)
    with pytest.raises(DatabaseInUse) as refused:
        Lock(path)
    lock.release()
    again = Lock(path)
    again.release()

    assert refused.value.pid == os.getpid()
    assert lock_holder(path) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_lock_file_that_says_nothing_names_nobody(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file, asking who holds it does not fail."""
    path = tmp_path / "file.db"
    lock_path(path).write_bytes(content)

    assert lock_holder(path) == {}
    assert lock_holder(tmp_path / "other.db") == {}


def test_a_shorter_address_leaves_nothing_of_the_longer(tmp_path: Path) -> None:
    """What is announced replaces what was announced."""
    path = tmp_path / "file.db"
    lock = Lock(path)
    lock.announce("http://a-rather-long-name:8000")
    lock.announce(None)

    assert lock_holder(path) == {"pid": os.getpid(), "address": None}
    lock.release()
