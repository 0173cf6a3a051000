"""What is logged, and in which form."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
import structlog

from runwright import logs
from runwright.log import AT_WORK, Log, terse


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.reset_defaults()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)  # loggers remember what is enabled until this is called
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


Captured = pytest.CaptureFixture[str]


def test_a_line_of_json_for_every_event(capsys: Captured) -> None:
    """Runwright's events and those of libraries are lines of JSON with the same fields."""
    logs.configure("info", "json")

    structlog.get_logger("runwright.runtime").info("run.accepted", run_id="run_1")
    logging.getLogger("redis").info("Connected to port %d", 8000)

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["run_id"], ours["level"]) == ("run.accepted", "run_1", "info")
    assert (theirs["event"], theirs["logger"]) == ("Connected to port 8000", "redis")
    assert ours["at"].endswith("Z")
    assert set(theirs) == {"at", "level", "event", "logger"}


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_is_the_same_whoever_listens_beside(form: Any, capsys: Captured) -> None:
    """The short way to the log, and the one over a record when a program has a handler of its own."""
    written = []
    for others in ([], [logging.NullHandler()]):
        logging.getLogger().handlers[:] = others
        logs.configure("info", form, secrets=["hunter2hunter2"])
        log = structlog.get_logger("runwright.runtime")
        log.debug("left.out")
        log.info("run.accepted", run_id="run_1\x1b", key="hunter2hunter2")
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("run.broke")
        structlog.reset_defaults()
        lines = capsys.readouterr().err
        written.append(re.sub(r"[0-9T:.-]{20,}Z", "NOW", lines))

    assert written[0] == written[1]
    assert "run_1" in lines and "ValueError: no" in lines
    assert not any(bad in lines for bad in ("\x1b", "hunter2", "left.out"))


def test_a_log_that_nobody_reads_any_more_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe whose reader has gone swallows what is said."""
    reader, writer = os.pipe()
    os.close(reader)
    gone = os.fdopen(writer, "w")
    monkeypatch.setattr("sys.stderr", gone)
    logging.getLogger().handlers.clear()
    logs.configure("info", "json")

    structlog.get_logger("runwright.runtime").info("run.accepted")

    with suppress(BrokenPipeError):  # what it still holds cannot be written either
        gone.close()


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
        logging.getLogger("uvicorn.error").warning("hello")

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


def test_a_program_hears_warnings_through_the_standard_logger(
    caplog: pytest.LogCaptureFixture, capsys: Captured
) -> None:
    """A program that uses Runwright sees no info, nothing on stdout, and may catch the warnings."""
    log = Log("runwright.runtime")
    log.info("run.accepted", run_id="run_1")
    log.warning("run.claim\x1b_lost", run_id="run\x1b1")

    assert [record.getMessage() for record in caplog.records] == [r"run.claim\x1b_lost run_id='run\x1b1'"]
    assert caplog.records[0].funcName == "test_a_program_hears_warnings_through_the_standard_logger"
    assert capsys.readouterr().out == ""


def test_a_program_that_has_set_up_structlog_hears_through_that(capsys: Captured) -> None:
    """Its own configuration takes what Runwright says, and is not touched."""
    structlog.configure(processors=[structlog.processors.JSONRenderer()])

    Log("runwright.runtime").warning("run.claim_lost", run_id="run_1")

    assert json.loads(capsys.readouterr().out) == {"event": "run.claim_lost", "run_id": "run_1"}


def test_while_another_thread_loads_structlog_warnings_are_heard_all_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is half there is not asked anything."""
    monkeypatch.setitem(sys.modules, "structlog", ModuleType("structlog"))

    Log("runwright.runtime").warning("loop.held")

    assert [record.getMessage() for record in caplog.records] == ["loop.held"]


def test_the_command_line_shows_a_warning_as_one_line(capsys: Captured) -> None:
    """A crash that is logged while the command line is at work is one line on stderr, without a traceback."""
    terse()

    try:
        raise ValueError("why")
    except ValueError:
        Log("runwright.runtime").exception("plan.crashed", run_id="run_1")

    assert capsys.readouterr().err == "error: plan.crashed run_id='run_1'\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_color_is_honoured_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the log is text, in colours unless NO_COLOR says otherwise."""
    shown = []
    for value in ("", "1"):
        terminal = _Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        monkeypatch.setenv("NO_COLOR", value)
        logs.configure("info", "auto")
        structlog.get_logger("runwright.test").warning("server.listening")
        structlog.reset_defaults()
        shown.append(terminal.getvalue())

    assert "\x1b[" in shown[0] and "\x1b[" not in shown[1]
    assert all("server.listening" in text for text in shown)


