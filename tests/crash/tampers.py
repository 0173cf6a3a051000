"""Evidence that was changed by hand, one lie each: what a checker must find, or it would find nothing.

Each says what is done to a copy of a session's folder, and words of the complaint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from crash.checker import Findings, archived_records
from crash.cluster_checker import CONTROLS
from crash.evidence import PLAIN

Tamper: TypeAlias = Callable[[Path], None]
Lies: TypeAlias = Mapping[str, tuple[Tamper, str]]
LATER_S = 60.0


def unnoticed(lies: Lies, folder: Path, scratch: Path, check: Callable[[Path], Findings]) -> list[str]:
    """Return the names of those lies of which a checker says nothing."""
    missed = []
    for number, (name, (tamper, sentence)) in enumerate(lies.items()):
        copy = scratch / f"lie-{number}"
        shutil.copytree(folder, copy)
        tamper(copy)
        if not any(sentence in what for _, what in check(copy).wrong):
            missed.append(name)
        shutil.rmtree(copy)
    return missed


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


def again(folder: Path, **other: Any) -> None:
    """Say that a tool was called once more for a step that has succeeded."""

    def change(lines: list[Any]) -> None:
        first = next(line for line in lines if line["effects"] == "pure")
        later = dict.fromkeys(("called_at_s", "at_s"), lines[-1]["at_s"] + LATER_S)
        lines.append({**first, **later, **other})

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
                line["answered_s"] -= LATER_S

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


# of clients, tools and the API, whatever the store
SAID: Lies = {
    "a step was executed behind its result": (again, "although its result was on record"),
    "an attempt was executed twice": (lambda folder: again(folder, at_s=0.0), "2 executions, 1 on record"),
    "an unsafe step was executed twice": (two_unsafe, "the unsafe step"),
    "a step has two keys": (other_key, "the keys of step"),
    "a step starts behind a cancel": (late_step, "behind the answer to a cancel"),
    "a repeated creation has another answer": (other_answer, "was answered"),
    "a follower misses an event": (frame_lost, "a follower was sent"),
    "a follower has an event twice": (frame_twice, "a follower was sent"),
    "a follower hears another end": (wrong_end, "was told the ends"),
    "the API shows another result": (wrong_result, "shown as"),
    "the API hides an event": (event_hidden, "the events that are shown"),
}


def rows(change: Callable[[dict[str, list[Any]]], None]) -> Tamper:
    """Change what a PostgreSQL database said."""
    return lambda folder: redone(folder, "rows", change)


def run_gone(told: dict[str, list[Any]]) -> None:
    del told["runs"][0]


def run_open(told: dict[str, list[Any]]) -> None:
    told["runs"][0][1] = "running"


def cancel_lost(told: dict[str, list[Any]]) -> None:
    next(row for row in told["runs"] if row[1] == "cancelled")[1] = "completed"


def brought_back(told: dict[str, list[Any]], change: Callable[[bytes], bytes] = bytes) -> list[Any]:
    """Put a run of the archive into the journal, an event a row, and return its row of the archive."""
    archived = next(row for row in told["archive"] if b'"step.succeeded"' in bytes.fromhex(row[1]))
    uuid, document, marks = archived
    for seq, body, digest in archived_records(bytes.fromhex(document), bytes.fromhex(marks)):
        bare = change(body).replace(f'"run_id":"run_{uuid}",'.encode(), b"", 1)
        told["events"].append([uuid, seq, digest.hex(), (PLAIN + bare).hex()])
    return archived


def newest_gone(told: dict[str, list[Any]]) -> None:
    told["archive"].remove(brought_back(told))
    told["events"].pop()


def record_changed(told: dict[str, list[Any]]) -> None:
    told["archive"].remove(brought_back(told, lambda body: body.replace(b'"goal"', b'"gaol"')))


def other_attempt(told: dict[str, list[Any]]) -> None:
    def change(body: bytes) -> bytes:
        return body.replace(b'"attempt":1', b'"attempt":7') if b"step.succeeded" in body else body

    told["archive"].remove(brought_back(told, change))


def two_truths(told: dict[str, list[Any]]) -> None:
    brought_back(told, lambda body: body.replace(b'"goal"', b'"gaol"'))


def copy_changed(told: dict[str, list[Any]]) -> None:
    copy = told["archive"][0]
    copy[1] = bytes.fromhex(copy[1]).replace(b'"goal"', b'"gaol"').hex()


def mark_changed(told: dict[str, list[Any]]) -> None:
    copy = told["archive"][0]
    copy[2] = ("f" if copy[2][0] != "f" else "0") + copy[2][1:]


def copy_gone(told: dict[str, list[Any]]) -> None:
    del told["archive"][0]


def stale_append(told: dict[str, list[Any]]) -> None:
    """Say that another process appended the last result of a run, under an epoch that is not its own."""
    controlled = {
        row[0] for row in told["archive"] if any(c in bytes.fromhex(row[1]).decode() for c in CONTROLS)
    }
    last = next(row for row in reversed(told["written"]) if row[0] not in controlled)
    last[3] = "another"


def stale_call(folder: Path) -> None:
    """Say that the first of two calls of a step came long after the second."""

    def change(lines: list[Any]) -> None:
        attempts = {(line["run_id"], line["step_number"], line["attempt"]) for line in lines}
        first = next(
            line for line in lines if (line["run_id"], line["step_number"], line["attempt"] + 1) in attempts
        )
        first.update(called_at_s=first["called_at_s"] + LATER_S, at_s=first["at_s"] + LATER_S)

    rewritten(folder / "effects", change)


# of a session of several processes on PostgreSQL
OF_A_CLUSTER: Lies = {
    "a run is gone": (rows(run_gone), "accepted, and lost"),
    "a run is not over": (rows(run_open), "accepted, and running"),
    "a cancel came to nothing": (rows(cancel_lost), "a cancel was answered 202, and the run is completed"),
    "the newest record is gone": (rows(newest_gone), "do not agree on where the journal ends"),
    "a record was changed": (rows(record_changed), "is not the one that belongs there"),
    "a result is of no attempt": (rows(other_attempt), "is of attempt 7"),
    "the archive is not the journal": (rows(two_truths), "the archive and the journal do not agree"),
    "a document of the archive was changed": (rows(copy_changed), "is not the one that belongs there"),
    "a mark of the archive was changed": (rows(mark_changed), "is not the one that belongs there"),
    "an archived run is gone": (rows(copy_gone), "neither in the journal nor in the archive"),
    "a stale worker appended": (rows(stale_append), "by a process without it"),
    "a stale worker called a tool": (stale_call, "was called by a worker that had lost the run"),
    **SAID,
}
