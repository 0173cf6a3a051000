"""What all three isolations have in common: a step ends with one outcome, whatever its tool does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from engines.composition import PATIENCE_S, Composition, composed, step
from isolation import everywhere
from isolation.processes import lines
from runwright.core import events as ev
from runwright.core.policy import Limits
from runwright.core.state import Run
from runwright.core.tool import Isolation
from runwright.testing.waiting import wait_until

TOOLS = {isolation: everywhere.tools_in(isolation) for isolation in get_args(Isolation)}


@pytest.fixture(params=get_args(Isolation))
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Isolation]:
    """Each isolation in turn."""
    over = threading.Event()
    monkeypatch.setattr(everywhere, "over", over)
    yield request.param
    over.set()


async def _run_of(path: Path, isolation: Isolation, name: str, /, **tool_input: Any) -> Run:
    async with composed(
        path / "file.db", *TOOLS[isolation].values(), limits=Limits(output_bytes_max=1_000)
    ) as parts:
        return await parts.over(await parts.submit(step(1, name, **tool_input)))


async def test_a_tool_gets_its_input_and_its_context(tmp_path: Path, isolation: Isolation) -> None:
    """Types are read as annotated, defaults hold, and the result is plain JSON, however large its numbers."""
    run = await _run_of(tmp_path, isolation, "takes", parcel={"weight_kg": 1, "country": "FR"}, big=2**70)

    assert run.status == "completed"
    output = run.steps[0].output
    assert output == {
        "parcel": "Parcel",
        "big": 2**70,
        "default": "none",
        "run_id": run.run_id,
        "attempt": 1,
        "key": output["key"],
        "late": False,
    }


@pytest.mark.parametrize("what", everywhere.RAISED)
async def test_what_is_raised_is_one_line(tmp_path: Path, isolation: Isolation, what: str) -> None:
    """The same line in every isolation."""
    run = await _run_of(tmp_path, isolation, "raises", what=what)

    assert run.error is not None
    assert (run.error.code, run.error.message) == ("tool_failed", everywhere.RAISED[what][1])
    assert run.steps[0].attempts == 1


async def test_a_failure_that_may_pass_is_tried_again(tmp_path: Path, isolation: Isolation) -> None:
    """Attempts count, the key stays."""
    path = tmp_path / "seen"
    run = await _run_of(tmp_path, isolation, "flaky", path=str(path))

    assert run.status == "completed" and run.steps[0].output == 3
    seen = [line.split() for line in lines(path)]
    assert [attempt for attempt, _ in seen] == ["1", "2", "3"]
    assert len({key for _, key in seen}) == 1


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("bytes", "tool_failed", "the tool's result cannot be kept: bytes are not JSON"),
        ("nan", "tool_failed", "the tool's result cannot be kept: nan is not a number"),
        ("schema", "tool_failed", "the tool returned what its schema rules out: output.n must be integer"),
        (
            "large",
            "output_too_large",
            "the tool's output is 2009 bytes, the limit is 1000 (output_bytes_max)",
        ),
        ("trap", "tool_failed", "ZeroDivisionError: sprung"),
    ],
)
async def test_a_result_that_cannot_be_kept_fails_the_step(
    tmp_path: Path, isolation: Isolation, value: str, code: str, said: str
) -> None:
    """The same words in every isolation, with the sizes where it is about size."""
    run = await _run_of(tmp_path, isolation, "returns", value=value)

    assert run.error is not None
    assert run.error.code == code and run.error.message.startswith(said)


@pytest.mark.parametrize("value", ["bytes", "schema", "large", "trap"])
async def test_an_unsafe_tool_whose_result_is_refused_has_acted(
    tmp_path: Path, isolation: Isolation, value: str
) -> None:
    """It is not called again by itself, and the reason says that it has acted."""
    run = await _run_of(tmp_path, isolation, "returns_unsafely", value=value)

    assert run.steps[0].status == "unknown"
    assert run.error is not None and run.error.code == "outcome_unknown"
    assert run.error.message.endswith("; it has acted, and only its result is refused")


async def test_what_an_unsafe_tool_raises_is_its_own_word(tmp_path: Path, isolation: Isolation) -> None:
    """An exception is an answer: the step has failed."""
    run = await _run_of(tmp_path, isolation, "raises_unsafely")

    assert run.steps[0].status == "failed"


async def test_the_time_of_an_attempt_is_bounded(tmp_path: Path, isolation: Isolation) -> None:
    """A tool that waits for ever has failed after its time."""
    run = await _run_of(tmp_path, isolation, "waits", path=str(tmp_path / "seen"))

    assert run.error is not None
    assert (run.error.code, run.error.message) == ("tool_timed_out", "waits did not answer within 0.1 s")


async def test_an_unsafe_tool_that_is_late_is_unknown(tmp_path: Path, isolation: Isolation) -> None:
    """Nobody claims to know what it did."""
    run = await _run_of(tmp_path, isolation, "waits_unsafely", path=str(tmp_path / "seen"))

    assert run.error is not None and run.error.code == "outcome_unknown"
    assert (
        run.error.message == "waits_unsafely did not answer within 0.1 s, and nobody knows whether it acted"
    )


async def _at_work(parts: Composition, path: Path, name: str) -> Any:
    run_id = await parts.submit(step(1, name, path=str(path)))
    await wait_until(lambda: lines(path), PATIENCE_S, "the tool to be at work")
    return run_id


async def test_a_cancel_ends_the_tool(tmp_path: Path, isolation: Isolation) -> None:
    """The run is cancelling at once, and cancelled when the tool has ended or its grace is over."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", *TOOLS[isolation].values(), grace_s=0.1) as parts:
        run_id = await _at_work(parts, path, "waits_long")
        during = await parts.control(run_id, ev.RunCancelling())
        run = await parts.over(run_id)
        reason = next(e.fact.reason for e in parts.events(run_id) if isinstance(e.fact, ev.StepCancelled))

    assert during.cancelling and during.status == "running"
    assert run.status == "cancelled" and run.steps[0].status == "cancelled"
    assert reason == "cut off: the run was cancelled"


