"""Events as bytes: what is written is what is read, and nothing that was damaged is believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, Tip, chained, decode, encode, instant, timestamp, verified
from runwright.core.errors import RunCorrupt
from runwright.core.events import Event
from runwright.core.ids import RunId
from runwright.core.run import fold
from simulation.facts import events, seconds, values
from simulation.plans import Node, chain
from simulation.stories import Story, stories, told
from simulation.world import RUN_ID, World

moderate = settings(max_examples=200, deadline=None)


@moderate
@given(events)
@example(Event(1, 0.0, ev.StepSucceeded(attempt=1, output=10**4_299, duration_ms=0.0)))
@example(Event(1, 0.0, ev.StepSucceeded(attempt=1, output={"": [-0.0, 5e-324, 1e308, 1.0]}, duration_ms=0.0)))
@example(Event(1, 0.0, ev.StepSkipped(reason="\x00\x1f\u2028\U0001f600\ufffe")))
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    """Every type of event comes back equal, whatever numbers, texts and nesting it carries."""
    read = decode(encode(RUN_ID, event))

    assert read == event
    assert repr(read) == repr(event)  # 1 and 1.0 are equal; they must also stay what they are


@moderate
@given(events)
def test_an_event_is_the_json_that_clients_are_promised(event: Event) -> None:
    """Any JSON reader finds seq, type, run_id, at, data and, for steps alone, step_number."""
    shown = json.loads(encode(RUN_ID, event))
    keys = {"seq", "type", "run_id", "at", "data"} | ({"step_number"} if event.step_number else set())

    assert set(shown) == keys
    assert (shown["seq"], shown["type"], shown["run_id"]) == (event.seq, event.fact.type, RUN_ID)
    assert datetime.fromisoformat(shown["at"]).tzinfo is UTC
    assert shown["at"].endswith("Z")


@settings(max_examples=150, deadline=None)
@given(stories)
def test_the_fold_of_what_was_written_is_the_run_in_hand(story: Story) -> None:
    """Live run and journal agree at the end of every story; the world checks it after each append too."""
    world = told(story)

    assert fold(RUN_ID, world.events) == world.run
    assert repr(fold(RUN_ID, world.events)) == repr(world.run)


@moderate
@given(values)
def test_an_output_of_any_shape_survives_in_the_run(output: object) -> None:
    """Big integers, floats, texts and nested values are in the folded run what they were in the live one."""
    world = World([Node(1)])
    live = world.play_until(ev.StepStarted)
    done = Event(live.seq + 1, world.now_s, ev.StepSucceeded(attempt=1, output=output, duration_ms=1.0), 1)
    body = encode(RUN_ID, done)

    assert repr(fold(RUN_ID, [decode(body)], live).steps[0].output) == repr(output)


@moderate
@given(seconds)
def test_times_are_exact_to_the_millisecond(at_s: float) -> None:
    """A time that has whole milliseconds is read as it was written."""
    assert instant(timestamp(at_s)) == at_s


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_a_time_without_a_zone_or_sense_is_refused(text: str) -> None:
    """A time that could mean two moments is no time."""
    with pytest.raises(ValueError, match=r"zone|isoformat|month"):
        instant(text)


@moderate
@given(st.binary(max_size=60) | events.map(lambda e: encode(RUN_ID, e)[:-1]))
def test_what_is_no_event_is_refused(body: bytes) -> None:
    """Any bytes that are not an event raise RunCorrupt and nothing else."""
    with pytest.raises(RunCorrupt):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"seq":1,"type":"run.dreamt","run_id":"r","at":"2026-01-01T00:00:00.000Z","data":{}}',
        b'{"seq":1,"type":"run.started","run_id":"r","at":"2026-01-01T00:00:00.000","data":{}}',
        b'{"seq":1,"type":"run.started","run_id":"r","at":"tomorrow","data":{}}',
        b'{"seq":1,"type":"step.succeeded","run_id":"r","at":"2026-01-01T00:00:00.000Z","data":{"attempt":1}}',
        b'{"seq":1,"type":"step.succeeded","run_id":"r","at":"2026-01-01T00:00:00.000Z","data":{"attempt":1,'
        b'"duration_ms":1,"output":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=["unknown type", "no zone", "no time", "missing field", "bottomless"],
)
def test_an_event_of_another_kind_is_refused(body: bytes) -> None:
    """An unknown type, a wrong time, a missing field and endless nesting are damage as well."""
    with pytest.raises(RunCorrupt):
        decode(body)


def _journal(run_id: str = RUN_ID, steps: int = 2) -> tuple[list[Record], Tip]:
    world = World(chain(steps))
    world.play()
    return chained(RunId(run_id), EMPTY, world.events)


RECORDS, TIP = _journal()
places = st.integers(0, len(RECORDS) - 1)


@moderate
@given(places, st.data())
def test_a_changed_bit_is_found_and_named(at: int, data: st.DataObject) -> None:
    """One flipped bit of a body or a hash names the seq of its record."""
    column = data.draw(st.sampled_from(["body", "hash"]))
    raw = bytearray(getattr(RECORDS[at], column))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = [*RECORDS[:at], RECORDS[at]._replace(**{column: bytes(raw)}), *RECORDS[at + 1 :]]

    with pytest.raises(RunCorrupt, match=f"^event {at + 1} "):
        verified(damaged, EMPTY, TIP)


@settings(deadline=None)
@given(places)
def test_a_record_that_is_gone_is_named(at: int) -> None:
    """A hole names its seq; a lost tail is found by what the run's row remembers."""
    damaged = [*RECORDS[:at], *RECORDS[at + 1 :]]
    named = (
        f"^event {at + 1} .*missing" if at + 1 < len(RECORDS) else f"ends at event {at}, but {at + 1} were"
    )

    with pytest.raises(RunCorrupt, match=named):
        verified(damaged, EMPTY, TIP)


