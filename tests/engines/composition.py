"""A worker on a database, put together with whatever a test wants to be different."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uuid_utils

from engines.places import Place, place_of
from runwright.adapters.dispatch_local import LocalDispatcher
from runwright.adapters.live_local import LocalFeed
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.core import events as ev
from runwright.core.codec import EMPTY, chained, decode, verified
from runwright.core.decide import decide
from runwright.core.declare import DeclaredTool
from runwright.core.events import Draft, Event, Fact
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.outbound import OutboundRules
from runwright.core.plan import Step
from runwright.core.policy import Limits
from runwright.core.run import created, evolve, fold
from runwright.core.state import Run
from runwright.isolation.call import ProcessLimits
from runwright.isolation.processes import HostedProcesses
from runwright.plan_port import Planner
from runwright.ports import History, Journal
from runwright.runtime.engine import Engine
from runwright.runtime.registry import Registry
from runwright.runtime.rows import row_of
from runwright.runtime.threads import Threads
from runwright.runtime.worker import Worker
from runwright.testing.fakes import ScriptedPlanner
from runwright.testing.waiting import wait_until

PATIENCE_S = 120.0
PROCESS_LIMITS = ProcessLimits(
    processes_max=4,
    children_max=16,
    file_bytes_max=2**20,
    memory_bytes_max=64 * 2**20,
    cpu_s_max=20,
    outbound=OutboundRules(),
)


class Composition:
    """The parts, and the few things that a test does with them again and again."""

    def __init__(
        self,
        place: Place,
        tools: Sequence[DeclaredTool],
        *,
        planner: Planner | None = None,
        limits: Limits | None = None,
        grace_s: float = 5.0,
        threads: int = 10,
        process_limits: ProcessLimits = PROCESS_LIMITS,
        runs_at_once_max: int = 100,
        store: Callable[[Journal], Journal] = lambda journal: journal,
        now_s: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.store = place_of(place)
        self.journal = self.store.journal
        self.registry = Registry(contract)
        for declared in tools:
            self.registry.add(declared)
        self.processes = HostedProcesses(process_limits, grace_s=grace_s)
        self.engine = Engine(
            journal=(journal := store(self.journal)),
            dispatcher=LocalDispatcher(journal),
            feed=LocalFeed(),
            planner=planner or ScriptedPlanner(),
            registry=self.registry,
            limits=limits or Limits(),
            threads=Threads(threads),
            processes=self.processes,
            now_s=now_s,
            jitter=jitter,
            grace_s=grace_s,
        )
        self.worker = Worker(self.engine, name="worker", runs_at_once_max=runs_at_once_max)

    async def submit(
        self,
        *steps: Step,
        prompt: str = "",
        approval: ev.Approval = "auto",
        deadline_s: float = 600.0,
        adopt: bool = True,
    ) -> RunId:
        """Accept a run of these steps, or of what the planner makes of the prompt.

        adopt   its first turn is recorded with it and the worker drives it at once; else the worker is told
        """
        run_id, now_s = RunId(f"run_{uuid_utils.uuid7().hex}"), round(self.engine.now_s(), 3)
        draft = None if prompt else Draft(goal="g", steps=steps)
        fact = ev.RunCreated(
            tenant=DEFAULT_TENANT, prompt=prompt, deadline_s=deadline_s, draft=draft, approval=approval
        )
        first = Event(1, now_s, fact)
        run, events, commands = created(run_id, first), [first], ()
        if adopt:
            turn = decide(run, now_s, self.registry, self.engine.limits)
            run, events, commands = turn.run, [first, *turn.events], turn.commands
        records, tip = chained(run_id, EMPTY, events)
        worker = self.worker.name if adopt else None
        await self.journal.create(row_of(run), records, worker=worker, key=None)
        if adopt:
            self.worker.adopt(run, tip, 0, commands, self.engine.dispatcher.tenure)
        else:
            self.worker.wake(run_id)
        return run_id

    async def control(self, run_id: RunId, *facts: Fact, wake: bool = True) -> Run:
        """Add what a client asks for, and tell the worker.

        Raises   IllegalTransition
        """
        after: list[Run] = []

        def control(history: History) -> tuple[list[Any], Any]:
            run = fold(run_id, verified(history.records, EMPTY, history.tip))
            events = []
            for fact in facts:
                events.append(Event(run.seq + 1, round(self.engine.now_s(), 3), fact))
                run = evolve(run, events[-1])
            after[:] = [run]
            return chained(run_id, history.tip, events)[0], row_of(run)

        await self.journal.control(DEFAULT_TENANT, run_id, control)
        if wake:
            self.worker.wake(run_id)
        return after[0]

    def events(self, run_id: RunId) -> list[Event]:
        """Return the events of a run that are on record now."""
        return [decode(body) for body in self.store.bodies(run_id)]

    def types(self, run_id: RunId) -> list[str]:
        """Return the types of the events of a run, in order."""
        return [event.fact.type for event in self.events(run_id)]

    def run(self, run_id: RunId) -> Run:
        """Return the run as its journal tells it."""
        return fold(run_id, self.events(run_id))

    async def until(self, run_id: RunId, kind: type[Fact], times: int = 1) -> Event:
        """Return the newest event of a kind once there are as many of it."""

        def found() -> list[Event]:
            return [event for event in self.events(run_id) if isinstance(event.fact, kind)]

        await wait_until(lambda: len(found()) >= times, PATIENCE_S, f"{times} × {kind.type}")
        return found()[-1]

    async def over(self, run_id: RunId) -> Run:
        """Return the run once it is over and nobody has it in hand."""
        await wait_until(lambda: self.run(run_id).is_over, PATIENCE_S, "the run to be over")
        await wait_until(lambda: not self.worker.in_hand, PATIENCE_S, "the worker to be idle")
        return self.run(run_id)

    async def close(self, drain_grace_s: float = 0.0) -> None:
        """Let the runs go and close the database."""
        await self.worker.drain(drain_grace_s)
        await self.processes.aclose()
        self.engine.threads.close()
        await self.store.close()


@asynccontextmanager
async def composed(place: Place, *tools: DeclaredTool, **options: Any) -> AsyncIterator[Composition]:
    """An engine on a file or a PostgreSQL database, let go in the end."""
    parts = Composition(place, tools, **options)
    await parts.store.open()
    try:
        yield parts
    finally:
        await parts.close()


def step(number: int, tool_name: str, *depends_on: int, **tool_input: Any) -> Step:
    """Return a step of a plan."""
    return Step(step_number=number, tool_name=tool_name, tool_input=tool_input, depends_on=depends_on)
