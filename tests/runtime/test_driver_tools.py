"""Whatever a tool does, its step ends with one outcome, and the process goes on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from engines.composition import composed, step
from engines.places import Place
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import ToolRetryable, ToolTerminal
from runwright.core.policy import Limits, Retry
from runwright.core.state import Run
from runwright.core.tool import ToolContext

AT_ONCE = Retry(attempts_max=3, base_s=0.001, jitter_s=0.0)


class _Mute(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class _Odd(ToolTerminal):
    """A refusal that breaks every promise of its class."""

    @property
    def message(self) -> str:
        return "odd\nand \ud800 broken"

    def __init__(self) -> None:
        super().__init__("odd")
        self.hint: Any = object()


class _Stubborn(ToolRetryable):
    """A retryable failure whose wait is no number."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.retry_after_s: Any = "soon"


RAISED: dict[str, tuple[BaseException, str]] = {
    "an exception": (ValueError("no such thing"), "ValueError: no such thing"),
    "one without words": (ValueError(), "ValueError"),
    "a refusal": (ToolTerminal("the address is unknown"), "the address is unknown"),
    "lines and control characters": (ValueError("a\n\tb\x1b[31m\x00c"), "ValueError: a b [31m c"),
    "half a character": (ValueError("\ud800"), "ValueError:"),
    "one that cannot be read": (_Mute(), "_Mute"),
    "an odd refusal": (_Odd(), "odd and broken"),
    "a keyboard interrupt": (KeyboardInterrupt(), "KeyboardInterrupt"),
    "an exit": (SystemExit(3), "SystemExit: 3"),
    "a generator's exit": (GeneratorExit(), "GeneratorExit"),
    "a base exception": (BaseException("out"), "BaseException: out"),
    "a cancellation": (asyncio.CancelledError(), "the tool cancelled itself"),
    "an end of iteration": (StopIteration(1), "RuntimeError: coroutine raised StopIteration"),
    "a group": (ExceptionGroup("two", [ValueError(1)]), "ExceptionGroup: two (1 sub-exception)"),
}


async def _run_of(path: Path, declared: DeclaredTool, **options: Any) -> Run:
    """The ended run of one step, whose neighbour of the same process ends well."""

    @tool(effects="pure")
    async def sound() -> str:
        return "sound"

    async with composed(path / "file.db", declared, sound, **options) as parts:
        run_id = await parts.submit(step(1, declared.spec.name))
        beside = await parts.submit(step(1, "sound"))
        run = await parts.over(run_id)
        assert (await parts.over(beside)).status == "completed"
    return run


@pytest.mark.parametrize("isolation", ["inline", "thread"])
@pytest.mark.parametrize("what", RAISED)
async def test_whatever_a_tool_raises_is_a_failed_step(tmp_path: Path, what: str, isolation: str) -> None:
    """One line of what it said, whatever class it has; it is called once and nothing else suffers."""
    error, said = RAISED[what]
    calls = []

    async def inline() -> None:
        calls.append(1)
        raise error

    def in_a_thread() -> None:
        calls.append(1)
        raise error

    declared = tool(name="bad", effects="pure")(inline if isolation == "inline" else in_a_thread)
    run = await _run_of(tmp_path, declared)

    assert run.status == "failed"
    assert run.error is not None and (run.error.code, run.error.message) == ("tool_failed", said)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan is not a number"),
        (float("-inf"), "-inf is not a number"),
        ({"a": [1, {"b": float("nan")}]}, "at `a[1].b`"),
        (b"bytes", "bytes are not JSON"),
        ({1: "a"}, "the key 1 is not text"),
        (object(), "a value of type `object` is not JSON"),
        ("\ud800", "half of a surrogate pair"),
        (10**5_000, "more than 4,300 digits"),
    ],
    ids=["nan", "infinity", "nan inside", "bytes", "key", "object", "surrogate", "digits"],
)
async def test_a_result_that_json_cannot_hold_is_a_failed_step(
    tmp_path: Path, value: object, said: str
) -> None:
    """The error says where the value stands and what is wrong with it; nothing is bent to fit."""

    @tool(effects="pure")
    async def bad() -> Any:
        return value

    run = await _run_of(tmp_path, bad)

    assert run.error is not None and said in run.error.message
    assert run.steps[0].output is None


async def test_a_result_that_breaks_while_it_is_read_is_a_failed_step(tmp_path: Path) -> None:
    """A value whose own code raises harms nobody but its step."""

    class Trap(dict[str, int]):
        def items(self) -> Any:
            raise ZeroDivisionError("sprung")

    @tool(effects="pure")
    async def bad() -> Any:
        return Trap(a=1)

    run = await _run_of(tmp_path, bad)

    assert run.error is not None and run.error.message == "ZeroDivisionError: sprung"


async def test_a_result_of_the_wrong_type_is_a_failed_step(tmp_path: Path) -> None:
    """The output schema is the tool's word; what it rules out never reaches another step."""

    @tool(effects="pure")
    async def bad() -> dict[str, list[int]]:
        return {"n": ["one"]}  # type: ignore[list-item]

    run = await _run_of(tmp_path, bad)

    assert run.error is not None
    assert run.error.message == (
        'the tool returned what its schema rules out: output.n[0] must be integer, not string "one"'
    )