@settings(deadline=None)
@given(places, places)
def test_records_of_another_run_or_place_are_refused(first: int, second: int) -> None:
    """A record that was moved, or taken from another run with its hash, breaks the chain where it stands."""
    other, _ = _journal("run_ffffffffffffffff")
    swapped = list(RECORDS)
    swapped[first], swapped[second] = (
        RECORDS[second]._replace(seq=first + 1),
        RECORDS[first]._replace(seq=second + 1),
    )
    foreign = [*RECORDS[:first], other[first], *RECORDS[first + 1 :]]

    with pytest.raises(RunCorrupt, match=rf"^event {first + 1}|^event {first + 2}"):
        verified(foreign, EMPTY, TIP)
    if first != second:
        with pytest.raises(RunCorrupt, match=f"^event {min(first, second) + 1} "):
            verified(swapped, EMPTY, TIP)


def test_the_whole_journal_of_another_run_is_refused() -> None:
    """Two journals of one length, exchanged, are sound chains; the remembered tip tells them apart."""
    other, tip = _journal("run_ffffffffffffffff")
    end = len(RECORDS)

    assert len(other) == end and tip.seq == TIP.seq
    with pytest.raises(RunCorrupt, match=f"^event {end} .* is not the one that was recorded"):
        verified(other, EMPTY, TIP)


@settings(deadline=None)
@given(places, places)
def test_a_page_is_verified_against_the_tip_before_it(start: int, length: int) -> None:
    """Any stretch of a journal verifies behind the record before it, and only there."""
    before = RECORDS[start - 1] if start else None
    after = EMPTY if before is None else Tip(before.seq, before.hash)
    page = RECORDS[start : start + length]

    assert [event.seq for event in verified(page, after)] == [record.seq for record in page]
    if page:
        with pytest.raises(RunCorrupt, match=f"^event {start + 1} "):
            verified(page, Tip(after.seq, b"something else"))
