"""How a run begins, and how it is shown once it has."""

from __future__ import annotations

import pytest

from runwright.core import events as ev
from runwright.core.codec import EMPTY, chained, verified
from runwright.core.errors import IllegalTransition, RunCorrupt
from runwright.core.events import Event
from runwright.core.ids import RunId, idempotency_key
from runwright.core.run import created, fold
from runwright.core.view import run_object
from simulation.plans import Node, chain
from simulation.world import BEGIN_S, RUN_ID, World

CREATED = ev.RunCreated(tenant="t", prompt="p", deadline_s=10.0)


def test_a_run_begins_with_its_creation() -> None:
    """The first event makes a pending run with its deadline."""
    run = created(RUN_ID, Event(1, BEGIN_S, CREATED))

    assert (run.status, run.seq, run.tenant) == ("pending", 1, "t")
    assert run.deadline_at_s == BEGIN_S + 10.0


@pytest.mark.parametrize(
    "event",
    [
        Event(2, 0.0, CREATED),
        Event(0, 0.0, CREATED),
        Event(1, 0.0, CREATED, 1),
        Event(1, 0.0, ev.PlanStarted()),
    ],
)
def test_nothing_else_begins_a_run(event: Event) -> None:
    """Another event, another seq or a step number is no beginning."""
    with pytest.raises(IllegalTransition, match=r"begins with run\.created"):
        created(RUN_ID, event)


def test_a_journal_without_events_is_no_run() -> None:
    """There is nothing that a run could be made of."""
    with pytest.raises(IllegalTransition):
        fold(RUN_ID, [])


def test_a_record_must_hold_the_event_of_its_place() -> None:
    """A sound chain whose bodies tell of other places is damage, named by the place."""
    events = [Event(1, 0.0, CREATED), Event(3, 0.0, ev.PlanStarted())]

    with pytest.raises(RunCorrupt, match=r"event 2 .* wrong place"):
        verified(chained(RUN_ID, EMPTY, events)[0], EMPTY)


def test_a_completed_run_shows_its_result_and_what_was_done() -> None:
    """The result is the output of the highest step that succeeded; the log has one entry for each that ended."""
    nodes = [
        Node(1, salt=7),
        Node(2, wanted=(1,)),
        Node(3, when=("has", 1, "nothing")),
        Node(4, calls_s=(2.0,)),
    ]
    world = World(nodes)
    world.play()
    shown = run_object(world.run)
    assert world.run.plan is not None
    key = idempotency_key(RUN_ID, world.run.plan.plan_id, 2)

    assert shown["status"] == "completed" and shown["error"] is None
    assert shown["result"] == world.run.steps[3].output
    assert [entry["step_number"] for entry in shown["execution_log"]] == [1, 2, 3, 4]
    assert shown["execution_log"][1] == {
        "step_number": 2,
        "tool_name": "pure",
        "tool_version": "1.0.0",
        "tool_input": {"wanted": [8], "text": "="},
        "status": "succeeded",
        "success": True,
        "output": {"n": 9, "step": 2},
        "error": None,
        "attempts": 1,
        "started_at": "1970-01-01T00:16:42.000Z",
        "duration_ms": 1_001.0,
        "idempotency_key": key,
    }
    assert shown["execution_log"][2]["status"] == "skipped"
    assert shown["execution_log"][2]["started_at"] is None
    assert shown["eligible_actions"] == []


def test_a_failed_run_shows_one_error_and_no_result() -> None:
    """The error names its step; steps that were never reached are not in the log."""
    world = World([Node(1), Node(2, wanted=(1,), endings=("terminal",)), Node(3, wanted=(2,))])
    world.play()
    shown = run_object(world.run)

    assert shown["result"] is None
    assert shown["error"] == {"code": "tool_failed", "message": "no", "step_number": 2}
    assert [entry["status"] for entry in shown["execution_log"]] == ["succeeded", "failed"]
    assert shown["eligible_actions"] == ["restart"]


def test_a_step_keeps_one_key_for_ever() -> None:
    """The key of a step depends on its run, its plan and its number, and on nothing else."""
    plan_id = World(chain(1)).plan.plan_id
    keys = {idempotency_key(RunId(run), plan_id, n) for run in ("run_1", "run_11") for n in (1, 11)}

    assert len(keys) == 4
    assert idempotency_key(RunId("run_1"), plan_id, 1) == "3e816274-d86c-5b9c-8cb5-413ff44f844b"
