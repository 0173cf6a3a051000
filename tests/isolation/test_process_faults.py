"""The faults of tools, for real, in processes: each ends its step with one clear line and touches nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engines.composition import PATIENCE_S, Composition, composed, step
from isolation import tools
from isolation.processes import alive, below, descriptors, lines, pids
from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, tool
from runwright.core.policy import Limits
from runwright.core.state import Run
from runwright.testing.waiting import wait_until


@tool(effects="pure")
async def sound(turns: int) -> int:
    """Give way to the loop so many times."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return turns


async def _run_of(path: Path, declared: DeclaredTool, /, **tool_input: Any) -> Run:
    """The ended run of one step, while others go on beside it: on the loop, and in a process of the same host."""
    async with composed(path / "file.db", declared, sound, tools.weigh, grace_s=0.2) as parts:
        return await _run_in(parts, declared, **tool_input)


async def _run_in(parts: Composition, declared: DeclaredTool, /, **tool_input: Any) -> Run:
    run_id = await parts.submit(step(1, declared.spec.name, **tool_input))
    parcel = {"weight_kg": 2.5, "country": "FR"}
    beside = await parts.submit(step(1, "sound", turns=1_000), step(2, "weigh", 1, parcel=parcel))
    run = await parts.over(run_id)
    other = await parts.over(beside)
    host = parts.processes.host_pid

    assert other.status == "completed" and other.steps[1].output == 2.5
    assert host is None or below(host) == []
    return run


def _error(run: Run) -> tuple[str, str]:
    assert run.error is not None
    return run.error.code, run.error.message


LIMITS: list[tuple[DeclaredTool, dict[str, Any], str]] = [
    (tools.hungry, {}, "the tool was stopped: it used more than 32 MiB of memory (memory_bytes_max)"),
    (
        tools.hungry_bit_by_bit,
        {},
        "the tool was stopped: it used more than 32 MiB of memory (memory_bytes_max)",
    ),
    (tools.burning, {}, "the tool was killed: it used more than 1 s of processor time (cpu_s_max)"),
    (tools.burning_on, {}, "the tool was killed: it used more than 1 s of processor time (cpu_s_max)"),
    (tools.crashes, {}, "the tool crashed: SIGSEGV"),
    (tools.leaves, {"status": 0}, "the tool ended its process without an answer, with exit status 0"),
    (tools.leaves, {"status": 7}, "the tool ended its process without an answer, with exit status 7"),
    (
        tools.killed_from_outside,
        {},
        "the tool was killed from outside (SIGKILL); perhaps the machine has no memory left",
    ),
    (tools.told_to_end_from_outside, {}, "the tool was ended from outside (SIGTERM)"),
]


@pytest.mark.parametrize(
    ("declared", "tool_input", "said"),
    LIMITS,
    ids=lambda value: getattr(getattr(value, "spec", None), "name", ""),
)
async def test_a_limit_or_a_crash_ends_the_step_with_one_line(
    tmp_path: Path, declared: DeclaredTool, tool_input: dict[str, Any], said: str
) -> None:
    """The line says what happened, and names the limit and its setting where there was one."""
    run = await _run_of(tmp_path, declared, **tool_input)

    assert _error(run) == ("tool_failed", said)


@pytest.mark.parametrize("name", ["blocks_its_loop", "endless", "deaf", "deaf_async"])
async def test_what_does_not_end_in_time_is_killed(tmp_path: Path, name: str) -> None:
    """Blocking a loop, spinning and ignoring the cancellation help nobody: the process is gone."""
    is_deaf = name.startswith("deaf")
    for declared in tools.HURRIED[name]:  # a slow machine may need longer until the tool is at work, or hears
        folder, time_s = tmp_path / declared.spec.name, declared.spec.timeout_s
        folder.mkdir()
        path = folder / "seen"
        async with composed(folder / "file.db", declared, sound, tools.weigh, grace_s=time_s) as parts:
            run = await _run_in(parts, declared, path=str(path))
        if pids(path) and (not is_deaf or "ignored" in lines(path)):
            break

    assert _error(run) == ("tool_timed_out", f"{declared.spec.name} did not answer within {time_s:g} s")
    assert pids(path) and not any(map(alive, pids(path)))
    assert ("ignored" in lines(path)) == is_deaf


@pytest.mark.parametrize("declared", [tools.forks, tools.forks_away], ids=lambda t: t.spec.name)
async def test_a_tool_with_too_many_processes_is_killed_with_all_of_them(
    tmp_path: Path, declared: DeclaredTool
) -> None:
    """Also those that have left its group and its session; the step says how many there may be."""
    path = tmp_path / "seen"
    run = await _run_of(tmp_path, declared, path=str(path), most=60)

    assert _error(run) == (
        "tool_failed",
        "the tool was killed: it had more than 16 processes (tool_children_max)",
    )
    assert pids(path) and not any(map(alive, pids(path)))


