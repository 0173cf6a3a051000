"""Random lives of a run: a plan, what clients ask for in between, where the process dies, what is limited."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.events import Fact
from runwright.core.policy import Limits
from runwright.core.run import fold
from runwright.core.state import Run
from simulation.plans import Node, plan_of, plans
from simulation.world import RUN_ID, CrashPoint, World


class Story(NamedTuple):
    """Everything that a world needs to know."""

    nodes: list[Node]
    approval: ev.Approval
    deadline_s: float
    stubborn_s: float
    at_once: int
    events_max: int
    refusals: int
    crash_at: set[tuple[int, CrashPoint]]
    controls: list[tuple[float, str]]
    restarts: int
    verdict: ev.Resolution


stories = st.builds(
    Story,
    nodes=plans(steps_max=6),
    approval=st.sampled_from(["auto", "auto", "required"]),
    deadline_s=st.sampled_from([10_000.0, 10_000.0, 10_000.0, 1.0, 4.0]),
    stubborn_s=st.sampled_from([0.0, 0.0, 5.0]),
    at_once=st.sampled_from([1, 2, 1_000]),
    events_max=st.sampled_from([100_000, 100_000, 100_000, 5, 12]),
    refusals=st.sampled_from([0, 0, 0, 1]),
    crash_at=st.sets(
        st.tuples(st.integers(1, 9), st.sampled_from(["before append", "after append", "after acting"])),
        max_size=2,
    ),
    controls=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 9.0]),
            st.sampled_from(["approve", "approve", "cancel", "reject"]),
        ),
        max_size=3,
    ),
    restarts=st.integers(0, 2),
    verdict=st.sampled_from(["retry", "succeeded", "failed"]),
)


def told(story: Story) -> World:
    """Return the world after the story: each end of the run is answered by a restart, as often as it says."""
    plan = plan_of(story.nodes)
    asked: dict[str, Fact] = {
        "approve": ev.RunApproved(plan_hash=plan.plan_hash),
        "reject": ev.RunRejected(plan_hash=plan.plan_hash),
        "cancel": ev.RunCancelling(),
    }
    world = World(
        story.nodes,
        approval=story.approval,
        deadline_s=story.deadline_s,
        stubborn_s=story.stubborn_s,
        limits=Limits(steps_at_once_max=story.at_once, events_max=story.events_max),
        refusals=story.refusals,
        crash_at=story.crash_at,
        controls=[(after_s, asked[name]) for after_s, name in story.controls],
    )
    world.play()
    for _ in range(story.restarts):
        restart(world, story.verdict)
        world.play()
    return world


def restart(world: World, verdict: ev.Resolution = "retry") -> None:
    """Ask for a restart that settles every unknown step in one way."""
    unknown = [s.step_number for s in world.run.steps if s.status == "unknown"]
    world.control(ev.RunRestarted(resolve=dict.fromkeys(unknown, verdict)))


def moments_of(world: World) -> list[Run]:
    """Return the run after each of its events."""
    runs: list[Run] = []
    for event in world.events:
        runs.append(fold(RUN_ID, [event], runs[-1] if runs else None))
    return runs
