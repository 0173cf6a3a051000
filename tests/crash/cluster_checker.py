"""The independent checker for several processes on PostgreSQL; nothing of Runwright is imported here either.

A fifth witness is the database: it writes down which connection appended to which run under which epoch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from crash.checker import CLOCK_S, TERMINAL, Findings, Story, _Checker
from crash.evidence import Evidence, read

CANCEL_S = 10.0  # a step whose start was on record before the cancel may begin so much behind the answer
CONTROLS = ("run.cancelling", "run.restarted", "run.approved", "run.rejected")


class Fences(NamedTuple):
    """What became of processes that had lost runs.

    refused    appends that they tried, and that were refused
    dropped    runs that they let go before they called anything
    accepted   appends of theirs that were accepted: must be 0
    called     tools that they called for a run that was another one's already, and whose call began then
    late       tools of theirs that had been called before and acted then, under the same key as the next ones
    killed_s   from the end of a killed worker's lease until another one claimed a run of it, each time
    stopped_s  the same, of workers that were stopped before; these may have been in a transaction
    """

    refused: int = 0
    dropped: int = 0
    accepted: int = 0
    called: int = 0
    late: int = 0
    killed_s: tuple[float, ...] = ()
    stopped_s: tuple[float, ...] = ()

    def text(self) -> str:
        """Return it in two sentences."""
        waits = ", ".join(
            f"{len(waits_s)} of {how} ones {median(waits_s):.1f} s behind the lease (median), {max(waits_s):.1f} s at the most"
            for how, waits_s in (("killed", self.killed_s), ("stopped", self.stopped_s))
            if waits_s
        )
        return (
            f"workers that had lost a run: {self.refused} appends refused, {self.dropped} runs let go before a call; "
            f"{self.accepted} appends accepted, {self.called} tools called; {self.late} tools acted late, with the key\n"
            f"runs of dead workers, claimed by others: {waits or 'none'}"
        )

    def __add__(self, other: tuple[Any, ...]) -> Fences:
        return Fences(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def check_cluster(folder: Path) -> tuple[Findings, Fences]:
    """Return what the witnesses in a folder say."""
    checker = _ClusterChecker(folder)
    findings = checker.findings()
    return findings, checker.fences()


class _ClusterChecker(_Checker):
    @cached_property
    def evidence(self) -> Evidence:
        """What the database said in the end."""
        return read(self.folder)

    def _stories(self) -> dict[str, Story]:
        journal, archive = self.evidence.journal, self.evidence.archive
        return {
            row[0]: _ClusterStory(
                row, sorted(journal.get(row[0]) or archive.get(row[0], [])), archive.get(row[0], [])
            )
            for row in self.evidence.runs
        }

    def fences(self) -> Fences:
        """Return what the logs and the database say of stale workers."""
        refused = dropped = 0
        for path in self.folder.glob("*.log"):
            for line in path.read_text().splitlines():
                if '"run.claim_lost"' in line:
                    lost_by_append = ", not " in json.loads(line)["error"]
                    refused, dropped = refused + lost_by_append, dropped + (not lost_by_append)
        called, late = self._called_stale()
        waits = [*self._waits_s()]
        killed_s = tuple(wait_s for was_stopped, wait_s in waits if not was_stopped)
        stopped_s = tuple(wait_s for was_stopped, wait_s in waits if was_stopped)
        return Fences(refused, dropped, self._accepted_stale(), called, late, killed_s, stopped_s)

    def _accepted_stale(self) -> int:
        """Appends under one epoch come from the connections of one process; controls may come from any."""
        owner: dict[tuple[str, int], str] = {}
        newest = Counter[str]()
        stale = 0
        types = {(run_id, e["seq"]): e["type"] for run_id, s in self.stories.items() for e in s.events}
        for run_id, epoch, seq, app, _, _ in self.evidence.written:
            added = [types.get((run_id, n)) for n in range(newest[run_id] + 1, seq + 1)]
            newest[run_id] = seq
            if not {*added} & {*CONTROLS} and owner.setdefault((run_id, epoch), app) != app:
                stale += 1
                self._wrong(run_id, f"event {seq} was appended under epoch {epoch} by a process without it")
        return stale

    def _called_stale(self) -> tuple[int, int]:
        """Calls that began after another process had begun the next attempt, and effects that came after it."""
        started = {
            (run_id, e["step_number"], e["data"]["attempt"]): _epoch_s(e)
            for run_id, story in self.stories.items()
            for e in story.of("step.started")
        }
        stale = late = 0
        for effect in self.effects:
            step = (effect["run_id"], effect["step_number"])
            next_at_s = started.get((*step, effect["attempt"] + 1))
            if next_at_s is None or effect["at_s"] <= next_at_s + CLOCK_S:
                continue
            if effect["called_at_s"] <= next_at_s + CLOCK_S:
                late += 1
            else:
                stale += 1
                self._wrong(effect["run_id"], f"step {step[1]} was called by a worker that had lost the run")
        return stale, late

    def _waits_s(self) -> Iterator[tuple[bool, float]]:
        """Whether a dead worker was stopped before, and how long a run of it waited, unless for a person."""
        actions = json.loads((self.folder / "actions").read_text())
        nobodys = {*TERMINAL, *CONTROLS, "run.awaiting_approval"}
        before: dict[str, tuple[int, str | None]] = {}
        types = {(run_id, e["seq"]): e["type"] for run_id, s in self.stories.items() for e in s.events}
        for run_id, epoch, seq, _, worker, at_s in self.evidence.written:
            had, owner = before.get(run_id, (epoch, worker))
            before[run_id] = (epoch, worker)
            over_s = self.evidence.leases.get(owner or "")
            if (
                epoch > had
                and over_s is not None
                and at_s >= over_s  # else it was late, and lived on
                and owner != worker
                and types.get((run_id, seq)) not in nobodys
            ):
                cell = self.lives[int(owner.split(":")[-2])]
                yield cell < len(actions) and actions[cell] != "kill", at_s - over_s

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
            (story.run_id, event["step_number"]): _epoch_s(event)
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


def _epoch_s(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()
