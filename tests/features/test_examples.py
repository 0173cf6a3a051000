"""The examples run as they are, each with a data file of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from documents.pages import ROOT, blocks
from documents.session import CURL, environment
from documents.terminal import seen

EXAMPLES = ROOT / "examples"


@pytest.fixture
def reader(tmp_path: Path) -> dict[str, str]:
    """The environment of a reader with nothing set up."""
    return environment(tmp_path)


def _run(command: str, folder: Path, reader: dict[str, str]) -> list[str]:
    status, told = seen(command, folder, reader, 30.0)

    assert status == 0, told
    return told.splitlines()


def test_embed(tmp_path: Path, reader: dict[str, str]) -> None:
    """A prompt and a plan with the program's own tool are carried out inside it."""
    told = _run(f"python {EXAMPLES}/embed.py", tmp_path, reader)

    assert told[:2] == ["completed 300", "completed {'eur': 8.5}"]
    assert told[2:] == [
        "1 run.created",
        "2 plan.started",
        "3 plan.accepted",
        "4 run.started",
        "5 step.started",
        "6 step.succeeded",
        "7 run.completed",
    ]


def test_the_readme_shows_embed() -> None:
    """The Python example of the README is the file."""
    shown = [block.text for block in blocks(ROOT / "README.md") if block.language == "python"]

    code = (EXAMPLES / "embed.py").read_text(encoding="utf-8")
    assert shown == [code.partition("from __future__ import annotations\n\n")[2].rstrip()]


def test_tool_file(tmp_path: Path, reader: dict[str, str]) -> None:
    """The tool file passes the check that authors use."""
    told = _run(f"runwright tools check {EXAMPLES}/tools/shipping.py", tmp_path, reader)

    assert [line.split()[:2] for line in told] == [["ok", "shipping_cost"], ["ok", "book_parcel"]]


def test_plan(tmp_path: Path, reader: dict[str, str]) -> None:
    """The plan takes the branch whose condition holds, and joins behind it."""
    _run(
        f"runwright run --json --tools {EXAMPLES}/tools --plan {EXAMPLES}/plan.json > run.json",
        tmp_path,
        reader,
    )

    run = msgspec.json.decode((tmp_path / "run.json").read_bytes())
    assert run["status"] == "completed"
    assert {e["step_number"]: e["status"] for e in run["execution_log"]} == {
        **dict.fromkeys((1, 2, 3, 4, 6), "succeeded"),
        5: "skipped",
    }
    assert run["execution_log"][2]["output"] == 26.9


def test_restart(tmp_path: Path, reader: dict[str, str]) -> None:
    """The step that was finished is not run again."""
    assert _run(f"python {EXAMPLES}/restart.py", tmp_path, reader) == [
        "failed - the carrier is closed - book again after 8:00",
        "completed - books, 3.5 kg: booked",
        "calls: weigh, book, book",
    ]


def test_approve(tmp_path: Path, reader: dict[str, str]) -> None:
    """No step starts before the approval."""
    told = _run(f"python {EXAMPLES}/approve.py", tmp_path, reader)

    assert told[0] == "awaiting_approval"
    assert told[-1] == "completed ['call the bank']"
    assert told.index("run.approved") < told.index("step.started 1")


@pytest.fixture
def server(tmp_path: Path, reader: dict[str, str]) -> Iterator[str]:
    """The address of a server."""
    process = subprocess.Popen(
        ["runwright", "serve", "--port", "0"],
        cwd=tmp_path,
        env={**reader, "RUNWRIGHT_LOG_FORMAT": "text"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = re.search(r"address=(\S+)", process.stderr.readline())
        assert found is not None
        yield found[1]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_curl_has_a_stand_in(tmp_path: Path, reader: dict[str, str], server: str) -> None:
    """On machines without curl the documentation is tested with a program that does the same."""
    command = f"python {CURL} -s {server}/api/v1/plans -H 'Content-Type: application/json' -d '{{\"prompt\": \"2+2\"}}'"
    told = _run(command, tmp_path, reader)
    lived = _run(f"python {CURL} -si {server}/health/live", tmp_path, reader)

    assert '"expression":"2 + 2"' in told[0]
    assert (lived[0], lived[-1]) == ("HTTP/1.1 200 OK", '{"status":"ok"}')


def test_follow(tmp_path: Path, reader: dict[str, str], server: str) -> None:
    """The events of a run come over HTTP as they happen, and the result behind them."""
    told = _run(
        f"python {EXAMPLES}/follow.py '(41*7)+13, then double it'",
        tmp_path,
        {**reader, "RUNWRIGHT_SERVER_URL": server},
    )

    assert told[-1] == "completed 600"
    assert [line.split()[0] for line in told[:-1]] == [str(n) for n in range(1, len(told))]
