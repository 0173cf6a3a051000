"""What the command line makes of values, times, plans and settings, before any of it is printed."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.cli import prompts_last
from runwright.cli.failures import Unusable, remedy, why
from runwright.cli.progress import Lines
from runwright.cli.results import document, machine, readable
from runwright.cli.runs import instant_of, verdicts_of
from runwright.cli.story import Story, told_by
from runwright.cli.text import Paint, brief, cut, duration, plural
from runwright.cli.tree import places, tree
from runwright.visible import visible, visible_json, visible_lines

RECORDED = Path(__file__).parent.parent / "replay"

PLAIN = Paint(io.StringIO())
UNSAFE = "\u200b\u2060\ufeff\u3164\xad\U000e0041\x1b\x07\x9b\u202e\u2028\u2066\ud800\x7f"


class Terminal(io.StringIO):
    """A stream that looks like a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (12.4, "12 ms"),
        (999.4, "999 ms"),
        (1_234, "1.2 s"),
        (61_000, "1 min 1 s"),
        (7_265_000, "2 h 1 min"),
    ],
)
def test_durations_have_a_unit_that_suits_them(ms: float, shown: str) -> None:
    """From a tenth of a millisecond to hours."""
    assert duration(ms) == shown


@given(st.text(st.characters() | st.sampled_from(UNSAFE)))
def test_no_control_character_is_ever_visible(text: str) -> None:
    """Whatever a text holds, what is shown of it cannot move a cursor or hide a word, and stays one line."""
    shown = visible(text)

    assert not set(UNSAFE) & set(shown)
    assert len(shown.splitlines()) <= 1
    assert not set(UNSAFE) & set(visible_lines(text))


@given(
    st.recursive(
        st.integers() | st.text() | st.booleans() | st.none(), lambda v: st.dictionaries(st.text(), v)
    )
)
def test_json_for_programs_means_what_it_is_made_of(value: Any) -> None:
    """Escaping control characters changes no value, however it is printed."""
    for printed in (machine(value), document(value)):
        assert msgspec.json.decode(printed) == value
        assert not set("\x1b\x9b\u202e\u2028") & set(printed)


@given(
    st.integers(8, 80),
    st.recursive(st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)),
)
def test_a_brief_is_one_short_line(characters: int, value: Any) -> None:
    """The gist of any value fits the room that there is for it."""
    shown = brief(value, characters)

    assert len(shown) <= characters
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (300, "300"),
        (2**200, str(2**200)),
        (0.1, "0.1"),
        (True, "true"),
        (None, "null"),
        ("two\nlines\t\x1b[31m", "two\nlines\t\\x1b[31m"),
        ([1, 2], "[\n  1,\n  2\n]"),
        ({"eur": 8.5}, '{\n  "eur": 8.5\n}'),
        ({"todo": {"text": "milk", "completed": False}}, "[ ] milk"),
        (
            {"todo": {"text": "milk", "completed": True}, "remaining_count": 1},
            "[x] milk\ndeleted; 1 todo left",
        ),
        ({"todos": [], "total_count": 0}, "no todos"),
        (
            {"todos": [{"text": "a", "completed": True}], "total_count": 1_200, "completed_count": 900},
            "1. [x] a\n1,200 todos, 900 done, the first 1 are shown",
        ),
        ({"todos": [1]}, '{\n  "todos": [\n    1\n  ]\n}'),
    ],
)
def test_results_are_printed_for_people(result: Any, shown: str) -> None:
    """Numbers and texts plainly, todos as a list, everything else as JSON."""
    assert readable(result, PLAIN) == shown


def test_colours_are_for_terminals_and_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, a dumb terminal and NO_COLOR get plain text."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    coloured = Paint(Terminal())("x", "red", "bold")
    piped = Paint(io.StringIO())("x", "red")
    monkeypatch.setenv("TERM", "dumb")
    dumb = Paint(Terminal())("x", "red")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")

    assert coloured == "\x1b[31;1mx\x1b[0m"
    assert [piped, dumb, Paint(Terminal())("x", "red")] == ["x", "x", "x"]


@st.composite
def dependencies(draw: st.DrawFn) -> dict[int, tuple[int, ...]]:
    """Who waits for whom, in a plan of up to 40 steps whose numbers say nothing about their order."""
    order = draw(st.permutations(range(1, draw(st.integers(1, 40)) + 1)))
    return {
        number: tuple(sorted(draw(st.sets(st.sampled_from(order[:at]), max_size=4)))) if at else ()
        for at, number in enumerate(order)
    }


