"""The tool host: what a process of a tool is, what becomes of calls when the host or the server dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acceptance.serving import ServerProcess
from engines.composition import PATIENCE_S, composed, step
from isolation import tools
from isolation.processes import alive, below, lines, pids
from runwright.adapters import tools_python
from runwright.core import events as ev
from runwright.core.declare import tool
from runwright.core.errors import Invalid
from runwright.isolation.places import place_of
from runwright.testing.waiting import wait_until

FILE = """
from runwright import tool

@tool(isolation="process", effects="pure")
def answer() -> int:
    return {answer}
"""
PROGRAM = """
import asyncio, sys
from dataclasses import dataclass
from runwright import Runwright, Settings, tool

@dataclass
class Pair:
    a: int
    b: int

@tool(isolation="process", effects="pure")
async def added(pair: Pair) -> int:
    return pair.a + pair.b

async def main():
    async with Runwright(tools=[added], settings=Settings(database_url="sqlite:///" + sys.argv[1])) as rt:
        steps = [{"step_number": 1, "tool_name": "added", "tool_input": {"pair": {"a": 1, "b": 2}}}]
        run = await rt.run(plan={"goal": "add", "steps": steps})
        print(run.status, run.result, (run.error or {}).get("message"))

"""
GUARDED = PROGRAM + 'if __name__ == "__main__":\n    asyncio.run(main())\n'


async def test_a_process_tool_has_a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own group, an empty input, four descriptors, no core files, and none of Runwright's settings."""
    monkeypatch.setenv("RUNWRIGHT_LLM_API_KEY", "secret")
    async with composed(tmp_path / "file.db", tools.whoami) as parts:
        run = await parts.over(await parts.submit(step(1, "whoami")))
        host = parts.processes.host_pid

    told = run.steps[0].output
    assert told["pid"] == told["group"] != os.getpid()
    assert told["ppid"] == host
    assert told["stdin"] == ""
    assert told["core"] == 0
    assert told["settings"] == ["RUNWRIGHT_TOOL_HOST"]
    # its loop has three of its own, and listing them is one
    assert len(told["descriptors"]) == 4 + 3 + 1


async def test_what_a_tool_prints_is_read_to_its_end(tmp_path: Path) -> None:
    """Megabytes on stdout neither stop the tool nor reach anybody else's output."""
    async with composed(tmp_path / "file.db", tools.printing) as parts:
        run = await parts.over(await parts.submit(step(1, "printing", text="x" * 1_000, times=3_000)))

    assert run.status == "completed" and run.steps[0].output == 3_000


async def test_a_host_that_dies_is_started_again(tmp_path: Path) -> None:
    """Its call is retried on a new one; nothing of the first is left."""
    async with composed(tmp_path / "file.db", tools.slow, tools.echo, grace_s=0.2) as parts:
        path = tmp_path / "seen"
        held = await parts.submit(step(1, "slow", path=str(path)))
        await wait_until(lambda: pids(path), PATIENCE_S, "the tool to be at work")
        first = parts.processes.host_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await parts.until(held, ev.StepRetrying)
        await wait_until(
            lambda: not alive(pids(path)[0]), PATIENCE_S, "the tool of the first host to be gone"
        )
        error = next(e.fact.error for e in parts.events(held) if isinstance(e.fact, ev.StepRetrying))
        echoed = await parts.submit(step(1, "echo", value=1))
        await parts.until(echoed, ev.StepSucceeded)
        second = parts.processes.host_pid
        await parts.control(held, ev.RunCancelling())
        await parts.over(held)

    assert error.message == "the tool host, from which processes of tools are made, has ended"
    assert second is not None and second != first and not alive(second)