@pytest.mark.parametrize("declared", [tools.raises, tools.raises_async], ids=lambda t: t.spec.name)
async def test_whatever_is_raised_is_a_failed_step(tmp_path: Path, declared: DeclaredTool) -> None:
    """Exceptions of every base, on a loop or not, are one line of what they say; the host stays."""
    said = {}
    async with composed(tmp_path / "file.db", declared, sound, tools.weigh) as parts:
        for what in tools.RAISED:
            said[what] = _error(await _run_in(parts, declared, what=what))
        assert parts.processes.busy == 0

    assert {code for code, _ in said.values()} == {"tool_failed"}
    assert [message for _, message in said.values()] == [
        "ValueError: no such thing",
        "the address is unknown",
        "KeyboardInterrupt",
        "SystemExit: 3",
        "GeneratorExit",
        "BaseException: out",
        "the tool cancelled itself",
        "ValueError:",
    ]


@pytest.mark.parametrize("what", ["a keyboard interrupt", "an exit", "a base exception"])
async def test_what_a_task_of_a_tool_raises_ends_the_tool_only(tmp_path: Path, what: str) -> None:
    """An exit inside a task would stop the loop that it is on: here that is the loop of the process."""
    code, message = _error(await _run_of(tmp_path, tools.raises_in_a_task, what=what))

    assert code == "tool_failed" and type(tools.RAISED[what]).__name__ in message.replace("Group", "")


async def test_a_huge_output_does_not_reach_the_server(tmp_path: Path) -> None:
    """The process weighs its output before it sends any of it; the error names both sizes."""
    before = _peak_kib()
    run = await _run_of(tmp_path, tools.talkative)

    assert _error(run) == (
        "output_too_large",
        f"the tool's output is {300 * tools.MIB + 2} bytes, the limit is {Limits().output_bytes_max} (output_bytes_max)",
    )
    assert _peak_kib() - before < 64 * 1024


async def test_processes_that_are_left_behind_are_killed_before_the_answer(tmp_path: Path) -> None:
    """A child, one in a session of its own and one without a parent: none can act beside a later step."""
    path = tmp_path / "seen"
    run = await _run_of(tmp_path, tools.leaves_children, path=str(path))

    assert run.status == "completed" and run.steps[0].output == "done"
    assert len(pids(path)) == 3 and not any(map(alive, pids(path)))


async def test_a_fork_that_returns_does_not_answer_twice(tmp_path: Path) -> None:
    """The answer is that of the process that was asked."""
    run = await _run_of(tmp_path, tools.returns_twice)

    assert run.status == "completed" and isinstance(run.steps[0].output, int)


async def test_a_file_has_its_bound(tmp_path: Path) -> None:
    """What a tool writes to one file is bounded, and the error says so."""
    run = await _run_of(tmp_path, tools.writes, path=str(tmp_path / "big"), size=3 * tools.MIB)

    assert _error(run) == ("tool_failed", "the tool wrote a file of more than 1 MiB (tool_file_bytes_max)")
    assert (tmp_path / "big").stat().st_size <= tools.MIB


async def test_a_crash_of_an_unsafe_tool_is_unknown(tmp_path: Path) -> None:
    """It may have acted: it is not called again by itself, and the reason says why."""
    run = await _run_of(tmp_path, tools.crashes_unsafely)

    assert run.steps[0].status == "unknown"
    assert _error(run) == ("outcome_unknown", "the tool crashed: SIGSEGV; nobody knows whether it acted")


async def test_two_hundred_calls_leave_nothing(tmp_path: Path) -> None:
    """No descriptor, no process and no zombie, of the server or of the host, whatever the calls were."""
    async with composed(tmp_path / "file.db", tools.echo, tools.crashes, tools.leaves) as parts:
        await parts.over(await parts.submit(step(1, "echo", value=1)))
        host = parts.processes.host_pid
        assert host is not None
        before = (descriptors(), descriptors(host))
        for _ in range(10):
            calls = [step(n, "echo", value=n) for n in range(1, 19)]
            run_ids = [
                await parts.submit(*calls),
                await parts.submit(step(1, "crashes")),
                await parts.submit(step(1, "leaves", status=1)),
            ]
            ended = [await parts.over(run_id) for run_id in run_ids]
            assert [run.status for run in ended] == ["completed", "failed", "failed"]
        after = (descriptors(), descriptors(host))

        assert parts.processes.host_pid == host
        assert after[0] <= before[0]  # what others have left behind may go meanwhile
        assert after[1] == before[1]
        assert below(host) == []


async def test_no_more_processes_at_once_than_allowed(tmp_path: Path) -> None:
    """The others wait, and their time does not count before they begin."""
    path = tmp_path / "seen"
    waiting = step(6, "echo", value=1)
    async with composed(tmp_path / "file.db", tools.slow, tools.echo, grace_s=0.2) as parts:
        held = await parts.submit(*(step(n, "slow", path=str(path)) for n in range(1, 6)), waiting)
        await wait_until(lambda: len(pids(path)) == 4, PATIENCE_S, "four processes")
        host = parts.processes.host_pid
        assert host is not None and len(below(host)) == 4
        await parts.control(held, ev.RunCancelling())
        run = await parts.over(held)

    assert run.status == "cancelled"
    assert len(pids(path)) == 4


def _peak_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