@given(dependencies())
def test_the_tree_shows_each_step_once_below_one_that_it_waits_for(
    before: dict[int, tuple[int, ...]],
) -> None:
    """Every step has one line, behind all that it waits for in its own branch, and names the rest."""
    shown = list(places(before))

    numbers = [place.number for place in shown]
    assert sorted(numbers) == sorted(before)
    for place in shown:
        above = set(before[place.number]) - set(place.others)
        assert len(above) == min(1, len(before[place.number]))
        assert all(numbers.index(other) < numbers.index(place.number) for other in above)


def test_a_plan_of_a_thousand_steps_in_a_row_is_a_tree() -> None:
    """Depth costs no recursion, and the lines stop moving to the right."""
    before = {number: (number - 1,) if number > 1 else () for number in range(1, 1_001)}

    shown = list(places(before))

    assert [place.number for place in shown] == list(range(1, 1_001))
    assert max(len(place.bars) for place in shown) <= 40


PLAN = {
    "plan_id": "plan_1",
    "goal": "test",
    "source": "given",
    "plan_hash": "",
    "steps": [
        {"step_number": 1, "tool_name": "first", "tool_input": {"text": "a"}},
        {"step_number": 2, "tool_name": "second", "tool_input": {"text": "{step_1_output}"}},
    ],
}


def event(kind: str, step_number: int | None = None, **data: Any) -> dict[str, Any]:
    """An event as clients get it."""
    return {"type": kind, "at": "2026-01-01T00:00:00.000Z", "step_number": step_number, "data": data}


def test_a_story_follows_a_run_through_retry_failure_and_restart() -> None:
    """What the tree shows at each moment is what the events said last."""
    story = Story("run_1")
    error = {"code": "tool_failed", "message": "not\nnow"}
    marks = []
    for heard in (
        event("plan.accepted", plan=PLAN),
        event("step.started", 1, attempt=1),
        event("step.retrying", 1, attempt=1, error=error, retry_at_s=1_767_225_602.0, duration_ms=3.0),
        event("step.started", 1, attempt=2),
        event("step.succeeded", 1, attempt=2, output="A", duration_ms=4.0),
        event("step.started", 2, attempt=1, tool_input={"text": "A"}),
        event("step.failed", 2, attempt=1, error=error, duration_ms=5.0),
        event("run.failed", error=error),
        event("run.restarted"),
    ):
        story.hear(heard)
        marks.append([line.strip() for line in tree(story, PLAIN, 60)])

    assert [lines[0] for lines in marks[:5]] == [
        ". 1 first  a",
        "> 1 first  a",
        r"~ 1 first  not\x0anow; again in 2.0 s  3.0 ms",
        "> 1 first  a  attempt 2",
        "+ 1 first  a -> A  2 attempts, 4.0 ms",
    ]
    assert [lines[1] for lines in marks[4:]] == [
        "`- . 2 second  {step_1_output}",
        "`- > 2 second  A",
        r"`- x 2 second  not\x0anow  5.0 ms",
        r"`- x 2 second  not\x0anow  5.0 ms",
        "`- . 2 second  A",
    ]
    assert story.status == "running"


def test_a_verdict_ends_what_was_told_of_an_unknown_step() -> None:
    """A step that a person calls succeeded shows neither why it was unknown nor how long it took."""
    story = Story("run_1")
    for heard in (
        event("plan.accepted", plan=PLAN),
        event("step.started", 1, attempt=1),
        event("step.unknown", 1, attempt=1, reason="the process ended", duration_ms=3.0),
        event("run.failed", error={"code": "outcome_unknown", "message": "the process ended"}),
        event("run.restarted", resolve={"1": "succeeded"}),
    ):
        story.hear(heard)

    assert next(iter(tree(story, PLAIN, 60))).strip() == "+ 1 first  a"


def test_a_run_object_tells_the_same_story() -> None:
    """`runs show` draws what the events drew."""
    entry = {"step_number": 1, "status": "succeeded", "attempts": 2, "duration_ms": 4.0, "error": None}
    run = {
        "run_id": "run_1",
        "status": "running",
        "plan": PLAN,
        "execution_log": [{**entry, "tool_input": {"text": "a"}, "output": "A"}],
    }

    assert tree(told_by(run), PLAIN, 60) == [
        "+ 1 first  a -> A  2 attempts, 4.0 ms",
        "`- . 2 second  {step_1_output}",
    ]