async def test_an_unsafe_call_of_a_host_that_dies_is_unknown(tmp_path: Path) -> None:
    """Also the process that it had hidden from the host is gone before that is told."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", tools.kills_its_host_unsafely) as parts:
        run = await parts.over(await parts.submit(step(1, "kills_its_host_unsafely", path=str(path))))

    assert run.steps[0].status == "unknown"
    assert run.error is not None and run.error.message.endswith("has ended; nobody knows whether it acted")
    assert len(pids(path)) == 1 and not any(map(alive, pids(path)))


async def test_closing_ends_the_host_and_its_calls(tmp_path: Path) -> None:
    """Nothing is left behind, whatever was at work."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", tools.deaf, tools.slow, grace_s=0.1) as parts:
        await parts.submit(step(1, "slow", path=str(path)), step(2, "deaf", path=str(path)))
        await wait_until(lambda: len(pids(path)) == 2, PATIENCE_S, "the tools to be at work")
        host = parts.processes.host_pid

    assert host is not None and not alive(host)
    assert not any(map(alive, pids(path)))


async def test_a_cancelled_tool_cleans_up(tmp_path: Path) -> None:
    """The cancellation is raised where the tool is, on a loop or not; an unsafe one may still end its work."""
    for declared in (tools.slow, tools.slow_sync):
        path = tmp_path / declared.spec.name
        async with composed(tmp_path / "file.db", declared) as parts:
            run_id = await parts.submit(step(1, declared.spec.name, path=str(path)))
            await wait_until(lambda path=path: pids(path), PATIENCE_S, "the tool to be at work")
            await parts.control(run_id, ev.RunCancelling())
            run = await parts.over(run_id)
        assert run.status == "cancelled"
        assert lines(path)[1:] == ["cancelled"] and not alive(pids(path)[0])


