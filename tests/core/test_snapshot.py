"""A snapshot read back is the run that was kept, and the rest of its journal can be folded onto it."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from runwright.core.codec import Tip
from runwright.core.run import fold
from runwright.core.snapshot import NoSnapshot, Snapshot, decoded, encoded
from simulation.stories import Story, moments_of, stories, told
from simulation.world import RUN_ID


@given(stories)
def test_what_is_read_back_is_what_was_kept_at_every_moment_of_a_life(story: Story) -> None:
    world = told(story)
    for run in moments_of(world):
        kept = Snapshot(run, Tip(run.seq, bytes(16)))
        found = decoded(encoded(kept))

        assert found == kept
        assert fold(RUN_ID, world.events[run.seq :], found.run) == world.run


@given(stories, st.data())
def test_bytes_that_were_changed_are_a_run_or_refused(story: Story, data: st.DataObject) -> None:
    """No other error comes out, whatever was done to them; who changed them is found out by their hash."""
    run = moments_of(told(story))[-1]
    body = bytearray(encoded(Snapshot(run, Tip(run.seq, bytes(16)))))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    for changed in (bytes(body), bytes(body[:cut]), b"[" * 100_000):
        with contextlib.suppress(NoSnapshot):
            decoded(changed)
