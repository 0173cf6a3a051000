"""The independent checker for several processes on PostgreSQL; nothing of Runwright is imported here either.

A fifth witness is the database: it writes down which connection appended to which run under which epoch.
"""

from __future__ import annotations

import ast
import asyncio
import json
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from crash.checker import CLOCK_S, Findings, Story, _Checker

CANCEL_S = 1.0  # a step whose start was on record before the cancel may begin so much behind the answer
CONTROLS = ("run.cancelling", "run.restarted", "run.approved", "run.rejected")
# How a row of events is written; the dictionary is part of the format and is read as data, without an import.
DEFLATED, PLAIN, BETWEEN = b"\x02", b"\x01", b"\x1e"
_FORMAT = Path(__file__).parents[2] / "src/runwright/adapters/journal_postgres_rows.py"
DICTIONARY = next(
    ast.literal_eval(node.value)
    for node in ast.parse(_FORMAT.read_text()).body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DICTIONARY"
)
AUDIT = (
    """CREATE TABLE written (number bigint GENERATED ALWAYS AS IDENTITY, run_id uuid, epoch bigint, seq bigint,
        app text DEFAULT current_setting('application_name'), at timestamptz DEFAULT clock_timestamp())""",
    """CREATE FUNCTION was_written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO written (run_id, epoch, seq) VALUES (NEW.run_id, NEW.epoch, NEW.seq);
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER was_written AFTER UPDATE ON runs FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch OR OLD.seq <> NEW.seq) EXECUTE FUNCTION was_written()""",
)