async def test_a_result_that_is_too_large_is_a_failed_step(tmp_path: Path) -> None:
    """The error has a code of its own and names both sizes."""

    @tool(effects="pure")
    async def bad() -> str:
        return "x" * 1_000

    run = await _run_of(tmp_path, bad, limits=Limits(output_bytes_max=1_000))

    assert run.error is not None and run.error.code == "output_too_large"
    assert "1002 bytes, the limit is 1000" in run.error.message


async def test_a_failure_that_may_pass_is_tried_again(tmp_path: Path) -> None:
    """Connection and time-out errors are retryable as they are; the attempt counts, the key stays."""
    errors = [ConnectionResetError("reset"), _Stubborn(), None]
    seen: list[ToolContext] = []

    @tool(effects="keyed", retry=AT_ONCE)
    async def flaky(ctx: ToolContext) -> str:
        seen.append(ctx)
        if error := errors[ctx.attempt - 1]:
            raise error
        return "at last"

    run = await _run_of(tmp_path, flaky)

    assert run.status == "completed"
    assert [ctx.attempt for ctx in seen] == [1, 2, 3]
    assert len({ctx.idempotency_key for ctx in seen}) == 1


async def test_a_tool_that_does_not_answer_in_time_is_cut_off(tmp_path: Path) -> None:
    """Each attempt has its time; after the last one the step has failed, with the time in words."""
    cut_off = []

    @tool(effects="pure", timeout_s=0.02, retry=Retry(attempts_max=2, base_s=0.001, jitter_s=0.0))
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.append(1)

    run = await _run_of(tmp_path, slow)

    assert run.error is not None and run.error.code == "tool_timed_out"
    assert run.error.message == "slow did not answer within 0.02 s"
    assert len(cut_off) == 2


async def test_an_unsafe_tool_that_does_not_answer_is_unknown(tmp_path: Path) -> None:
    """It is called once, and nobody claims to know what it did."""
    calls = []

    @tool(effects="unsafe", timeout_s=0.02)
    async def slow() -> None:
        calls.append(1)
        await asyncio.Event().wait()

    run = await _run_of(tmp_path, slow)

    assert run.steps[0].status == "unknown"
    assert run.error is not None and run.error.code == "outcome_unknown"
    assert len(calls) == 1


async def test_a_tool_that_ignores_being_cut_off_is_left_behind(tmp_path: Path) -> None:
    """After the grace period the run goes on without it, and what it says later is not heard."""
    go_on, ended = asyncio.Event(), asyncio.Event()

    @tool(effects="pure", timeout_s=0.02, retry=Retry(attempts_max=1))
    async def deaf() -> str:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        return "too late"

    run = await _run_of(tmp_path, deaf, grace_s=0.02)
    go_on.set()
    await asyncio.wait_for(ended.wait(), 60)

    assert run.error is not None and run.error.code == "tool_timed_out"


async def test_a_result_within_the_grace_period_counts(tmp_path: Path) -> None:
    """A tool that ends its work when it is cut off has ended its work."""

    @tool(effects="unsafe", timeout_s=0.02)
    async def careful() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done in time"
        return "never"

    run = await _run_of(tmp_path, careful)

    assert run.status == "completed"
    assert run.steps[0].output == "done in time"


@pytest.mark.parametrize("effects", ["pure", "unsafe"])
async def test_an_error_out_of_being_cut_off_is_not_the_tools_word(tmp_path: Path, effects: Any) -> None:
    """Cleaning up may fail as it likes: the step was cut off, and is called that."""

    @tool(effects=effects, timeout_s=0.02, retry=Retry(attempts_max=1))
    async def fragile() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("the connection was closed under me") from None

    run = await _run_of(tmp_path, fragile)

    assert run.error is not None
    assert run.error.code == ("tool_timed_out" if effects == "pure" else "outcome_unknown")


async def test_a_blocking_tool_in_a_thread_blocks_nobody(place: Place) -> None:
    """The loop goes on and lets the thread end; a time-out does not wait for a thread that hangs."""
    go_on = threading.Event()

    @tool(effects="pure")
    def blocking() -> bool:
        return go_on.wait(600)

    @tool(effects="pure", timeout_s=0.02, retry=Retry(attempts_max=1))
    def hanging() -> bool:
        return go_on.wait(600)

    @tool(effects="pure")
    async def freeing() -> None:
        go_on.set()

    async with composed(place, blocking, hanging, freeing) as parts:
        hung = await parts.submit(step(1, "hanging"))
        failed = await parts.over(hung)
        run_id = await parts.submit(step(1, "blocking"), step(2, "freeing"))
        run = await parts.over(run_id)

    assert failed.error is not None and failed.error.code == "tool_timed_out"
    assert run.status == "completed" and run.steps[0].output is True


async def test_a_tool_that_is_cut_off_before_its_first_step_is_told_at_once(place: Place) -> None:
    """Nobody waits out the grace period of a tool that never began."""
    called = []

    @tool(effects="pure")
    async def never() -> None:
        called.append(1)

    async with composed(place, never, grace_s=1e6) as parts:
        run_id = await parts.submit(step(1, "never"))
        drive = parts.worker.drive_of

        def cut_the_call() -> None:
            held = drive(run_id)
            if held is not None and held._calls:
                held._calls.cut(1, "the run is being stopped")
            else:
                asyncio.get_running_loop().call_soon(cut_the_call)

        cut_the_call()
        await parts.until(run_id, ev.StepCancelled)

    assert not called
