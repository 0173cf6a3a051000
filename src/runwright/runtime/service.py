"""The use cases: what HTTP, the command line and Python callers can ask of Runwright."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec
import structlog

from runwright.core import control
from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, chained, encode, timestamp, verified
from runwright.core.decide import Command, Turn, decide
from runwright.core.errors import IllegalTransition, Invalid, LimitReached, Overloaded, RunCorrupt
from runwright.core.events import Event, Fact, Resolution
from runwright.core.ids import RunId, Tenant
from runwright.core.plan import Plan, Problem, Step
from runwright.core.run import created, evolve, fold
from runwright.core.state import Run
from runwright.core.view import run_object, summary
from runwright.ports import (
    History,
    IdempotencyKey,
    PlanFailed,
    PlanMade,
    PlanRequest,
    RunFilter,
    RunRow,
)
from runwright.runtime.driver import QUICK_S
from runwright.runtime.engine import Engine
from runwright.runtime.estimate import estimate
from runwright.runtime.perform import PlanFact, make_plan
from runwright.runtime.requests import ClientKey, Listing, NewRun, Submitted, check_new
from runwright.runtime.rows import row_of
from runwright.runtime.worker import Worker

log = structlog.get_logger("runwright.runtime")


Check: TypeAlias = Callable[[Sequence[Step]], tuple[Problem, ...]]


class Service:
    """Every use case of runs and plans, for one tenant at a time."""

    def __init__(
        self,
        engine: Engine,
        worker: Worker,
        new_run_id: Callable[[], RunId],
        *,
        check: Check,
        prompt_bytes_max: int,
        deadline_s_max: float,
        waiting_runs_max: int,
        page_bytes_max: int,
    ) -> None:
        self._engine, self._worker, self._new_run_id = engine, worker, new_run_id
        self._check, self._deadline_s_max = check, deadline_s_max
        self._prompt_bytes_max, self._waiting_runs_max = prompt_bytes_max, waiting_runs_max
        self._page_bytes_max = page_bytes_max

    async def submit(self, tenant: Tenant, new: NewRun, key: ClientKey | None = None) -> Submitted:
        """Accept a run and return it; it is durable then, and under way as soon as there is room.

        Raises   Invalid, LimitReached for what cannot be accepted; KeyReused; JournalUnavailable
        """
        fact = self._created(tenant, new)
        # a caller that goes away must not leave a run that is on record and that nobody drives
        return await asyncio.shield(self._accept(tenant, fact, key))

    async def _accept(self, tenant: Tenant, fact: ev.RunCreated, key: ClientKey | None) -> Submitted:
        engine, run_id, now_s = self._engine, self._new_run_id(), round(self._engine.now_s(), 3)
        first = Event(1, now_s, fact)
        run = created(run_id, first)
        events: tuple[Event, ...] = (first,)
        commands: tuple[Command, ...] = ()
        adopted = self._worker.has_room
        if adopted:
            # the first turn rides in the same transaction: a run costs one commit less
            turn = decide(run, now_s, engine.registry, engine.limits)
            run, events, commands = turn.run, (first, *turn.events), turn.commands
            request = PlanRequest(run_id, tenant, fact.prompt, fact.draft)
            if engine.planner.is_immediate(request):
                turn = await self._planned(run, request, now_s)
                run, events, commands = turn.run, (*events, *turn.events), turn.commands
        elif self._worker.waiting >= self._waiting_runs_max:
            raise Overloaded(f"{self._worker.waiting} runs are waiting already; try again later")
        bodies = [(event.fact.type, encode(run_id, event)) for event in events]
        records, tip = chained(EMPTY, bodies)
        idempotency = key and IdempotencyKey(key.key, hashlib.sha256(key.body).digest())
        worker = self._worker.name if adopted else None
        made = await engine.journal.create(row_of(run), records, worker=worker, key=idempotency)
        if not made.fresh:
            return Submitted(await self.run(tenant, made.run_id), fresh=False)
        log.info("run.accepted", run_id=run_id, tenant=tenant)
        if adopted:
            self._worker.adopt(run, tip, sum(len(body) for _, body in bodies), commands)
        else:
            self._worker.wake(run_id)
        return Submitted(run, fresh=True)

    async def _planned(self, run: Run, request: PlanRequest, now_s: float) -> Turn:
        """The turn of a run whose plan needs nobody else: it rides in the creating transaction too."""
        engine, facts, events = self._engine, list[PlanFact](), list[Event]()
        await make_plan(engine.planner, request, facts.append)
        for fact in facts:
            number = fact.step.step_number if isinstance(fact, ev.PlanStepProposed) else None
            events.append(Event(run.seq + 1, now_s, fact, number))
            run = evolve(run, events[-1])
        turn = decide(run, now_s, engine.registry, engine.limits)
        return turn._replace(events=(*events, *turn.events))

    async def run(self, tenant: Tenant, run_id: RunId) -> Run:
        """Return a run as it is now.

        Raises   RunMissing, RunCorrupt
        """
        drive = self._worker.drive_of(run_id)
        if drive is not None and drive.run.tenant == tenant and not drive.recording:
            return drive.run
        history = await self._engine.journal.history(tenant, run_id)
        return _folded(history)

    async def settled(self, run: Run, hold_s: float) -> Run:
        """Return a run that was just accepted, over already when it is a matter of moments.

        It is not waited for once a person is asked, a tool takes its time, or `hold_s` is over.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + hold_s
        with self._engine.feed.listen(run.run_id) as bell:
            while (drive := self._worker.drive_of(run.run_id)) is not None:
                bell.clear()
                left_s = until_s - loop.time()
                if drive.run.is_over or drive.run.awaits_person or not drive.is_quick or left_s <= 0:
                    break
                await bell.wait(min(left_s, QUICK_S))
        return await self.run(run.tenant, run.run_id)

    def shown(self, run: Run) -> dict[str, Any]:
        """Return the run object of a run, with the progress that its tools report just now."""
        shown = run_object(run)
        drive = self._worker.drive_of(run.run_id)
        if drive is not None and drive.progress:
            shown["progress"] = {str(n): progress._asdict() for n, progress in drive.progress.items()}
        return shown

    async def runs(self, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int) -> Listing:
        """Return a page of runs without their execution logs; it ends early at `page_bytes_max`."""
        rows = await self._engine.journal.runs(tenant, wanted, before, limit + 1)
        damaged = await self._engine.journal.damaged([row.run_id for row in rows[:limit]])
        items: list[bytes] = []
        size = 0
        for row in rows[:limit]:
            item = _corrupt(row) if row.run_id in damaged else row.document or await self._item(row)
            size += len(item)
            if items and size > self._page_bytes_max:
                break
            items.append(item)
        more = len(items) < len(rows)
        return Listing(tuple(items), rows[len(items) - 1].run_id if more and items else None)

    async def cancel(self, tenant: Tenant, run_id: RunId) -> Run:
        """Return the run with its cancellation on record; no further step starts.

        Raises   RunMissing; IllegalTransition when it is over
        """
        return await self._control(tenant, run_id, control.cancelled)

    async def restart(self, tenant: Tenant, run_id: RunId, resolve: dict[int, Resolution]) -> Run:
        """Return the failed run, under way again behind its last checkpoint.

        resolve   verdicts on its unknown steps, by step number
        Raises    RunMissing; RunNotFailed; IllegalTransition when an unknown step is left unresolved
        """
        return await self._control(tenant, run_id, partial(control.restarted, resolve=resolve))

    async def approve(self, tenant: Tenant, run_id: RunId, plan_hash: str) -> Run:
        """Return the run with the approval of exactly this plan on record.

        Raises   RunMissing; IllegalTransition when it waits for no approval or for another plan's
        """
        return await self._control(tenant, run_id, partial(control.approved, plan_hash=plan_hash))

    async def reject(self, tenant: Tenant, run_id: RunId, plan_hash: str) -> Run:
        """Return the run, ended because this plan was rejected.

        Raises   as `approve`
        """
        return await self._control(tenant, run_id, partial(control.rejected, plan_hash=plan_hash))

    async def plan(self, tenant: Tenant, prompt: str) -> tuple[Plan | None, tuple[Problem, ...]]:
        """Return a plan for a prompt, or the problems that stand in its way; runs nothing.

        Raises   Invalid, LimitReached
        """
        self._check_prompt(prompt)
        request = PlanRequest(RunId("run_none"), tenant, prompt, None)
        async for event in self._engine.planner.plan(request):
            if isinstance(event, PlanMade):
                return event.plan, ()
            if isinstance(event, PlanFailed):
                problem = Problem(code=event.error.code, message=event.error.message, hint=event.error.hint)
                return None, event.problems or (problem,)
        raise AssertionError("a planner ends with a verdict")

    def problems(self, steps: Sequence[Step]) -> tuple[Problem, ...]:
        """Return every defect of a plan."""
        return self._check(steps)

    def estimate(self, plan: Plan | None) -> dict[str, float | int | None]:
        """Return what a plan will take, as far as the tools' own figures tell."""
        return estimate(plan, self._engine.registry)

    def _created(self, tenant: Tenant, new: NewRun) -> ev.RunCreated:
        check_new(new, self._deadline_s_max)
        if new.draft is None and not new.prompt.strip():
            raise Invalid("the prompt is empty", hint="say in `prompt` what is to be done, or give a `plan`")
        self._check_prompt(new.prompt)
        deadline_s = self._engine.limits.deadline_s if new.deadline_s is None else new.deadline_s
        return ev.RunCreated(
            tenant=tenant,
            prompt=new.prompt,
            deadline_s=deadline_s,
            draft=new.draft,
            approval=new.approval,
            user=new.user,
            metadata=new.metadata or {},
        )

    def _check_prompt(self, prompt: str) -> None:
        size = len(prompt.encode("utf-8", "surrogatepass"))
        if size > self._prompt_bytes_max:
            limit, setting = "the prompt's size in bytes", "RUNWRIGHT_PROMPT_BYTES_MAX"
            raise LimitReached(limit, size, self._prompt_bytes_max, setting=setting)

    async def _control(self, tenant: Tenant, run_id: RunId, facts: Callable[[Run], list[Fact]]) -> Run:
        # as with a creation: what is on record must reach the drive, whoever goes away
        return await asyncio.shield(self._add(tenant, run_id, facts))

    async def _add(self, tenant: Tenant, run_id: RunId, facts: Callable[[Run], list[Fact]]) -> Run:
        now_s = round(self._engine.now_s(), 3)
        after: list[Run] = []

        def added(history: History) -> tuple[Sequence[Record], RunRow]:
            run = _folded(history)
            events = []
            for fact in facts(run):
                event = Event(run.seq + 1, max(now_s, run.created_at_s), fact)
                run = evolve(run, event)
                events.append((fact.type, encode(run_id, event)))
            after[:] = [run]
            return chained(history.tip, events)[0], row_of(run)

        await self._engine.journal.control(tenant, run_id, added)
        run = after[0]
        if not run.is_over or self._worker.drive_of(run_id):
            self._worker.wake(run_id)
        self._engine.feed.publish(run_id)
        return run

    async def _item(self, row: RunRow) -> bytes:
        try:
            return msgspec.json.encode(summary(await self.run(row.tenant, row.run_id)))
        except RunCorrupt:
            return _corrupt(row)


def _corrupt(row: RunRow) -> bytes:
    """What a list shows of a run whose journal is damaged: what its row still knows."""
    shown = {
        "run_id": row.run_id,
        "tenant": row.tenant,
        "prompt": row.prompt,
        "status": "corrupt",
        "created_at": timestamp(row.created_at_s),
        "error": {"code": "run_corrupt", "message": "the run's journal is damaged"},
    }
    return msgspec.json.encode(shown)


def _folded(history: History) -> Run:
    try:
        return fold(history.run_id, verified(history.records, EMPTY, history.tip))
    except IllegalTransition as error:
        raise RunCorrupt(f"the run's journal tells an impossible story: {error.message}") from error
