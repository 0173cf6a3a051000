"""`runwright runs approve` and `reject`: nothing starts but the plan that a person has seen."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from acceptance.cli import TIMEOUT_S, Cli
from runwright import Runwright, Settings
from runwright.embedded import RunView

TEXT = "a text that is much longer than the line on which a glimpse of it would be shown, and ends in poison"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line with an empty data file."""
    return Cli(tmp_path)


def waiting(cli: Cli) -> RunView:
    """A run that waits for its approval, and nobody drives."""

    async def made() -> RunView:
        settings = Settings(database_url=SecretStr(f"sqlite:///{cli.database}"))
        plan = {
            "goal": "tell",
            "steps": [{"step_number": 1, "tool_name": "todo_add", "tool_input": {"text": TEXT}}],
        }
        async with Runwright(settings=settings) as runtime:
            return await runtime.run(plan=plan, approval="required")

    run = asyncio.run(made())
    assert run.status == "awaiting_approval"
    return run


def asked(cli: Cli, answer: str, *arguments: str) -> tuple[int, str]:
    """The exit status of a command that a person answers, and what the person has read."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "runwright", *arguments],
            stdin=theirs,
            capture_output=True,
            env=cli.environment,
            cwd=cli.home,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stderr


def test_a_program_names_the_plan_that_it_has_read(cli: Cli) -> None:
    """Without a name, or with another plan's, nothing starts; `runs show` has the command to type."""
    run = waiting(cli)
    assert run.plan is not None
    plan_hash = run.plan["plan_hash"]

    unnamed = cli("runs", "approve", run.run_id)
    other = cli("runs", "approve", run.run_id, "--plan-hash", "0" * 64)
    shown = cli("runs", "show", run.run_id).out
    approved = cli("runs", "approve", run.run_id, "--plan-hash", plan_hash, "--json")
    again = cli("runs", "approve", run.run_id, "--plan-hash", plan_hash)

    assert (unnamed.status, "--plan-hash" in unnamed.err) == (2, True)
    assert (other.status, "look at the plan again" in other.err) == (1, True)
    for answer in ("approve", "reject"):
        assert f"runwright runs {answer} {run.run_id} --plan-hash {plan_hash}\n" in f"{shown}\n"
    assert (approved.status, approved.json["status"]) == (0, "completed")
    assert (again.status, again.out) == (1, "")
    assert "waits for no approval" in again.err


def test_a_rejected_plan_never_starts(cli: Cli) -> None:
    """The run is over, with the one error that says so."""
    run = waiting(cli)
    assert run.plan is not None

    rejected = cli("runs", "reject", run.run_id, "--plan-hash", run.plan["plan_hash"])
    shown = cli("runs", "show", run.run_id, "--json").json

    assert (rejected.status, rejected.out) == (0, f"{run.run_id} cancelled: its plan was rejected\n")
    assert (shown["status"], shown["error"]["code"]) == ("cancelled", "rejected")
    assert not [entry for entry in shown["execution_log"] if entry["attempts"]]


def test_a_person_sees_every_input_in_full_before_the_question(cli: Cli) -> None:
    """What is not answered with yes stays as it is."""
    run = waiting(cli)
    assert run.plan is not None

    refused, read = asked(cli, "n\n", "runs", "approve", run.run_id)
    between = cli("runs", "show", run.run_id, "--json").json
    agreed, _ = asked(cli, "y\n", "runs", "approve", run.run_id)
    after = cli("runs", "show", run.run_id, "--json").json

    assert TEXT in read and run.plan["plan_hash"] in read
    assert (refused, between["status"]) == (1, "awaiting_approval")
    assert (agreed, after["status"]) == (0, "completed")
