"""The checker finds what it is there to find: each promise, broken by hand, is named."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from crash.cells import Cell
from crash.checker import check, stories_in
from crash.session import Session
from crash.tampers import SAID, Lies, Tamper, unnoticed

CELLS = (
    Cell("append.before", "step.succeeded", "kill"),
    Cell("control.after_commit", "run.cancelling", "pause"),
    Cell("commit.after", None, "kill", 5),
)


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


TAMPERS: Lies = {
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
    **SAID,
}


def test_what_is_wrong_is_found(session_folder: Path, tmp_path: Path) -> None:
    """The same evidence, each time with one thing changed by hand."""
    assert unnoticed(TAMPERS, session_folder, tmp_path, check) == []
