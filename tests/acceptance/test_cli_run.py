"""`runwright run` as people and scripts use it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from acceptance.cli import Cli
from documents.terminal import seen


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line with an empty data file."""
    return Cli(tmp_path)


def terminal(cli: Cli) -> dict[str, str]:
    """The environment of a person at a terminal, who calls this very Python."""
    path = f"{Path(sys.executable).parent}:{cli.environment['PATH']}"
    return {**cli.environment, "PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


def test_the_result_alone_is_on_stdout(cli: Cli) -> None:
    """A script gets the number and nothing else; progress is on stderr, a line an event."""
    done = cli("run", "calculate (41*7)+13")

    assert (done.status, done.out) == (0, "300\n")
    assert "step 1 calculator: succeeded" in done.err
    assert done.err.startswith("run_")
    assert "\x1b" not in done.err


def test_todos_are_printed_as_a_list(cli: Cli) -> None:
    """Todos are lines with a box, in their order, and a count; texts keep every character."""
    done = cli(
        "run", "add todo buy milk, then add todo Crème brûlée 🍮, complete the first todo, then list my todos"
    )

    assert done.status == 0
    assert done.out == "1. [x] buy milk\n2. [ ] Crème brûlée 🍮\n2 todos, 1 done\n"


def test_json_is_exactly_one_run_object(cli: Cli) -> None:
    """With --json, stdout holds the run object, and stderr nothing at all."""
    done = cli("run", "--json", "calculate 2**200")

    run = done.json
    assert (done.status, done.err) == (0, "")
    assert (run["status"], run["result"]) == ("completed", 2**200)
    assert [entry["tool_name"] for entry in run["execution_log"]] == ["calculator"]


def test_a_failed_run_says_where_why_and_what_to_do(cli: Cli) -> None:
    """One line names the step, its tool, the reason, and the command that tries again; stdout stays empty."""
    done = cli("run", "calculate 1/0")

    last = done.err.splitlines()[-1]
    run_id = done.err.split()[0]
    assert (done.status, done.out) == (1, "")
    assert last.startswith("failed: step 1 (calculator): division by zero")
    assert last.endswith(f"to try again: runwright runs restart {run_id}")


def test_what_is_not_understood_is_quoted_and_not_tried_again(cli: Cli) -> None:
    """The clause is quoted with what can be asked; no restart is offered, because it would end the same."""
    done = cli("run", "calculate 2+2, then paint the fence")

    assert (done.status, done.out) == (1, "")
    assert "paint the fence" in done.err.splitlines()[-1]
    assert "restart" not in done.err


def test_plan_only_shows_the_plan_and_runs_nothing(cli: Cli) -> None:
    """The steps are printed, each under the one it waits for, and no run is made."""
    done = cli("run", "--plan-only", "calculate 6*7, then add the result as a todo")

    lines = done.out.splitlines()
    assert (done.status, done.err) == (0, "")
    assert lines[0].endswith("1 calculator  6 * 7")
    assert "└─" in lines[1]
    assert "2 todo_add" in lines[1]
    assert cli("runs", "list", "--json").json["items"] == []


def test_plan_only_tells_every_problem_of_a_plan(cli: Cli) -> None:
    """A bad plan is refused with a line for each defect, and as JSON with all of them."""
    plan = cli.plan(("calculater", {"expression": "1"}), ("calculator", {}))

    done, told = (
        cli("run", "--plan-only", "--plan", plan),
        cli("run", "--plan-only", "--json", "--plan", plan),
    )

    assert (done.status, done.out, told.status) == (1, "", 1)
    assert [line.split(":")[0:2] for line in done.err.splitlines()] == [
        ["problem", " step 1"],
        ["problem", " step 2"],
    ]
    assert [problem["code"] for problem in told.json["problems"]] == ["unknown_tool", "missing_input"]


def test_a_printed_plan_can_be_carried_out(cli: Cli) -> None:
    """What --plan-only --json prints is a plan for --plan, from stdin too."""
    printed = cli("run", "--plan-only", "--json", "half of 84").out

    done = cli("run", "--plan", "-", stdin=printed)

    assert (done.status, done.out) == (0, "42\n")


def test_a_bad_plan_is_a_failed_run_with_every_problem(cli: Cli) -> None:
    """A plan with defects makes a run that ends failed; its defects are listed before the verdict."""
    done = cli("run", "--plan", cli.plan(("calculater", {"expression": "1"}), ("calculator", {})))

    lines = done.err.splitlines()
    assert done.status == 1
    assert [line[:9] for line in lines[-3:-1]] == ["  step 1:", "  step 2:"]
    assert lines[-1].startswith("failed: ")


def test_tools_come_from_a_file_and_their_prints_stay_off_stdout(cli: Cli) -> None:
    """A tool file is loaded with --tools; what a tool prints is no part of the answer, nor is its colour."""
    plan = cli.plan(("shout", {"text": "hey"}))

    done = cli("run", "--tools", "tools.py", "--plan", plan)
    told = cli("run", "--tools", "tools.py", "--plan", plan, "--json")

    assert (done.status, done.out) == (0, "HEY\\x1b[31m\n")
    assert "shouting" in done.err
    assert told.json["result"] == "HEY\x1b[31m"


def test_control_characters_never_reach_the_terminal(cli: Cli) -> None:
    """A todo full of escape sequences is stored as it is and shown written out, in every kind of output."""
    evil = "x \x1b[31m \x07 \u202e y"

    texts = [
        cli("run", f"add todo {evil}"),
        cli("run", "list my todos"),
        cli("run", "list my todos", "--json"),
    ]
    texts.append(cli("runs", "list"))

    shown = "".join(done.out + done.err for done in texts)
    assert not set("\x1b\x07\u202e") & set(shown)
    assert r"x \x1b[31m \x07 \u202e y" in texts[1].out
    assert texts[2].json["result"]["todos"][0]["text"] == evil


def test_a_prompt_may_begin_with_a_minus(cli: Cli) -> None:
    """`-2**2` is a prompt and no option, wherever the options stand."""
    done = cli("run", "-2**2", "--json")

    assert done.json["result"] == -4


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["run"], {}, "say what is to be done"),
        (["run", "   "], {}, "say what is to be done"),
        (["run", "2", "*", "3"], {}, 'put it in quotes: runwright run "2 * 3"'),
        (["run", "2+2", "--colour"], {}, "No such option: --colour"),
        (["run", "--plan", "nowhere.json"], {}, "nowhere.json cannot be read: No such file"),
        (["run", "--plan", "tools.py"], {}, "tools.py is not JSON"),
        (["run", "2+2", "--tools", "nowhere.py"], {}, "no tool file or folder nowhere.py"),
        (["run", "2+2", "--server", "ftp://x"], {}, "--server is 'ftp://x', which is no address"),
        (["run", "2+2", "--tools", "tools.py", "--server", "http://x"], {}, "use one of the two"),
        (
            ["run", "2+2"],
            {"RUNWRIGHT_PORT": "99999"},
            "RUNWRIGHT_PORT is '99999', but must be a whole number",
        ),
        (["run", "x" * 40_000], {}, "RUNWRIGHT_PROMPT_BYTES_MAX"),
        (
            ["run", "2+2"],
            {"RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK": "1"},
            "RUNWRIGHT_LLM_ANSWER_USD_PER_MTOK must be set together: with one of them nobody knows what a call",
        ),
        (["run", "2+2"], {"RUNWRIGHT_DATABASE_URL": "mysql://u:secret@h/d"}, "'mysql'"),
        (["serve", "--workers", "0"], {}, "a PostgreSQL database only"),
        (["worker"], {}, "needs a PostgreSQL database"),
    ],
)
def test_what_cannot_be_done_as_written_is_a_usage_error(
    cli: Cli, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    """Status 2, one clear line, no traceback, no secret, and nothing on stdout."""
    done = cli(*arguments, **environment)

    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert "secret" not in done.err


def test_a_name_that_is_no_setting_is_told(cli: Cli) -> None:
    """In the environment and `.env` with a warning, for they are shared; in runwright.toml it is refused."""
    (cli.home / ".env").write_text("RUNWRIGHT_HOSTT=x\nOTHER=1\n")
    warned = cli("run", "2+2", RUNWRIGHT_PROT="1", RUNWRIGHT_API_KEY="k")
    (cli.home / "runwright.toml").write_text("ports = 1\n")
    refused = cli("run", "2+2")

    assert (warned.status, warned.out) == (0, "4\n")
    assert [line for line in warned.err.splitlines() if line.startswith("warning")] == [
        "warning: RUNWRIGHT_HOSTT is no setting; did you mean RUNWRIGHT_HOST?",
        "warning: RUNWRIGHT_PROT is no setting; did you mean RUNWRIGHT_PORT?",
    ]
    assert refused.status == 2
    assert "runwright.toml sets `ports`, which is no setting (did you mean port?)" in refused.err


def test_the_data_are_for_their_owner_alone(cli: Cli) -> None:
    """The database, what lies beside it and a folder that was made for it can be read by nobody else."""
    folder = cli.home / "data"
    done = cli("run", "2+2", RUNWRIGHT_DATABASE_URL=f"sqlite:///{folder}/runs.db")

    modes = {file.name: file.stat().st_mode & 0o777 for file in (folder, *folder.iterdir())}
    assert done.status == 0 and modes["data"] == 0o700 and modes["runs.db"] == 0o600
    assert set(modes.values()) == {0o700, 0o600}


def test_every_bad_setting_is_told_at_once(cli: Cli) -> None:
    """Each bad setting has a line of its own with its name, value and bounds."""
    done = cli("run", "2+2", RUNWRIGHT_PORT="-1", RUNWRIGHT_LOG_LEVEL="loud")

    assert sorted(line.split(" but must be ")[0] for line in done.err.splitlines()) == [
        "error: RUNWRIGHT_LOG_LEVEL is 'loud',",
        "error: RUNWRIGHT_PORT is '-1',",
    ]


def test_ctrl_c_cancels_the_run_for_good(cli: Cli) -> None:
    """The cancellation is on record before the command leaves, with status 1 and a word on what was done."""
    running = cli.started("run", "--plan", cli.plan(("shout", {"text": "a"}), ("nap", {"seconds": 50})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    running.hear(lambda line: line.startswith("step 2 nap: started"))
    running.hear(lambda line: line.startswith("step 1 shout: succeeded"))

    running.process.send_signal(signal.SIGINT)
    done = running.ended()

    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("cancelled: 1 of 2 steps had finished")
    assert cli("runs", "show", run_id, "--json").json["status"] == "cancelled"


def test_a_tool_that_does_not_notice_its_end_holds_nobody_up(cli: Cli) -> None:
    """A cancelled command leaves at once, although a thread of its tool would go on for minutes."""
    running = cli.started("run", "--plan", cli.plan(("block", {"seconds": 600})))
    running.hear(lambda line: line.startswith("step 1 block: started"))

    running.process.send_signal(signal.SIGINT)
    done = running.ended()

    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("cancelled: 0 of 1 step had finished")


def test_a_killed_run_is_carried_on_by_watching_it(cli: Cli) -> None:
    """After kill -9 the list says what can be done, and `watch` brings the run to its end, each step once."""
    running = cli.started("run", "--plan", cli.plan(("shout", {"text": "a"}), ("nap", {"seconds": 0.5})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    running.hear(lambda line: line.startswith("step 2 nap: started"))
    running.hear(lambda line: line.startswith("step 1 shout: succeeded"))
    running.process.kill()
    running.ended()

    listed = cli("runs", "list")
    watched = cli("runs", "watch", run_id, "--json", RUNWRIGHT_TOOLS=str(cli.home / "tools.py"))

    assert f"runwright runs watch {run_id}" in listed.err
    assert (watched.status, watched.json["result"]) == (0, "rested")
    assert watched.json["execution_log"][0]["attempts"] == 1


def test_other_interrupted_runs_are_left_alone(cli: Cli) -> None:
    """A command drives its own run only: it ends before others could, and would cut them off."""
    running = cli.started("run", "--plan", cli.plan(("launch", {"seconds": 50})))
    run_id = running.hear(lambda line: line.startswith("run_")).split()[0]
    running.hear(lambda line: line.startswith("step 1 launch: started"))
    running.process.kill()
    running.ended()

    done = cli("run", "2+2", RUNWRIGHT_TOOLS=str(cli.home / "tools.py"))

    assert done.out == "4\n"
    assert cli("runs", "show", run_id, "--json").json["status"] == "running"


def test_a_data_file_has_one_driver(cli: Cli) -> None:
    """While another command drives the data, a second one says which process that is."""
    running = cli.started("run", "--plan", cli.plan(("nap", {"seconds": 50})))
    running.hear(lambda line: line.startswith("step 1 nap: started"))

    done = cli("run", "2+2")
    running.process.send_signal(signal.SIGTERM)

    assert done.status == 1
    assert f"is in use by process {running.process.pid}" in done.err
    assert running.ended().status == 1


def test_on_a_terminal_the_steps_are_drawn(cli: Cli) -> None:
    """At its end, the terminal shows each step once, with its outcome, and the result below."""
    prompt = "calculate 6*7, then add the result as a todo"
    environment = {**terminal(cli), "NO_COLOR": "1"}

    status, screen = seen(f'python -m runwright run "{prompt}"', cli.home, environment, 60)

    lines = screen.splitlines()
    assert status == 0
    assert len(lines) == 3
    assert lines[0].startswith("✓ 1 calculator  6 * 7 → 42")
    assert lines[1].startswith("└─ ✓ 2 todo_add  42 → 42")
    assert lines[2] == "[ ] 42"


def test_on_a_terminal_a_slow_run_is_drawn_while_it_runs(cli: Cli) -> None:
    """What was drawn meanwhile is wiped away, and the final tree stands there once."""
    plan = cli.plan(("nap", {"seconds": 0.8}), ("nap", {"seconds": 0.1}))

    command = f"python -m runwright run --plan {plan} --tools tools.py"
    status, screen = seen(command, cli.home, terminal(cli), 60)

    assert status == 0
    assert [line[:7] for line in screen.splitlines()] == ["✓ 1 nap", "✓ 2 nap", "rested"]


def test_the_whole_run_is_printed_as_it_is_kept(cli: Cli) -> None:
    """What --json printed and what `runs show --json` reads later are the same object."""
    printed = cli("run", "--json", "calculate 2+3").json

    shown = cli("runs", "show", printed["run_id"], "--json")

    assert json.loads(shown.out) == printed
