"""`runwright tools`, `doctor`, `db` and help."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

import runwright
from acceptance.cli import Cli
from runwright.cli import app

BUILT_IN = ["calculator", "todo_add", "todo_complete", "todo_delete", "todo_get", "todo_list"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line with an empty data file."""
    return Cli(tmp_path)


def test_tools_are_listed_without_a_data_file(cli: Cli) -> None:
    """Built-in tools and those of a file are there, described as over HTTP; nothing is made by asking."""
    listed = cli("tools", "list", "--tools", "tools.py", "--json")
    shown = cli("tools", "list")

    found = {tool["name"]: tool for tool in listed.json["items"]}
    assert set(found) == {*BUILT_IN, "nap", "launch", "shout", "block", "file_there", "gate"}
    assert found["nap"]["effects"] == "idempotent"
    assert [line.split()[0] for line in shown.out.splitlines()] == ["TOOL", *BUILT_IN]
    assert not cli.database.exists()


def test_a_tool_is_shown_with_what_it_takes_and_returns(cli: Cli) -> None:
    """Everything that a plan needs to know stands there; an unknown name is told what to do."""
    shown, unknown = cli("tools", "show", "calculator"), cli("tools", "show", "abacus")

    assert shown.status == 0
    for part in ("calculator  1.0.0", "effects   pure", "expression  string", "output\n  number"):
        assert part in shown.out
    assert (unknown.status, unknown.err) == (
        1,
        "error: there is no tool `abacus` (runwright tools list shows those there are)\n",
    )


def test_good_tool_files_are_confirmed(cli: Cli) -> None:
    """Each tool of the file has a line; the status is 0."""
    done = cli("tools", "check", "tools.py")

    assert done.status == 0
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["ok", "nap"],
        ["ok", "launch"],
        ["ok", "shout"],
        ["ok", "block"],
        ["ok", "file_there"],
        ["ok", "gate"],
    ]


def test_every_bad_tool_file_of_a_folder_is_told(cli: Cli) -> None:
    """A file that cannot be run, a schema that is none and a taken name are errors side by side; the good stays good."""
    folder = cli.home / "folder"
    folder.mkdir()
    (folder / "a.py").write_text("import no_such_module_anywhere\n")
    (folder / "b.py").write_text(
        "from runwright import tool\n"
        "@tool(input_schema={'type': 'nonsense'})\ndef odd(**fields: object) -> int:\n    'Odd.'\n    return 1\n"
    )
    (folder / "c.py").write_text(
        "from runwright import tool\nprint('loading')\n"
        "@tool\ndef fine(number: int) -> int:\n    'Fine.'\n    return number\n"
    )

    done, told = cli("tools", "check", "folder"), cli("tools", "check", "folder", "--json")

    verdicts = told.json
    assert (done.status, told.status, verdicts["ok"]) == (1, 1, False)
    assert [item.get("name") for item in verdicts["items"] if item["ok"]] == ["fine"]
    problems = " ".join(str(item["problem"]) for item in verdicts["items"])
    assert "a.py:1: ModuleNotFoundError" in problems
    assert "odd" in problems
    assert "Traceback" not in done.err


def test_a_tool_file_that_is_not_there(cli: Cli) -> None:
    """A path that names nothing is a usage error."""
    done = cli("tools", "check", "nowhere.py")

    assert (done.status, done.err) == (2, "error: there is no tool file or folder nowhere.py\n")


def test_doctor_finds_a_sound_installation_sound(cli: Cli) -> None:
    """Every check has a line; the status is 0, also as JSON, and secrets are not shown."""
    cli("run", "2+2")

    done, told = cli("doctor"), cli("doctor", "--json")

    assert (done.status, told.status) == (0, 0)
    verdicts = {check["name"]: check["verdict"] for check in told.json["checks"]}
    wanted = {
        "python",
        "packages",
        "sqlite",
        "settings",
        "data folder",
        "database",
        "driver",
        "tools",
        "clock",
    }
    assert wanted <= set(verdicts)
    assert "fail" not in verdicts.values()
    assert "RUNWRIGHT_DATABASE_URL=(hidden)" in done.out


def test_doctor_says_what_is_wrong_and_what_to_do(cli: Cli) -> None:
    """A broken tool file and a data file that is none are failures with their remedy; the other checks go on."""
    cli.database.write_text("this is no database" * 100)
    (cli.home / "broken.py").write_text("def broken(:\n")

    done = cli("doctor", RUNWRIGHT_TOOLS=str(cli.home / "broken.py"))

    failures = [line.split()[1] for line in done.out.splitlines() if line.startswith("fail")]
    assert done.status == 1
    assert failures == ["database", "tools"]
    assert "broken.py:1: SyntaxError" in done.out


def test_the_data_file_is_migrated_on_request(cli: Cli) -> None:
    """`db current` tells the schema, `db upgrade` makes it; a file of a newer version is refused."""
    before, made = cli("db", "current"), cli("db", "upgrade")
    after = cli("db", "current")
    newest = int(after.out.split()[-1])
    with sqlite3.connect(cli.database) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer, listed = cli("db", "upgrade"), cli("runs", "list")

    assert "not there yet" in before.out
    assert made.out.endswith(f"schema {newest}, was 0\n")
    assert f"schema {newest} of {newest}" in after.out
    assert (newer.status, "99" in newer.err) == (1, True)
    assert (listed.status, "install a newer Runwright" in listed.err) == (1, True)


@pytest.mark.parametrize(
    "command",
    ["run", "serve", "doctor", "db upgrade", "db current", "tools list", "tools show", "tools check"]
    + [f"runs {name}" for name in ("list", "show", "watch", "cancel", "restart")],
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """Help is plain text with at least one example of the command itself."""
    told = CliRunner().invoke(app, [*command.split(), "--help"])

    assert told.exit_code == 0
    assert f"  runwright {command}" in told.output.partition("Example")[2]


def test_the_version_and_the_way_in(cli: Cli) -> None:
    """The version is one line; without a command there is help, and status 2."""
    version, bare = cli("--version"), cli()

    assert (version.status, version.out) == (0, f"runwright {runwright.__version__}\n")
    assert bare.status == 2
    assert "runwright run" in bare.out + bare.err