class Fences(NamedTuple):
    """What became of processes that had lost runs.

    refused    appends that they tried, and that were refused
    dropped    runs that they let go before they called anything
    accepted   appends of theirs that were accepted: must be 0
    called     tools that they called for a run that was another one's already, and whose call began then
    """

    refused: int
    dropped: int
    accepted: int
    called: int

    def __add__(self, other: tuple[Any, ...]) -> Fences:
        return Fences(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def check_cluster(folder: Path) -> tuple[Findings, Fences]:
    """Return what the witnesses in a folder, and the database, say."""
    checker = _ClusterChecker(folder)
    return checker.findings(), checker.fences()


class _ClusterChecker(_Checker):
    def _stories(self) -> dict[str, Story]:
        url = (self.folder / "database").read_text()
        runs, events, self.written = _asked(url)
        records = defaultdict(list)
        for run_id, last, hashes, body in events:
            records[run_id] += _records(f"run_{run_id.hex}", last, hashes, body)
        return {f"run_{row[0].hex}": _story(row, records[row[0]]) for row in runs}

    def fences(self) -> Fences:
        """Return what the logs and the database say of stale workers."""
        refused = dropped = 0
        for path in self.folder.glob("*.log"):
            for line in path.read_text().splitlines():
                if '"run.claim_lost"' in line:
                    lost_by_append = ", not " in json.loads(line)["error"]
                    refused, dropped = refused + lost_by_append, dropped + (not lost_by_append)
        return Fences(refused, dropped, self._accepted_stale(), self._called_stale())

    def _accepted_stale(self) -> int:
        """Appends under one epoch come from the connections of one process; controls may come from any."""
        owner: dict[tuple[str, int], str] = {}
        newest = Counter[str]()
        stale = 0
        types = {(run_id, e["seq"]): e["type"] for run_id, s in self.stories.items() for e in s.events}
        for run, epoch, seq, app, _ in self.written:
            run_id = f"run_{run.hex}"
            added = [types.get((run_id, n)) for n in range(newest[run_id] + 1, seq + 1)]
            newest[run_id] = seq
            if not {*added} & {*CONTROLS} and owner.setdefault((run_id, epoch), app) != app:
                stale += 1
                self._wrong(run_id, f"event {seq} was appended under epoch {epoch} by a process without it")
        return stale

    def _called_stale(self) -> int:
        """Calls of an attempt that began after another process had begun the next one."""
        started = {
            (run_id, e["step_number"], e["data"]["attempt"]): datetime.fromisoformat(e["at"]).timestamp()
            for run_id, story in self.stories.items()
            for e in story.of("step.started")
        }
        stale = 0
        for effect in self.effects:
            step = (effect["run_id"], effect["step_number"])
            next_at_s = started.get((*step, effect["attempt"] + 1))
            if next_at_s is not None and effect["called_at_s"] > next_at_s + CLOCK_S:
                stale += 1
                self._wrong(effect["run_id"], f"step {step[1]} was called by a worker that had lost the run")
        return stale

    def _extra_executions(self) -> None:
        """A death or a stop costs a step in flight one execution more; whose, is said by its process."""
        pid_of = {(e["run_id"], e["step_number"], e["attempt"]): e["pid"] for e in self.effects}
        for (run_id, number, attempt), pid in pid_of.items():
            if (before := pid_of.get((run_id, number, attempt - 1))) is None:
                continue
            again = [
                e
                for e in self.stories[run_id].of("step.started")
                if (e["step_number"], e["data"]["attempt"]) == (number, attempt)
                and e["data"].get("after_crash")
            ]
            if again and before != pid:
                self.extra[self.lives[before]] += 1

    def _nothing_again(self) -> None:
        """G2: what is on record as done is not called any more, by the clock that all processes share."""
        done_at = {
            (story.run_id, event["step_number"]): datetime.fromisoformat(event["at"]).timestamp()
            for story in self.stories.values()
            for event in story.of("step.succeeded")
        }
        for effect in self.effects:
            step = (effect["run_id"], effect["step_number"])
            if effect["called_at_s"] > done_at.get(step, effect["called_at_s"]) + CLOCK_S:
                self._again(step, self.lives[effect["pid"]])

    def _cancels_are_final(self) -> None:
        """G7: behind the answer to a cancel nothing starts but what was on record as started."""
        for asked in self.history:
            run_id = asked["run_id"]
            if asked["kind"] != "cancel" or asked["status"] != 202 or run_id not in self.stories:
                continue
            if self.stories[run_id].status != "cancelled":
                self._wrong(
                    run_id, f"a cancel was answered 202, and the run is {self.stories[run_id].status}"
                )
            late_s = asked["answered_s"] + CANCEL_S
            if any(e["run_id"] == run_id and e["called_at_s"] > late_s for e in self.effects):
                self._wrong(run_id, "a tool was called behind the answer to a cancel")


def _story(row: Any, records: list[tuple[int, bytes, bytes]]) -> Story:
    return _ClusterStory((f"run_{row[0].hex}", row[1], row[2], row[3]), sorted(records), [])


def _records(run_id: str, last: int, hashes: bytes, body: bytes) -> list[tuple[int, bytes, bytes]]:
    """The events of one row: an append's, one behind the other, deflated, without the run's id."""
    digests = [hashes[at : at + 16] for at in range(0, len(hashes), 16)]
    if body[:1] == DEFLATED:
        body = zlib.decompressobj(-12, DICTIONARY).decompress(body[1:])
    else:
        body = body.removeprefix(PLAIN)
    own = f',"run_id":"{run_id}","at":'.encode()
    texts = [text.replace(b',"at":', own, 1) for text in body.split(BETWEEN)]
    assert len(texts) == len(digests), f"a row of {run_id} does not have a hash for each event"
    return list(zip(range(last - len(texts) + 1, last + 1), texts, digests, strict=True))


class _ClusterStory(Story):
    def faults(self) -> Iterator[str]:
        yield from super().faults()
        newest = Counter[int]()
        for event in self.of("step.started", "step.succeeded", "step.failed", "step.retrying"):
            number, attempt = event["step_number"], event["data"]["attempt"]
            if event["type"] == "step.started":
                newest[number] = attempt
            elif attempt not in (newest[number], 0):
                yield f"{event['type']} of step {number} is of attempt {attempt}, {newest[number]} had begun"


def _asked(url: str) -> list[list[Any]]:
    """The rows of the database, asked for on a thread of its own: a loop may run here."""
    found: list[list[Any]] = []

    async def asked() -> None:
        con = await asyncpg.connect(url, timeout=10)
        try:
            found.append(await con.fetch("SELECT run_id, status, seq, head FROM runs"))
            found.append(await con.fetch("SELECT run_id, seq, hashes, body FROM events"))
            columns = "run_id, epoch, seq, app, at"
            found.append(await con.fetch(f"SELECT {columns} FROM written ORDER BY number"))
        finally:
            await con.close()

    thread = threading.Thread(target=lambda: asyncio.run(asked()))
    thread.start()
    thread.join()
    assert len(found) == 3, "the database could not be read"
    return found
