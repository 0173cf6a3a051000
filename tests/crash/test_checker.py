"""The checker finds what it is there to find: each promise, broken by hand, is named."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crash.cells import Cell
from crash.checker import check, stories_in
from crash.session import Session

CELLS = (
    Cell("append.before", "step.succeeded", "kill"),
    Cell("control.after_commit", "run.cancelling", "pause"),
    Cell("commit.after", None, "kill", 5),
)
Tamper = Callable[[Path], None]


@pytest.fixture(scope="module")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a session in which all went well."""
    folder = tmp_path_factory.mktemp("crash") / "session"
    session = Session(folder, CELLS, 7)
    findings = asyncio.run(session.run())
    assert not findings.wrong and not session.failures
    assert session.observed == [True] * len(CELLS)
    assert findings.accepted > 10 and findings.steps > 20 and findings.frames > 100
    assert findings.extra.total() > 0
    return folder


def rewritten(path: Path, change: Callable[[list[Any]], None]) -> None:
    """Change a file of JSON lines."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def redone(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a file that is one JSON document."""
    told = json.loads((folder / name).read_text())
    change(told)
    (folder / name).write_text(json.dumps(told))


def executed(sql: str, *, archive: bool = False) -> Tamper:
    """Change the file, once all runs are in the journal again, and not in the archive unless it is `archive`."""

    def tamper(folder: Path) -> None:
        stories = stories_in(folder)
        with sqlite3.connect(folder / "runs.db") as con:
            assert any(story.archived for story in stories.values())
            for story in stories.values():
                rows = [
                    (story.run_id, seq, event["type"], body, recorded)
                    for (seq, body, recorded), event in zip(story.records, story.events, strict=True)
                ]
                con.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", rows)
            if not archive:
                con.execute("DELETE FROM run_archive")
            assert con.execute(sql).rowcount > 0

    return tamper


def again(folder: Path, **other: Any) -> None:
    """Say that a tool was called once more for a step that has succeeded."""

    def change(lines: list[Any]) -> None:
        first = next(line for line in lines if line["effects"] == "pure")
        lines.append({**first, "at_s": lines[-1]["at_s"] + 60.0, **other})

    rewritten(folder / "effects", change)


def two_unsafe(folder: Path) -> None:
    def change(lines: list[Any]) -> None:
        lines.append({**next(line for line in lines if line["effects"] == "unsafe"), "attempt": 2})

    rewritten(folder / "effects", change)


def other_key(folder: Path) -> None:
    rewritten(folder / "effects", lambda lines: lines[0].update(key="another"))


def late_step(folder: Path) -> None:
    """Say that a cancel had been answered before a step of its run was executed."""

    def change(lines: list[Any]) -> None:
        for line in lines:
            if line["kind"] == "cancel" and line["status"] == 202:
                line["answered_s"] -= 60.0

    rewritten(folder / "history", change)


def other_answer(folder: Path) -> None:
    def change(lines: list[Any]) -> None:
        repeat = [line for line in lines if line["kind"] == "create" and line["key"]][-1]
        repeat["document"]["run_id"] = "run_other"

    rewritten(folder / "history", change)


def frame_lost(folder: Path) -> None:
    redone(folder, "streams", lambda streams: streams[0]["frames"].pop(2))


def frame_twice(folder: Path) -> None:
    redone(folder, "streams", lambda streams: streams[0]["frames"].insert(2, streams[0]["frames"][1]))


def wrong_end(folder: Path) -> None:
    redone(folder, "streams", lambda streams: streams[0]["ends"].append("running"))


def wrong_result(folder: Path) -> None:
    redone(folder, "shown", lambda shown: next(iter(shown["runs"].values())).update(result="another"))


def event_hidden(folder: Path) -> None:
    redone(folder, "shown", lambda shown: next(iter(shown["events"].values())).pop())


TAMPERS: dict[str, tuple[Tamper, str]] = {
    "a run is gone": (
        executed("DELETE FROM runs WHERE run_id = (SELECT min(run_id) FROM runs)"),
        "accepted, and lost",
    ),
    "a run is not over": (
        executed("UPDATE runs SET status = 'running' WHERE run_id = (SELECT min(run_id) FROM runs)"),
        "accepted, and running",
    ),
    "the newest record is gone": (
        executed(
            "DELETE FROM events WHERE rowid = (SELECT max(rowid) FROM events WHERE type = 'run.completed')"
        ),
        "do not agree on where the journal ends",
    ),
    "a record was changed": (
        executed("UPDATE events SET body = CAST(replace(body, 'Z', 'z') AS BLOB) WHERE type = 'run.started'"),
        "is not the one that belongs there",
    ),
    "the archive is not the journal": (
        executed("UPDATE run_archive SET document = CAST(replace(document, 'Z', 'z') AS BLOB)", archive=True),
        "the archive and the journal do not agree",
    ),
    "a step was executed behind its result": (again, "although its result was on record"),
    "an attempt was executed twice": (lambda folder: again(folder, at_s=0.0), "2 executions, 1 on record"),
    "an unsafe step was executed twice": (two_unsafe, "the unsafe step"),
    "a step has two keys": (other_key, "the keys of step"),
    "a step starts behind a cancel": (late_step, "started behind the answer to a cancel"),
    "a repeated creation has another answer": (other_answer, "was answered"),
    "a follower misses an event": (frame_lost, "a follower was sent"),
    "a follower has an event twice": (frame_twice, "a follower was sent"),
    "a follower hears another end": (wrong_end, "was told the ends"),
    "the API shows another result": (wrong_result, "shown as"),
    "the API hides an event": (event_hidden, "the events that are shown"),
}


@pytest.mark.parametrize("name", TAMPERS)
def test_what_is_wrong_is_found(session_folder: Path, tmp_path: Path, name: str) -> None:
    """The same evidence, with one thing changed by hand."""
    tamper, sentence = TAMPERS[name]
    folder = tmp_path / "session"
    shutil.copytree(session_folder, folder)
    tamper(folder)
    found = check(folder)

    assert any(sentence in what for _, what in found.wrong), found.wrong
