"""`runwright runs …`: finding runs, reading them, and carrying them on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from acceptance.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line with an empty data file."""
    return Cli(tmp_path)


def test_runs_are_listed_newest_first_and_filtered(cli: Cli) -> None:
    """Status, tool, text, time and number choose what is listed; JSON has the items of the API."""
    cli("run", "calculate 1+1")
    cli("run", "calculate 1/0")
    cli("run", "add todo buy milk")

    def prompts(*filters: str) -> list[str]:
        return [run["prompt"] for run in cli("runs", "list", "--json", *filters).json["items"]]

    assert prompts() == ["add todo buy milk", "calculate 1/0", "calculate 1+1"]
    assert prompts("--status", "failed") == ["calculate 1/0"]
    assert prompts("--tool", "todo_add", "--since", "1h") == ["add todo buy milk"]
    assert prompts("--q", "CALCULATE", "--limit", "1") == ["calculate 1/0"]
    assert prompts("--until", "1h") == []


def test_the_list_is_a_table(cli: Cli) -> None:
    """Each run is one line with its id, status and prompt, whatever line breaks the prompt has."""
    cli("run", "calculate 1+1\nthen calculate 2+2")

    done = cli("runs", "list")

    header, line = done.out.splitlines()
    assert header.split() == ["RUN", "STATUS", "CREATED", "TOOK", "PROMPT"]
    assert line.split()[1] == "completed"
    assert line.endswith(r"calculate 1+1\x0athen calculate 2+2")


def test_nothing_is_made_by_looking(cli: Cli) -> None:
    """Where nothing was ever run, the list is empty, an id is unknown, and no data file appears."""
    listed, shown = cli("runs", "list"), cli("runs", "show", "run_1")

    assert (listed.status, listed.out, listed.err) == (0, "", "no runs\n")
    assert (shown.status, shown.err) == (1, "error: there is no run run_1\n")
    assert not cli.database.exists()


def test_a_failed_run_is_shown_repaired_and_carried_on(cli: Cli) -> None:
    """`show` names the error and the command; `restart` goes on behind what is done, and tells only what is new."""
    plan = cli.plan(("shout", {"text": "once"}), ("gate", {"file": "open"}))
    failed = cli("run", "--plan", plan, "--tools", "tools.py", "--json")
    run_id = failed.json["run_id"]

    shown = cli("runs", "show", run_id)
    (cli.home / "open").touch()
    restarted = cli("runs", "restart", run_id, RUNWRIGHT_TOOLS=str(cli.home / "tools.py"))

    assert failed.status == 1
    assert "✗ 2 gate" in shown.out
    assert "step 2 (gate): ValueError: the gate is shut" in shown.out
    assert f"runwright runs restart {run_id}" in shown.out
    assert "\x1b" not in shown.out
    assert (restarted.status, restarted.out) == (0, "passed\n")
    assert restarted.err.splitlines()[0] == "restarted"
    assert "shout" not in restarted.err


def test_an_unknown_outcome_waits_for_a_verdict(cli: Cli) -> None:
    """An unsafe step that was cut off is never repeated unasked; `--resolve` says what to believe."""
    running = cli.started("run", "--plan", cli.plan(("launch", {"seconds": 0.3})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    running.hear(lambda line: line.startswith("step 1 launch: started"))
    running.process.kill()
    running.ended()
    tools = {"RUNWRIGHT_TOOLS": str(cli.home / "tools.py")}

    watched = cli("runs", "watch", run_id, **tools)
    unresolved = cli("runs", "restart", run_id, **tools)
    nonsense = cli("runs", "restart", run_id, "--resolve", "1=maybe", **tools)
    resolved = cli("runs", "restart", run_id, "--resolve", "1=retry", **tools)

    assert watched.status == 1
    assert watched.err.endswith(f"runwright runs restart {run_id} --resolve 1=retry\n")
    assert unresolved.status == 1
    assert nonsense.status == 2
    assert (resolved.status, resolved.out) == (0, "launched\n")


def test_an_interrupted_run_can_be_cancelled(cli: Cli) -> None:
    """A run that no process drives is cancelled for good; a second time changes nothing."""
    running = cli.started("run", "--plan", cli.plan(("nap", {"seconds": 50})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    running.hear(lambda line: line.startswith("step 1 nap: started"))
    running.process.kill()
    running.ended()
    tools = {"RUNWRIGHT_TOOLS": str(cli.home / "tools.py")}

    cancelled, again = cli("runs", "cancel", run_id, **tools), cli("runs", "cancel", run_id, **tools)

    assert (cancelled.status, cancelled.out) == (0, f"{run_id} cancelled\n")
    assert (again.status, again.out) == (0, f"{run_id} cancelled\n")


def test_a_run_can_be_watched_beside_the_command_that_drives_it(cli: Cli) -> None:
    """A second command follows the events in the data file to the run's end, and leaves the run its driver."""
    plan = cli.plan(("file_there", {"path": "there"}), ("shout", {"text": "passed"}))
    running = cli.started("run", "--plan", plan)
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    watching = cli.started("runs", "watch", run_id)
    watching.hear(lambda line: line.startswith("step 1 file_there: started"))

    (cli.home / "there").touch()
    watched, driven = watching.ended(), running.ended()

    assert (watched.status, watched.out) == (0, "PASSED\\x1b[31m\n")
    assert (driven.status, driven.out) == (watched.status, watched.out)


def test_watching_can_be_left(cli: Cli) -> None:
    """Ctrl-C stops watching; the run goes on and comes to its end."""
    running = cli.started("run", "--plan", cli.plan(("file_there", {"path": "there"})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    watching = cli.started("runs", "watch", run_id)
    watching.hear(lambda line: line.startswith("step 1 file_there: started"))

    watching.process.send_signal(signal.SIGINT)
    left = watching.ended()
    (cli.home / "there").touch()
    driven = running.ended()

    assert left.status == 130
    assert left.err.endswith("no longer watching; the run was not cancelled\n")
    assert (driven.status, driven.out) == (0, "it is there\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--status", "done"], "--status must be one of pending, planning"),
        (["list", "--since", "yesterday"], "write 2h, 7d, 2026-03-01"),
        (["list", "--limit", "0"], "'--limit'"),
        (["show"], "Missing argument 'ID'"),
    ],
)
def test_bad_questions_are_usage_errors(cli: Cli, arguments: list[str], said: str) -> None:
    """Status 2 and a line that says what can be asked."""
    done = cli("runs", *arguments)

    assert (done.status, done.out) == (2, "")
    assert said in done.err
