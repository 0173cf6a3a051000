"""The command line as a client of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.cli import Cli
from acceptance.serving import ServerProcess, serving
from services.ports import own_port


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line beside the server's data file."""
    return Cli(tmp_path)


@pytest.fixture
def server(cli: Cli) -> Iterator[ServerProcess]:
    """A server that drives the data file, with the tools of `home`."""
    with serving(cli.database, "--tools", str(cli.home / "tools.py"), "--port", str(own_port())) as served:
        yield served


def test_a_run_is_handed_to_the_server_that_drives_the_data(cli: Cli, server: ServerProcess) -> None:
    """The server carries the run out; the command shows its progress and prints its result."""
    done = cli("run", "calculate 6*7")
    run_id = done.err.splitlines()[1].split()[0]

    assert (done.status, done.out) == (0, "42\n")
    assert done.err.startswith(f"asking the server at {server.address}")
    assert "step 1 calculator: succeeded" in done.err
    assert server.client.get(f"/api/v1/runs/{run_id}").json()["result"] == 42


def test_tools_of_ones_own_are_not_handed_over(cli: Cli, server: ServerProcess) -> None:
    """With --tools the run belongs here, so the command says who has the data instead."""
    done = cli("run", "2+2", "--tools", "tools.py")

    assert done.status == 1
    assert f"is in use by process {server.process.pid}" in done.err


def test_every_command_talks_to_a_named_server(cli: Cli, server: ServerProcess, tmp_path: Path) -> None:
    """--server and RUNWRIGHT_SERVER_URL reach the same runs and tools, from anywhere."""
    away = {"RUNWRIGHT_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    plan = cli.plan(("gate", {"file": str(tmp_path / "open")}))
    at = ("--server", server.address)

    failed = cli("run", "--json", "--plan", plan, *at, **away)
    run_id = failed.json["run_id"]
    shown = cli("runs", "show", run_id, *at, **away)
    listed = cli("runs", "list", "--json", **away, RUNWRIGHT_SERVER_URL=server.address)
    (tmp_path / "open").touch()
    restarted = cli("runs", "restart", run_id, *at, **away)
    watched = cli("runs", "watch", run_id, "--json", *at, **away)
    cancelled = cli("runs", "cancel", run_id, *at, **away)

    assert failed.status == 1
    assert failed.err.endswith(f"runwright runs restart {run_id} --server {server.address}\n")
    assert "the gate is shut" in shown.out
    assert [run["run_id"] for run in listed.json["items"]] == [run_id]
    assert (restarted.status, restarted.out) == (0, "passed\n")
    assert watched.json["restarts"] == 1
    assert (cancelled.status, cancelled.err) == (1, "error: the run is completed already\n")
    assert not (tmp_path / "other.db").exists()


def test_plans_and_tools_of_a_server(cli: Cli, server: ServerProcess) -> None:
    """Planning, checking and discovery are the server's, refusals are told in one line with the same status."""
    at = ("--server", server.address)

    planned = cli("run", "--plan-only", "half of 84", *at)
    checked = cli("run", "--plan-only", "--plan", cli.plan(("no_such_tool", {})), *at)
    tools = cli("tools", "list", "--json", *at)
    unknown = cli("tools", "show", "no_such_tool", *at)
    too_long = cli("run", "x" * 40_000, *at)
    no_plan = cli("run", "--plan", "-", *at, stdin='{"goal": 1}')

    assert planned.out == "· 1 calculator  84 / 2\n"
    assert (checked.status, checked.err[:40]) == (1, "problem: step 1: there is no tool no_suc")
    assert "nap" in [tool["name"] for tool in tools.json["items"]]
    assert unknown.status == 1
    assert (too_long.status, "RUNWRIGHT_PROMPT_BYTES_MAX" in too_long.err) == (2, True)
    assert (no_plan.status, len(no_plan.err.splitlines())) == (2, 1)


def test_a_run_is_followed_over_a_crash_of_the_server(cli: Cli, server: ServerProcess) -> None:
    """When the server is killed and comes back, the command goes on where it was and tells nothing twice."""
    running = cli.started("run", "--plan", cli.plan(("shout", {"text": "a"}), ("nap", {"seconds": 2})))
    running.hear(lambda line: line.startswith("step 2 nap: started"))
    running.hear(lambda line: line.startswith("step 1 shout: succeeded"))

    server.kill()
    port = server.address.rpartition(":")[2]
    with serving(cli.database, "--tools", str(cli.home / "tools.py"), "--port", port):
        done = running.ended()

    assert (done.status, done.out) == (0, "rested\n")
    assert done.err.count("step 1 shout: succeeded") == 1


def test_a_server_that_is_not_there_is_told_in_one_line(cli: Cli) -> None:
    """The line names the address and what to do; the status is 1."""
    done = cli("run", "2+2", "--server", "127.0.0.1:9")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: no server answers at http://127.0.0.1:9 (start one with")
    assert len(done.err.splitlines()) == 1


def test_a_server_says_of_a_run_what_its_data_say(cli: Cli, server: ServerProcess) -> None:
    """Why it waits and what to type: the same from the file and over HTTP; and what is to be typed works."""
    body = {"prompt": "calculate 6*7", "approval": "required"}
    run_id = server.client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=60"}).json()["run_id"]

    here = cli("runs", "show", run_id)
    there = cli("runs", "show", run_id, "--server", server.address)
    approve = next(line for line in there.out.splitlines() if "runwright runs approve" in line)
    answered = cli(*approve.partition("runwright ")[2].split())
    watched = cli("runs", "watch", run_id)

    def steady(text: str) -> list[str]:
        text = text.replace(f" --server {server.address}", "")
        return [line for line in text.splitlines() if not line.startswith("time")]

    assert steady(here.out) == steady(there.out)
    assert "doing     waiting for a person" in there.out.splitlines()
    assert (answered.status, answered.out) == (0, "42\n")
    assert (watched.status, watched.out) == (0, "42\n")