SECRETS = [
    ("a key of ours", "the key rw_0a1b2c3d_abcdefghijklmnopqrstuvwxyz0123456789 is wrong", "abcdefghij"),
    ("a ticket", f"GET /ws?ticket=rwt_{'ab' * 32}", "abab"),
    ("a provider's key", "used sk-proj-abcdefghijklmnop1234", "abcdefghij"),
    ("a bearer", "Authorization: Bearer abcdefghijklmnop", "abcdefghij"),
    ("an address", "cannot reach postgresql://anna:pass-word-1@db/runs", "pass-word-1"),
    ("a setting", "the pepper is seeded-pepper-of-the-settings", "seeded-pepper"),
    ("a setting, quoted", "https://x/?k=se%2Fcr%2Fet%2Fpassword", "se%2Fcr"),
]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(("text", "secret"), [pair[1:] for pair in SECRETS], ids=[one[0] for one in SECRETS])
def test_no_secret_is_in_a_line(capsys: Captured, form: logs.Format, text: str, secret: str) -> None:
    """In the event, in a field, in a traceback, of a library: what is known or looks like one is hidden."""
    known = [
        "seeded-pepper-of-the-settings",
        "redis://:se/cr/et/password@host",
        "postgresql://u:se%2Fcr%2Fet%2Fpassword@h/d",
    ]
    logs.configure("info", form, secrets=known)
    log = structlog.get_logger("runwright.runtime")

    log.info(text)
    log.info("some.event", field=text, nested={"deep": [text]})
    logging.getLogger("redis").warning("it said %s", text)
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("it.broke")

    told = capsys.readouterr().err
    assert secret not in told
    assert told.count("…") >= 5


def test_what_is_at_work_is_on_every_line(capsys: Captured) -> None:
    """The lines of a tool, and of the libraries that it uses, name its run and step."""
    logs.configure("info", "json")

    def work() -> None:
        AT_WORK.set(lambda: {"run_id": "run_1", "tool": "t"})
        logging.getLogger("of.a.tool").info("here")
        structlog.get_logger("another").info("there", tool="its own")

    contextvars.copy_context().run(work)
    logging.getLogger("of.a.tool").info("elsewhere")

    here, there, elsewhere = map(json.loads, capsys.readouterr().err.splitlines())
    assert (here["run_id"], here["tool"]) == ("run_1", "t")
    assert (there["run_id"], there["tool"]) == ("run_1", "its own")
    assert "run_id" not in elsewhere


def test_what_comes_again_and_again_is_counted(capsys: Captured) -> None:
    """Warnings of one kind are written a few times in a while; the next one tells how many were left out."""
    now_s = [0.0]
    repeats = logs.Repeats(2, lambda: now_s[0])
    written = []
    for at_s in (0.0, 1.0, 2.0, 3.0, 11.0):
        now_s[0] = at_s
        with suppress(structlog.DropEvent):
            written.append(repeats(None, "", {"level": "warning", "event": "redis.away", "at": at_s}))
    many = [repeats(None, "", {"level": "info", "event": "run.accepted"}) for _ in range(100)]

    assert [event["at"] for event in written] == [0.0, 1.0, 11.0]
    assert [event.get("left_out") for event in written] == [None, None, 2]
    assert len(many) == 100


def test_a_line_is_the_same_on_the_short_way_and_on_structlogs(capsys: Captured) -> None:
    """Where nobody else listens, our own events do not go through structlog's loggers; levels and limits hold."""
    logs.configure("info", "json", secrets=["seeded-secret"], repeats_max=2)
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if handler.get_name() == "runwright"]
    structlog.contextvars.bind_contextvars(request_id="r1", tenant="theirs")
    said = {"tenant": "ours", "word": "seeded-secret"}
    try:
        Log("a.part").info("it.happened", **said)
        structlog.get_logger("a.part").info("it.happened", **said)
        Log("a.part").debug("nobody.hears.it")
        try:
            raise ValueError("no")
        except ValueError:
            Log("a.part").exception("it.broke")
        for _ in range(5):
            Log("a.part").warning("again.and.again")
    finally:
        structlog.contextvars.clear_contextvars()

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    short, long, broke, *again = lines
    assert {**short, "at": ""} == {**long, "at": ""}
    assert list(short)[:3] == ["at", "level", "event"] and short["at"].endswith("Z")
    assert (short["tenant"], short["request_id"], short["word"]) == ("ours", "r1", "…")
    assert (broke["level"], "ValueError: no" in broke["exception"]) == ("error", True)
    assert [line["event"] for line in again] == ["again.and.again"] * 2