@pytest.mark.parametrize("shape", ["model_early", "model_mended", "model_away"])
def test_a_story_follows_steps_that_start_before_their_plan_is_accepted(
    shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was discarded is forgotten, and what counts stays: in the end it is the story of the run object."""
    journal = json.loads((RECORDED / f"0.1.0-{shape}.json").read_text())
    display = Lines(Story(journal["run_id"]))
    for body in journal["events"]:
        display.hear(json.loads(body))
    told, known = display.story.steps, told_by(journal["run"]).steps
    printed = capsys.readouterr().err

    assert {n: step.status for n, step in told.items()} == {n: step.status for n, step in known.items()}
    assert {n: step.said for n, step in told.items()} == {n: step.said for n, step in known.items()}
    assert ("cancelled" in printed) == (shape == "model_mended")


def failed_run(code: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """A failed run, as far as the last line needs it."""
    return {
        "run_id": "run_1",
        "status": "failed",
        "plan": PLAN,
        "error": {"code": code, "message": "it broke", "step_number": 2, "hint": "mend it"},
        "execution_log": list(entries),
        "eligible_actions": ["restart"],
    }


def test_the_last_line_names_the_step_and_the_command() -> None:
    """A restart is offered where it can help, with a verdict for each unknown step and the server it was on."""
    unknown = {"step_number": 2, "status": "unknown"}

    assert why(failed_run("tool_failed")) == "step 2 (second): it broke (mend it)"
    assert remedy(failed_run("tool_failed"), "") == "runwright runs restart run_1"
    assert remedy(failed_run("invalid_plan"), "") == ""
    assert (
        remedy(failed_run("outcome_unknown", unknown), " --server http://x")
        == "runwright runs restart run_1 --resolve 2=retry --server http://x"
    )


def test_times_are_given_as_people_say_them() -> None:
    """Ago, a date in the local zone, or RFC 3339; everything else is refused with an example."""
    local_midnight_s = datetime(2026, 3, 1).astimezone().timestamp()

    assert instant_of("2h", "--since", 10_000.0) == 2_800.0
    assert instant_of("2026-03-01", "--since", 0.0) == local_midnight_s
    assert instant_of("1970-01-01T01:00:00+01:00", "--since", 0.0) == 0.0
    with pytest.raises(Unusable, match="--since 'soon' is no time"):
        instant_of("soon", "--since", 0.0)


def test_verdicts_on_unknown_steps() -> None:
    """`3=retry` is a step number and one of three words."""
    assert verdicts_of(["3=retry", "12=failed"]) == {3: "retry", 12: "failed"}
    for bad in ("retry", "3", "x=retry", "3=perhaps", "-1=retry"):
        with pytest.raises(Unusable, match="no verdict"):
            verdicts_of([bad])


def test_prompts_that_look_like_options_stand_last() -> None:
    """A minus before a digit begins a prompt; options keep their values, and `--` keeps its meaning."""
    assert prompts_last(["run", "-2**2", "--json"]) == ["run", "--json", "--", "-2**2"]
    assert prompts_last(["run", "--plan", "-"]) == ["run", "--plan", "-"]
    assert prompts_last(["run", "--", "-1"]) == ["run", "--", "-1"]


def test_counts_and_cuts() -> None:
    """Nouns agree with their number, and what is cut says so."""
    assert [plural(1, "step"), plural(0, "step"), plural(1_000, "step")] == [
        "1 step",
        "0 steps",
        "1,000 steps",
    ]
    assert [cut("abc", 3), cut("abcd", 3), cut("\x1b" * 9, 6)] == ["abc", "ab…", r"\x1b\…"]
    assert visible_json('"\x9b"') == r'"\u009b"'


def test_what_is_not_seen_is_written_out() -> None:
    """Words in characters without a shape, which a model reads and a person does not; emoji stay what they are."""
    hidden = "delete" + "".join(chr(0xE0000 + ord(c)) for c in " all") + "\u200b"

    assert visible(hidden) == r"delete\U000e0020\U000e0061\U000e006c\U000e006c\u200b"
    assert msgspec.json.decode(visible_json(f'"{hidden}"')) == hidden
    assert visible_json(f'"{hidden}"').isascii()
    assert visible("\U0001f469\u200d\U0001f4bb né ไทย") == "\U0001f469\u200d\U0001f4bb né ไทย"
