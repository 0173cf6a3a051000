"""What cannot be accepted is refused before anything is written, whichever door it comes through."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runwright import Runwright, tool
from runwright.core.errors import Invalid, LimitReached
from runwright.settings import Settings

SWALLOWS = '''
import asyncio
from runwright import tool

@tool(effects="pure", timeout_s=0.2)
async def deaf() -> None:
    """Never end, whoever asks."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
'''


@pytest.mark.parametrize(
    "given",
    [
        {"user": 5},
        {"user": "u" * 300},
        {"approval": "maybe"},
        {"deadline_s": math.nan},
        {"deadline_s": -1},
        {"deadline_s": True},
        {"metadata": {"a": math.inf}},
        {"metadata": {"a": object()}},
        {"metadata": {1: "a"}},
        {"metadata": {"a": "x" * 20_000}},
        {"metadata": []},
        {"prompt": "calculate \x00"},
        {"prompt": "\ud800"},
        {"prompt": 5},
        {"prompt": "x" * 40_000},
        {"prompt": "  "},
        {"plan": {"goal": "x"}},
        {
            "plan": {
                "goal": "x",
                "steps": [{"step_number": 1, "tool_name": "a", "tool_input": {}, "whem": {}}],
            }
        },
    ],
)
async def test_a_python_caller_is_refused_like_any_other(settings: Settings, given: dict[str, Any]) -> None:
    """One clear error, and no run is left behind."""
    async with Runwright(settings=settings) as rt:
        with pytest.raises((Invalid, LimitReached)) as refused:
            await rt.run(**{"prompt": "calculate 1", **given})
        left = await rt.runs()

    assert left == [] and "\n" not in refused.value.message


async def test_a_deadline_that_is_over_at_once_is_a_failed_run(settings: Settings) -> None:
    """It was accepted and could not be kept: that is no refusal."""
    async with Runwright(settings=settings) as rt:
        run = await rt.run("calculate 1", deadline_s=1e-9)

    assert run.error is not None and (run.status, run.error["code"]) == ("failed", "deadline_exceeded")


async def test_a_tool_has_no_more_time_than_the_settings_give(settings: Settings) -> None:
    """One that asks for more is refused at start, by its name; as much as is given may be asked for."""
    short = settings.model_copy(update={"tool_timeout_s_max": 60.0})

    async def waits() -> None:
        """Wait."""

    with pytest.raises(
        Invalid, match="the tool `waits` asks for 61 s for one attempt, at most 60 s"
    ) as refused:
        async with Runwright(settings=short, tools=[tool(timeout_s=61)(waits)]):
            pass
    assert "RUNWRIGHT_TOOL_TIMEOUT_S_MAX" in str(refused.value.hint)
    async with Runwright(settings=short, tools=[tool(timeout_s=60)(waits)]) as rt:
        assert (await rt.run("calculate 1")).status == "completed"


@pytest.mark.parametrize("name", [":memory:", "file:a.db", "folder/"])
def test_a_database_that_is_no_file_is_refused(name: str) -> None:
    """Runs are kept in files."""
    with pytest.raises(Invalid, match="no file"):
        _ = Settings(database_url=f"sqlite:///{name}").database_path


def test_a_tool_that_swallows_its_cancellation_does_not_keep_the_process(tmp_path: Path) -> None:
    """The run fails with its time-out, and the command ends."""
    (tmp_path / "deaf.py").write_text(SWALLOWS)
    (tmp_path / "plan.json").write_text(
        '{"goal":"x","steps":[{"step_number":1,"tool_name":"deaf","tool_input":{}}]}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "runwright", "run", "--plan", "plan.json", "--tools", "deaf.py"],
        cwd=tmp_path,
        env={
            "RUNWRIGHT_DATABASE_URL": "sqlite:///runs.db",
            "RUNWRIGHT_TOOL_GRACE_S": "0.1",
            "PATH": "/usr/bin",
        },
        capture_output=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 1 and b"did not answer within 0.2 s" in done.stderr
