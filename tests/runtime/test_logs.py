"""What is logged, and in which form."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from runwright import logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.reset_defaults()
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


Captured = pytest.CaptureFixture[str]


def test_a_line_of_json_for_every_event(capsys: Captured) -> None:
    """Runwright's events and those of libraries are lines of JSON with the same fields."""
    logs.configure("info", "json")

    structlog.get_logger("runwright.runtime").info("run.accepted", run_id="run_1")
    logging.getLogger("uvicorn.error").info("Started on port %d", 8000)

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["run_id"], ours["level"]) == ("run.accepted", "run_1", "info")
    assert (theirs["event"], theirs["logger"]) == ("Started on port 8000", "uvicorn.error")
    assert ours["at"].endswith("Z")
    assert set(theirs) == {"at", "level", "event", "logger"}


def test_below_the_level_nothing_is_logged(capsys: Captured) -> None:
    """The level holds for Runwright and for libraries."""
    logs.configure("warning", "json")

    structlog.get_logger("runwright.runtime").info("run.accepted")
    logging.getLogger("uvicorn.error").info("Started")

    assert capsys.readouterr().err == ""


def test_bound_ids_are_on_every_line(capsys: Captured) -> None:
    """What is bound to the context of a request is on the lines of libraries too."""
    logs.configure("info", "json")

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("uvicorn.error").info("hello")

    assert json.loads(capsys.readouterr().err)["request_id"] == "r-1"


@pytest.mark.parametrize("form", ["json", "text"])
def test_control_characters_never_come_out_raw(capsys: Captured, form: logs.Format) -> None:
    """Escape sequences, line breaks and marks that turn text around are written out, in every form."""
    logs.configure("info", form)
    evil = "\x1b[31mred\x9b\u202eback\u2028\nnext"

    structlog.get_logger("x").warning(evil, prompt=evil)
    logging.getLogger("other").warning(evil)

    written = capsys.readouterr().err
    assert len(written.splitlines()) == 2
    assert not set("\x1b\x9b\u202e\u2028") & set(written)
    assert "red" in written


def test_what_json_has_no_form_for_is_logged_all_the_same(capsys: Captured) -> None:
    """Huge integers, half surrogates and strange keys do not lose the line."""
    logs.configure("info", "json")

    structlog.get_logger("x").info("odd", big=2**80, half="\ud800", nested={1: {2, 3}})

    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "odd"
    assert line["big"] == hex(2**80)
    assert "d800" in line["half"]


def test_an_exception_is_one_line_of_json(capsys: Captured) -> None:
    """A traceback stands inside its line, so that lines can be counted and parsed."""
    logs.configure("info", "json")

    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger("x").exception("plan.crashed")

    [line] = capsys.readouterr().err.splitlines()
    assert "ValueError: why" in json.loads(line)["exception"]


def test_configuring_twice_logs_once(capsys: Captured) -> None:
    """The second configuration takes the place of the first."""
    logs.configure("info", "json")
    logs.configure("info", "json")

    logging.getLogger("x").warning("once")

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_quiet_says_only_warnings_and_through_the_standard_logger(
    caplog: pytest.LogCaptureFixture, capsys: Captured
) -> None:
    """A program that uses Runwright sees no info, nothing on stdout, and may catch the warnings."""
    logs.quiet()

    log = structlog.get_logger("runwright.runtime")
    log.info("run.accepted", run_id="run_1")
    log.warning("run.claim\x1b_lost", run_id="run\x1b1")

    assert [record.getMessage() for record in caplog.records] == [r"run.claim\x1b_lost run_id='run\x1b1'"]
    assert capsys.readouterr().out == ""


def test_quiet_leaves_what_a_program_has_configured() -> None:
    """A program's own configuration of structlog is not touched."""
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()["processors"]

    logs.quiet()

    assert structlog.get_config()["processors"] is before


def test_the_command_line_shows_a_warning_as_one_line(capsys: Captured) -> None:
    """A crash that is logged while the command line is at work is one line on stderr, without a traceback."""
    logs.terse()

    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger("runwright.runtime").exception("plan.crashed", run_id="run_1")

    assert capsys.readouterr().err == "error: plan.crashed run_id='run_1'\n"
