"""The crash points are in the code, each of them, and cost a run nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runwright import crash_points
from runwright.core.codec import Record
from runwright.crash_points import POINTS, Spec, spec_of

ROOT = Path(__file__).parents[2]
HOOK = re.compile(r'crash_here\(\s*"([^"]+)"')


def _arrivals(spec: str, program: str) -> subprocess.CompletedProcess[str]:
    lines = (
        f"from runwright.core.codec import Record\nfrom runwright.crash_points import crash_here\n{program}"
    )
    environment = {**os.environ, "RUNWRIGHT_CRASH_AT": spec}
    return subprocess.run([sys.executable, "-c", lines], env=environment, capture_output=True, text=True)


def test_every_point_is_in_the_code_and_every_hook_is_registered() -> None:
    """The names in the code are those of the registry; those of tools are in the tools of the tests."""
    files = [*(ROOT / "src").rglob("*.py"), ROOT / "tests/crash/tools.py"]
    hooks = {name for file in files for name in HOOK.findall(file.read_text())}

    assert hooks == POINTS


def test_nothing_is_armed_unless_it_was_asked_for() -> None:
    """Without the variable a hook is an empty function."""
    assert crash_points.crash_here is crash_points._pass
    assert not crash_points._pass.__code__.co_names


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("claim.after_commit", Spec("claim.after_commit", None, 1)),
        ("append.before:7", Spec("append.before", None, 7)),
        ("append.before[step.succeeded]:2", Spec("append.before", "step.succeeded", 2)),
    ],
)
def test_a_spec_names_a_point_a_type_and_an_arrival(text: str, spec: Spec) -> None:
    """The type and the number of the arrival may be left out."""
    assert spec_of(text) == spec


@pytest.mark.parametrize("text", ["", "append", "append.before[", "append.before:x", "claim.before"])
def test_an_unknown_point_is_refused(text: str) -> None:
    """A process that is to die nowhere does not start."""
    with pytest.raises(ValueError, match="names no crash point"):
        spec_of(text)


def test_a_process_dies_at_the_arrival_that_was_asked_for() -> None:
    """The third arrival with a record of the type, and no other point, type or time."""
    ended = _arrivals(
        "append.before[step.failed]:2",
        """
ok, bad = Record(1, "step.succeeded", b"", b""), Record(2, "step.failed", b"", b"")
for point, records in [("append.before", [ok]), ("append.before", [ok, bad]), ("claim.after_commit", [bad])]:
    crash_here(point, records)
print("alive", flush=True)
crash_here("append.before", [bad])
print("never")
""",
    )

    assert (ended.returncode, ended.stdout) == (-9, "alive\n")
    assert Record._fields[1] == "type"
