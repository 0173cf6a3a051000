"""Journals of every release reach the same end state, for ever. Old ones are never written again."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runwright.core.codec import EMPTY, Record, decode, encode, link, verified
from runwright.core.events import FACTS
from runwright.core.ids import RunId
from runwright.core.run import fold
from runwright.core.view import run_object

JOURNALS = sorted(Path(__file__).parent.glob("*.json"))


def journal(path: Path) -> tuple[RunId, list[bytes], dict[str, Any]]:
    """Return a journal's run, the bodies of its events, and the run as it was shown."""
    told = json.loads(path.read_text())
    return RunId(told["run_id"]), [body.encode() for body in told["events"]], told["run"]


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_journal_reaches_its_end_state(path: Path) -> None:
    """What was shown of the run then is shown of it now, byte for byte; fields may only be added."""
    run_id, bodies, shown = journal(path)
    run = fold(run_id, (decode(body, run_id) for body in bodies))
    now = run_object(run)

    for name, value in shown.items():
        assert msgspec.json.encode(now[name], order="sorted") == msgspec.json.encode(value, order="sorted"), (
            name
        )
    assert run.is_over


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_event_is_written_as_it_was(path: Path) -> None:
    """Reading and writing an event gives the bytes that were stored, so that their chain still holds."""
    run_id, bodies, _ = journal(path)
    events = [decode(body, run_id) for body in bodies]
    hashes = [b""]
    for body in bodies:
        hashes.append(link(hashes[-1], body))
    records = [
        Record(event.seq, event.fact.type, body, last)
        for event, body, last in zip(events, bodies, hashes[1:], strict=True)
    ]

    assert [encode(run_id, event) for event in events] == bodies
    assert verified(records, EMPTY, run_id=run_id) == events
    assert all(after.seq == before.seq + 1 for before, after in pairwise(events))


def test_the_journals_have_every_type_of_event() -> None:
    """What a journal can hold is in them, recoveries too, except for what the recorder cannot make."""
    bodies = [body for path in JOURNALS for body in journal(path)[1]]
    types = {json.loads(body)["type"] for body in bodies}

    assert set(FACTS) == types
    assert any(b'"after_crash":true' in body for body in bodies)
    assert {run["status"] for run in (journal(path)[2] for path in JOURNALS)} == {
        "completed",
        "failed",
        "cancelled",
    }
