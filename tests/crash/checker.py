"""The independent checker: four witnesses that never met must tell the same story.

They are what the clients asked and heard, the journal in the SQLite file, what the tools did outside, and
what the API shows in the end. Nothing of Runwright is imported: its mistakes must not be repeated here.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

STEP_KEYS = uuid.UUID("8d1b1d3e-7d0c-5a6e-9f2b-6f0f3c1a7e55")
TERMINAL = {"run.completed": "completed", "run.failed": "failed", "run.cancelled": "cancelled"}
RESULTS = ("step.succeeded", "step.failed", "step.retrying")
CLOCK_S = 0.05  # the server rounds its times and keeps to a clock of its own
MARK = struct.Struct(">16sI")  # of an event in the archive: its hash, and its length


class Findings(NamedTuple):
    """What was found, by the number of the server's life in which it came to be.

    wrong      each a promise that was broken
    lost       accepted runs that are not there or not over
    again      executions of a step whose result was on record
    extra      executions of a step that a death had cut off before
    accepted, steps, frames   how much there was to look at
    archived   runs that were in the archive in the end
    """

    wrong: list[tuple[int, str]]
    lost: Counter[int]
    again: Counter[int]
    extra: Counter[int]
    accepted: int
    steps: int
    frames: int
    archived: int


class Story:
    """A run as its records in the file tell it."""

    def __init__(
        self,
        row: tuple[Any, ...],
        records: list[tuple[int, bytes, bytes]],
        archived: list[tuple[int, bytes, bytes]],
    ) -> None:
        self.run_id, self.status, self.seq, self.head = row
        self.records, self.archived = records, archived
        self.events = [json.loads(body) for _, body, _ in records]
        self.client = self.events[0]["data"].get("metadata", {}).get("client") if records else None
        accepted = [e["data"]["plan"] for e in self.events if e["type"] == "plan.accepted"]
        self.plan = accepted[-1] if accepted else None

    def of(self, *types: str) -> Iterator[dict[str, Any]]:
        return (event for event in self.events if event["type"] in types)

    def faults(self) -> Iterator[str]:
        """Say what is wrong with the records by themselves."""
        last = b""
        for number, (seq, body, recorded) in enumerate(self.records, start=1):
            last = hashlib.blake2b(last + body, digest_size=16).digest()
            event = self.events[number - 1]
            if (seq, event["seq"], event["run_id"], recorded) != (number, number, self.run_id, last):
                yield f"record {number} is not the one that belongs there"
        if self.archived and self.archived != self.records:
            yield "the archive and the journal do not agree"  # G6
        if (self.seq, self.head) != (len(self.records), last):
            yield "the row and the records do not agree on where the journal ends"
        if not self.records:
            yield "it is neither in the journal nor in the archive"
            return
        ends = [TERMINAL[event["type"]] for event in self.of(*TERMINAL)]
        if not ends or self.events[-1]["type"] not in TERMINAL or ends[-1] != self.status:
            yield f"the run is not over: {self.status}, its newest event is {self.events[-1]['type']}"
        if len(ends) != 1 + len(list(self.of("run.restarted"))):
            yield f"the run ended {len(ends)} times"
        yield from self._step_faults()

    def _step_faults(self) -> Iterator[str]:
        done: set[int] = set()
        cancelling = False
        for event in self.events:
            number, kind = event.get("step_number"), event["type"]
            if number in done:
                yield f"{kind} of step {number}, whose result was on record"
            if kind == "step.succeeded":
                done.add(number)
            cancelling = cancelling or kind == "run.cancelling"
            if cancelling and kind == "step.started":
                yield f"step {number} was started behind run.cancelling"
            if kind == "run.restarted":
                done |= {int(n) for n, how in event["data"].get("resolve", {}).items() if how == "succeeded"}

    def result(self) -> Any:
        """The output of the highest step that succeeded, of a completed run."""
        outputs = {e["step_number"]: e["data"]["output"] for e in self.of("step.succeeded")}
        return outputs[max(outputs)] if self.status == "completed" and outputs else None


def check(folder: Path) -> Findings:
    """Return what the witnesses in a folder say."""
    return _Checker(folder).findings()


class _Checker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history = [json.loads(line) for line in (folder / "history").read_text().splitlines()]
        self.streams = json.loads((folder / "streams").read_text())
        self.shown = json.loads((folder / "shown").read_text())
        self.lives = {int(pid): life for pid, life in json.loads((folder / "lives").read_text()).items()}
        self.effects = [json.loads(line) for line in (folder / "effects").read_text().splitlines()]
        self.stories = self._stories()
        known = [effect for effect in self.effects if effect["run_id"] in self.stories]
        self.strays, self.effects = len(self.effects) - len(known), known
        self.born: dict[str, int] = {}
        for asked in self.history:
            if asked["status"] in (201, 202) and asked["document"]:
                self.born.setdefault(asked["document"]["run_id"], asked["life"])
        self.wrong: list[tuple[int, str]] = []
        self.lost, self.again, self.extra = Counter[int](), Counter[int](), Counter[int]()

    def _stories(self) -> dict[str, Story]:
        return stories_in(self.folder)

    def findings(self) -> Findings:
        accepted = self._accepted()
        for story in self.stories.values():
            for fault in story.faults():
                self._wrong(story.run_id, fault)
        if self.strays:
            self.wrong.append((0, f"{self.strays} executions are of runs that are not in the file"))
        self._effects_agree()
        self._nothing_again()
        self._cancels_are_final()
        self._streams_are_whole()
        self._one_run_a_key()
        self._shown_as_recorded()
        steps = sum(len(story.plan["steps"]) for story in self.stories.values() if story.plan)
        frames = sum(len(stream["frames"]) for stream in self.streams)
        archived = sum(bool(story.archived) for story in self.stories.values())
        return Findings(self.wrong, self.lost, self.again, self.extra, len(accepted), steps, frames, archived)

    def _wrong(self, run_id: str, what: str) -> None:
        self.wrong.append((self.born.get(run_id, max(self.lives.values())), f"{run_id}: {what}"))

    def _accepted(self) -> set[str]:
        """G1: what was accepted is there, for the API too, and is over."""
        ids = {a["document"]["run_id"] for a in self.history if a["kind"] == "create" and a["status"] == 201}
        for run_id in ids:
            story = self.stories.get(run_id)
            if story is None or story.status not in TERMINAL.values() or run_id not in self.shown["runs"]:
                self.lost[self.born[run_id]] += 1
                self._wrong(
                    run_id, "accepted, and lost" if story is None else f"accepted, and {story.status}"
                )
        return ids

    def _effects_agree(self) -> None:
        """G3: every execution is on record, once an attempt, under one key; an unsafe step is never repeated."""
        calls = Counter((e["run_id"], e["step_number"], e["attempt"]) for e in self.effects)
        keys: dict[tuple[str, int], set[str]] = defaultdict(set)
        for effect in self.effects:
            keys[effect["run_id"], effect["step_number"]].add(effect["key"])
        for (run_id, number, attempt), times in calls.items():
            started = [
                e
                for e in self.stories[run_id].of("step.started")
                if (e["step_number"], e["data"]["attempt"]) == (number, attempt)
            ]
            if times > 1 or len(started) != 1:
                self._wrong(
                    run_id,
                    f"attempt {attempt} of step {number}: {times} executions, {len(started)} on record",
                )
        for (run_id, number), found in keys.items():
            if (plan := self.stories[run_id].plan) is None:
                self._wrong(run_id, f"step {number} was executed without a plan on record")
                continue
            expected = {str(uuid.uuid5(STEP_KEYS, f"{run_id}/{plan['plan_id']}/{number}"))}
            if found != expected:
                self._wrong(run_id, f"the keys of step {number} are {found}, not {expected}")
        if len({key for found in keys.values() for key in found}) != len(keys):
            self.wrong.append((0, "two steps have the same key"))
        self._unsafe_once()
        self._extra_executions()

    def _unsafe_once(self) -> None:
        unsafe = Counter((e["run_id"], e["step_number"]) for e in self.effects if e["effects"] == "unsafe")
        for (run_id, number), times in unsafe.items():
            resolved = [e["data"].get("resolve", {}) for e in self.stories[run_id].of("run.restarted")]
            allowed = 1 + sum(verdicts.get(str(number)) == "retry" for verdicts in resolved)
            if times > allowed:
                self._wrong(run_id, f"the unsafe step {number} was executed {times} times")

    def _extra_executions(self) -> None:
        """G3: a death costs a step in flight one execution more, and no more than that."""
        life_of = {(e["run_id"], e["step_number"], e["attempt"]): self.lives[e["pid"]] for e in self.effects}
        for story in self.stories.values():
            again = Counter[tuple[int, int]]()
            for event in story.of("step.started"):
                step = (story.run_id, event["step_number"])
                attempt = event["data"]["attempt"]
                if not event["data"].get("after_crash"):
                    continue
                first, second = life_of.get((*step, attempt - 1)), life_of.get((*step, attempt))
                if first is not None and second is not None:
                    self.extra[first] += 1
                    again[step[1], second] += 1
                    if first >= second:
                        self._wrong(story.run_id, f"step {step[1]} was executed again without a death")
            for (number, _), times in again.items():
                if times > 1:
                    self._wrong(story.run_id, f"one death cost step {number} {times} executions")

    def _nothing_again(self) -> None:
        """G2: what is on record as done is not executed any more: by the clock, and from life to life."""
        done_at = {
            (story.run_id, event["step_number"]): datetime.fromisoformat(event["at"]).timestamp()
            for story in self.stories.values()
            for event in story.of("step.succeeded")
        }
        for effect in self.effects:
            step = (effect["run_id"], effect["step_number"])
            if effect["at_s"] > done_at.get(step, effect["at_s"]) + CLOCK_S:
                self._again(step, self.lives[effect["pid"]])
        for kept in self.folder.glob("after-*"):
            number = int(kept.name.partition("-")[2])
            succeeded = {
                (story.run_id, event["step_number"])
                for story in stories_in(kept).values()
                for event in story.of("step.succeeded")
            }
            for effect in self.effects:
                step = (effect["run_id"], effect["step_number"])
                if self.lives[effect["pid"]] > number and step in succeeded:
                    self._again(step, number)

    def _again(self, step: tuple[str, int], life: int) -> None:
        self.again[life] += 1
        self.wrong.append((life, f"{step[0]}: step {step[1]} was executed although its result was on record"))

    def _cancels_are_final(self) -> None:
        """G7: behind the answer to a cancel no step starts, and the run ends cancelled."""
        for asked in self.history:
            run_id = asked["run_id"]
            if asked["kind"] != "cancel" or asked["status"] != 202 or run_id not in self.stories:
                continue
            story = self.stories[run_id]
            if story.status != "cancelled":
                self._wrong(run_id, f"a cancel was answered 202, and the run is {story.status}")
            late = [
                e for e in self.effects if e["run_id"] == run_id and e["at_s"] > asked["answered_s"] + CLOCK_S
            ]
            if late:
                self._wrong(run_id, f"step {late[0]['step_number']} started behind the answer to a cancel")

    def _streams_are_whole(self) -> None:
        """G5: every follower was sent the journal, event by event, whatever its connections went through."""
        for stream in self.streams:
            run_id = stream["run_id"]
            story = self.stories.get(run_id)
            if story is None:
                self._wrong(run_id, "followed, and not in the file")
                continue
            recorded = [
                [number, event["type"], body.decode()]
                for (number, body, _), event in zip(story.records, story.events, strict=True)
            ]
            sent = [frame[1:] for frame in stream["frames"]]
            if sent != recorded:
                self._wrong(run_id, f"a follower was sent {len(sent)} events, {len(recorded)} are on record")
            if not stream["ends"] or stream["ends"][-1] != story.status:
                self._wrong(run_id, f"a follower was told the ends {stream['ends']}")
            if set(stream["refusals"]) - {503}:
                self._wrong(run_id, f"a follower was refused with {stream['refusals']}")

    def _one_run_a_key(self) -> None:
        """G8: one run a key, the same answer to who asks again; and no client has two runs at all."""
        runs_of = Counter(story.client for story in self.stories.values())
        for client, runs in runs_of.items():
            if client and runs > 1:
                self.wrong.append((int(client.partition("-")[0]), f"the client {client} has {runs} runs"))
        answers: dict[str, set[tuple[int, str]]] = defaultdict(set)
        for asked in self.history:
            if asked["kind"] == "create" and asked["status"] is not None and asked["status"] != 503:
                answers[asked["key"] or asked["body"]["metadata"]["client"]].add(
                    (asked["status"], asked["document"].get("run_id"))
                )
            if asked["kind"] == "create with another body" and asked["status"] != 422:
                self.wrong.append((asked["life"], f"{asked['key']} with another body: {asked['status']}"))
        for key, given in answers.items():
            if len(given) != 1 or next(iter(given))[0] != 201:
                self.wrong.append((int(key.partition("-")[0]), f"{key} was answered {given}"))

    def _shown_as_recorded(self) -> None:
        """The API shows what the journal says."""
        listed = {item["run_id"]: item for item in self.shown["listed"]}
        if set(listed) != set(self.stories):
            self.wrong.append((0, f"{len(listed)} runs are listed, {len(self.stories)} are on record"))
        for run_id, story in self.stories.items():
            run = self.shown["runs"].get(run_id, {})
            if run.get("status") != story.status or run.get("result") != story.result():
                self._wrong(run_id, f"shown as {run.get('status')}, on record as {story.status}")
            if {**listed.get(run_id, {}), "execution_log": run.get("execution_log")} != run:
                self._wrong(run_id, "is listed otherwise than it is shown")
            if self.shown["events"].get(run_id) != story.events:
                self._wrong(run_id, "the events that are shown are not those on record")
            succeeded = {e["step_number"] for e in story.of("step.succeeded")}
            entries = {e["step_number"] for e in run.get("execution_log", ()) if e["status"] == "succeeded"}
            if not succeeded <= entries:
                self._wrong(run_id, f"steps {succeeded - entries} are not shown as succeeded")


def stories_in(folder: Path) -> dict[str, Story]:
    """The runs in a folder's SQLite file."""
    if not (folder / "runs.db").exists():
        return {}
    con = sqlite3.connect(folder / "runs.db")
    try:
        rows = con.execute("SELECT run_id, status, seq, head FROM runs").fetchall()
        events = "SELECT seq, body, hash FROM events WHERE run_id = ? ORDER BY seq"
        hot = {row[0]: con.execute(events, (row[0],)).fetchall() for row in rows}
        copies = con.execute("SELECT run_id, document, marks FROM run_archive").fetchall()
        archive = {run_id: archived_records(document, marks) for run_id, document, marks in copies}
        return {
            row[0]: Story(row, hot[row[0]] or archive.get(row[0], []), archive.get(row[0], []))
            for row in rows
        }
    finally:
        con.close()


def archived_records(document: bytes, marks: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return the records in a document of the archive, with the hashes of their marks if these fit."""
    bodies, kept = [*_bodies(document)], [*MARK.iter_unpack(marks)]
    fit = [len(body) for body in bodies] == [size for _, size in kept]
    return [(n, body, kept[n - 1][0] if fit else b"") for n, body in enumerate(bodies, start=1)]


def _bodies(document: bytes) -> Iterator[bytes]:
    """The events of a document, byte for byte."""
    text, at = document.decode(), document.decode().index("[") + 1
    while text[at] != "]":
        _, end = json.JSONDecoder().raw_decode(text, at)
        yield text[at:end].encode()
        at = end + (text[end] == ",")