@pytest.mark.parametrize("name", ["waits_long", "waits_long_unsafely"])
async def test_the_deadline_of_a_run_is_named(tmp_path: Path, isolation: Isolation, name: str) -> None:
    """A step that the deadline cuts off says so, unsafe or not."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", *TOOLS[isolation].values(), grace_s=0.1) as parts:
        for deadline_s in (0.6, 5.0, 25.0):  # a slow machine may need longer until the tool is at work
            run_id = await parts.submit(step(1, name, path=str(path)), deadline_s=deadline_s)
            run = await parts.over(run_id)
            if lines(path):
                break
        facts = [e.fact for e in parts.events(run_id)]

    unsafe = name.endswith("unsafely")
    assert run.error is not None
    assert run.error.code == ("outcome_unknown" if unsafe else "deadline_exceeded")
    told = next(fact for fact in facts if isinstance(fact, ev.StepCancelled | ev.StepUnknown))
    assert isinstance(told, ev.StepUnknown) == unsafe
    assert told.reason == f"cut off: the run did not end within its deadline of {deadline_s:g} s"


async def test_progress_is_shown_while_the_tool_is_at_work(tmp_path: Path, isolation: Isolation) -> None:
    """A fraction and a text, on one line."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", *TOOLS[isolation].values(), grace_s=0.1) as parts:
        run_id = await _at_work(parts, path, "waits_long")
        drive = parts.worker.drive_of(run_id)
        assert drive is not None
        await wait_until(lambda: drive.progress, PATIENCE_S, "progress")
        shown = drive.progress[1]
        await parts.control(run_id, ev.RunCancelling())
        await parts.over(run_id)

    assert shown == (0.5, "half of it")


async def test_progress_beyond_all_bounds_harms_no_step(tmp_path: Path, isolation: Isolation) -> None:
    """What is no fraction is shown as one."""
    run = await _run_of(tmp_path, isolation, "reports")

    assert run.steps[0].output == "done"


async def test_a_worker_that_leaves_takes_its_tools_along(tmp_path: Path, isolation: Isolation) -> None:
    """The step is left as it was begun, for the next worker to begin it again with the same key."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", *TOOLS[isolation].values(), grace_s=0.1) as parts:
        run_id = await _at_work(parts, path, "waits_long")
    async with composed(tmp_path / "file.db", *TOOLS[isolation].values(), grace_s=0.1) as parts:
        types = parts.types(run_id)
        await parts.worker.start()
        await wait_until(
            lambda: len([1 for line in lines(path) if line == "at work"]) == 2,
            PATIENCE_S,
            "it to begin again",
        )

    assert types[-1] == "step.started"
    assert parts.processes.busy == 0