async def test_a_result_within_the_grace_period_counts(tmp_path: Path) -> None:
    """A tool that ends its work when it is cut off has ended its work."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", tools.careful) as parts:
        for deadline_s in (0.6, 5.0, 25.0):  # a slow machine may need longer until the tool is at work
            run = await parts.over(
                await parts.submit(step(1, "careful", path=str(path)), deadline_s=deadline_s)
            )
            if lines(path):
                break

    assert run.steps[0].status == "succeeded" and run.steps[0].output == "done in time"


async def test_an_unsafe_call_that_waits_for_a_process_is_put_back(tmp_path: Path) -> None:
    """A server that leaves has not called it: the next one does, and nobody has to say what became of it."""
    path = tmp_path / "seen"
    async with composed(tmp_path / "file.db", tools.act_and_wait, grace_s=0.1) as parts:
        run_id = await parts.submit(*(step(n, "act_and_wait", path=str(path)) for n in range(1, 6)))
        await wait_until(lambda: len(pids(path)) == 4, PATIENCE_S, "four of five to be at work")
    async with composed(tmp_path / "file.db", tools.act_and_wait) as parts:
        run = parts.run(run_id)

        put_back = [event.fact for event in parts.events(run_id) if isinstance(event.fact, ev.StepRetrying)]

    assert sorted(state.status for state in run.steps) == ["pending", *["unknown"] * 4]
    assert [fact.error.message for fact in put_back] == [
        "cut off: the server is shutting down, while no process was free (tool_processes_max), before the tool began"
    ]


def test_a_killed_server_leaves_no_tool_behind(tmp_path: Path) -> None:
    """kill -9 of the server: the host, its call and what that had started are gone, wherever they had moved."""
    file, path = tmp_path / "mine.py", tmp_path / "seen"
    file.write_text((Path(tools.__file__)).read_text())
    server = ServerProcess(tmp_path / "runs.db", "--tools", str(file))
    try:
        plan = {
            "goal": "go",
            "steps": [
                {"step_number": 1, "tool_name": "forks_away", "tool_input": {"path": str(path), "most": 3}},
                {"step_number": 2, "tool_name": "deaf", "tool_input": {"path": str(path)}},
            ],
        }
        assert server.client.post("/api/v1/runs", json={"plan": plan}).status_code == 201
        _wait(lambda: len(pids(path)) >= 5)
        ours = below(server.process.pid)
    finally:
        server.kill()

    assert len(ours) >= 6
    _wait(lambda: not any(map(alive, {*ours, *pids(path)})))


def _wait(predicate: Callable[[], object]) -> None:
    asyncio.run(wait_until(predicate, PATIENCE_S, "processes to come or to go"))


# where a tool is found again


async def test_a_tool_file_is_found_again(tmp_path: Path) -> None:
    """Also one of a folder, and one that is a tool twice under different names is each itself."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.py").write_text(FILE.format(answer=41))
    (tmp_path / "two.py").write_text(FILE.format(answer=42).replace("def answer", "def other"))
    loaded = [*tools_python.load(tmp_path / "folder"), *tools_python.load(tmp_path / "two.py")]
    async with composed(tmp_path / "file.db", *loaded) as parts:
        run = await parts.over(await parts.submit(step(1, "answer"), step(2, "other")))

    assert [state.output for state in run.steps] == [41, 42]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            FILE.format(answer=1).replace("pure", "keyed"),
            "was changed since the server loaded it; restart the server",
        ),
        (
            FILE.format(answer=1).replace("def answer", "def renamed"),
            "does not hold tool `answer` 1.0.0 any more; restart the server",
        ),
        ("raise SystemExit('no')", "mine.py:1: SystemExit: no"),
        (
            FILE.format(answer=1)
            + "\nimport threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n",
            "starts threads when it is imported",
        ),
    ],
    ids=["changed", "gone", "broken", "threads"],
)
async def test_a_file_that_became_another_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The server's word for a tool and the host's must be the same; the step says what to do."""
    file = tmp_path / "mine.py"
    file.write_text(FILE.format(answer=1))
    loaded = tools_python.load(file)
    file.write_text(text)
    async with composed(tmp_path / "file.db", *loaded) as parts:
        run = await parts.over(await parts.submit(step(1, "answer")))

    assert run.error is not None and run.error.code == "tool_failed"
    assert run.error.message.startswith("the tool's process cannot be made: ")
    assert run.error.message.endswith(said)


@pytest.mark.parametrize("how", ["script", "program"])
def test_a_program_that_is_run_is_found_again(tmp_path: Path, how: str) -> None:
    """The program is loaded once more under another name, as multiprocessing does it."""
    (tmp_path / "shop.py").write_text(GUARDED)
    command = ["shop.py"] if how == "script" else ["-m", "shop"]

    assert _said(tmp_path, *command) == "completed 3 None"


def test_a_program_without_a_guard_says_what_is_missing(tmp_path: Path) -> None:
    """Loaded once more, it would start Runwright again; it is refused with the fix."""
    (tmp_path / "shop.py").write_text(PROGRAM + "asyncio.run(main())\n")

    said = _said(tmp_path, "shop.py")
    assert said.startswith("failed None the tool's process cannot be made: ")
    assert 'if __name__ == "__main__":' in said


def test_what_is_typed_in_is_refused(tmp_path: Path) -> None:
    """There is no file in which another process could find it."""
    done = _python(tmp_path, "-c", GUARDED, "runs.db")

    assert "nothing typed in can be found there; put it into a file" in done.stderr


def test_a_tool_inside_a_function_is_refused() -> None:
    """Another process would not find it; the sentence says where to put it."""

    @tool(isolation="process")
    def nested() -> None:
        """Do nothing."""

    with pytest.raises(Invalid, match="not at the top level of its module; declare it there"):
        place_of(nested)


def test_a_tool_that_cannot_be_found_again_is_refused_by_the_check(tmp_path: Path) -> None:
    """`runwright tools check` says it before a server does."""
    file = tmp_path / "mine.py"
    file.write_text(
        FILE.format(answer=1) + "\nclass Kept:\n    pass\nkept = Kept()\nkept.tool = answer\ndel answer\n"
    )
    done = _python(tmp_path, "-m", "runwright", "tools", "check", "mine.py")

    assert done.returncode == 1 and "holds no tool" in done.stdout


def _said(folder: Path, *command: str) -> str:
    done = _python(folder, *command, "runs.db")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _python(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RUNWRIGHT_")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
