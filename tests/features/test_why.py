"""`runs show` says why a run is as it is; the texts in `shown/` are what people read."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runwright.cli.possible import Place, possible
from runwright.cli.show import run_shown
from runwright.cli.teller import NOBODY, PERSON, RETRY, TOOLS, Moment
from runwright.cli.text import Paint
from runwright.cli.timeline import condensed, timeline
from runwright.core.codec import decode, instant
from runwright.core.ids import RunId
from runwright.core.run import fold
from runwright.core.view import run_object

HERE = Path(__file__).parent
JOURNALS = sorted((HERE.parent / "replay").glob("*.json"))
PLACE = Place(" --server http://x:1")


class Screen(io.StringIO):
    """A terminal of some width."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def story(shape: str, events: int | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run object and the events of a recorded run, or of its beginning."""
    journal = json.loads((HERE.parent / "replay" / f"0.1.0-{shape}.json").read_text())
    bodies = [body.encode() for body in journal["events"][:events]]
    run_id = RunId(journal["run_id"])
    return run_object(fold(run_id, map(decode, bodies))), [json.loads(body) for body in bodies]


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("name", "shape", "events"),
    [
        ("completed", "model_mended", None),
        ("failed", "stubborn", 13),
        ("unknown", "unknown_retried", 7),
        ("waiting_for_a_person", "approved", 4),
        ("waiting_for_a_retry", "flaky", 6),
        ("cancelled", "cancelled_unsafe", None),
        ("over_budget", "model_budget", None),
        ("after_a_crash", "after_crash", None),
    ],
)
def test_a_run_says_why_it_is_as_it_is(name: str, shape: str, events: int | None) -> None:
    """What happened, where the time went, the one error that matters, and commands to type now."""
    run, told = story(shape, events)
    now_s = instant(told[-1]["at"]) + 0.01

    shown = run_shown(run, timeline(told, now_s), Paint(io.StringIO()), PLACE)

    assert "\x1b" not in shown
    assert shown + "\n" == (HERE / "shown" / f"{name}.txt").read_text()


@pytest.mark.parametrize("columns", [50, 72])
def test_a_narrow_terminal_is_enough(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told goes on in the next line; commands stay whole, so that they can be copied."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    run, told = story("unknown_retried", 7)

    lines = run_shown(run, timeline(told, 0.0), Paint(Screen()), PLACE).split("\n")

    plain = [_uncoloured(line) for line in lines]
    long = [line for line in plain if len(line) > columns]
    assert len(plain) > 20 and all("runwright runs restart" in line or "# find out" in line for line in long)


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_no_second_of_a_run_is_unaccounted_for(path: Path) -> None:
    """After every event of every recorded run, the parts of its time are its whole time."""
    told = [json.loads(body) for body in json.loads(path.read_text())["events"]]
    for known in range(1, len(told) + 1):
        so_far = told[:known]
        now_s = instant(so_far[-1]["at"])
        found = timeline(so_far, now_s)
        assert sum(found.spent_s.values()) == pytest.approx(now_s - instant(so_far[0]["at"]), abs=1e-3)
        assert found.moments[0].text.startswith("created")
        assert bool(found.doing) == (
            so_far[-1]["type"] not in ("run.completed", "run.failed", "run.cancelled")
        )


def test_waits_are_told_apart() -> None:
    """For a person, for a retry, behind a crash, and for tools."""
    assert timeline(story("approved", 6)[1], 0.0).spent_s[PERSON] > 0.5
    assert timeline(story("flaky")[1], 0.0).spent_s[RETRY] == pytest.approx(0.02, abs=0.002)
    crashed = timeline(story("after_crash")[1], 0.0)
    assert crashed.spent_s[NOBODY] > 1
    assert "no sign of life for 1.0 s" in " ".join(moment.text for moment in crashed.moments)
    _, working = story("unknown_retried", 5)
    assert timeline(working, instant(working[-1]["at"]) + 60).spent_s == {TOOLS: pytest.approx(60)}


def test_a_run_that_nobody_drives_says_so() -> None:
    """Where that can be known; the command carries it on."""
    run, _ = story("unknown_retried", 5)

    (command,) = possible(run, Place("", driven=False))

    assert command.startswith(f"runwright runs watch {run['run_id']}  # no process drives it")


def test_a_tenant_without_budget_is_given_more_before_the_restart() -> None:
    """Both commands, in the order in which they help; a run's own budget never grows."""
    run, _ = story("model_budget")
    more = {"hint": "raise it with `runwright tenants set team-a --tokens N`"}

    own = possible(run, PLACE)
    tenants = possible({**run, "error": {**run["error"], **more}}, PLACE)

    assert [line[:35] for line in own] == ["# the budget of this run stays as i"]
    assert tenants == [
        "runwright tenants set team-a --tokens N",
        f"runwright runs restart {run['run_id']} --server http://x:1",
    ]


def test_many_steps_make_no_long_timeline() -> None:
    """What went well is told as one, and trouble is kept; of endless trouble the middle is left out."""
    well = [Moment(float(n), f"step {n}", ordinary=True) for n in range(5_000)]
    trouble = [Moment(float(n), f"failed {n}") for n in range(5_000)]

    short = [moment.text for moment in condensed([*well[:2_500], trouble[0], *well[2_500:]])]
    long = condensed(trouble)

    ordinary = "2,500 steps succeeded or were skipped"
    assert short == [ordinary, "failed 0", ordinary]
    assert len(long) == 41
    assert (long[0].text, long[20].text, long[-1].text) == (
        "failed 0",
        "… 4,960 more moments, left out here",
        "failed 4999",
    )


def _uncoloured(line: str) -> str:
    while "\x1b" in line:
        before, _, after = line.partition("\x1b[")
        line = before + after.partition("m")[2]
    return line
