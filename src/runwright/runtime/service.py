"""The use cases: what HTTP, the command line and Python callers can ask of Runwright."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec

from runwright.core import control
from runwright.core import events as ev
from runwright.core.budget import Budget
from runwright.core.codec import EMPTY, Record, chained
from runwright.core.control import Wish
from runwright.core.decide import decide
from runwright.core.errors import Invalid, LimitReached, RunCorrupt
from runwright.core.events import Event, Resolution
from runwright.core.ids import RunId, Tenant
from runwright.core.plan import Problem, Step
from runwright.core.run import created, evolve
from runwright.core.state import Run
from runwright.core.turn import Command
from runwright.core.view import run_object, summary
from runwright.crash_points import crash_here
from runwright.plan_port import PlanMade, PlanRequest
from runwright.ports import History, IdempotencyKey, RunFilter, RunRow
from runwright.runtime.calls import QUICK_S
from runwright.runtime.channel import LOOK_AGAIN_S
from runwright.runtime.engine import Engine
from runwright.runtime.estimate import NOTHING, estimate
from runwright.runtime.planned import planned_at_once, verdict_on
from runwright.runtime.reading import Reads, folded
from runwright.runtime.requests import ClientKey, Listing, NewRun, Planned, Submitted, check_new
from runwright.runtime.rows import corrupt_item, row_of
from runwright.runtime.worker import Worker

HEARD_S_MAX = 1.0  # how long the answer to a control waits for the drive to act on it


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
        budget: Budget,
        deadline_s_max: float,
        waiting_runs_max: int,
        page_bytes_max: int,
    ) -> None:
        self._engine, self._worker, self._new_run_id = engine, worker, new_run_id
        self._reads = Reads(engine.journal, engine.snapshots)
        self._check, self._budget, self._deadline_s_max = check, budget, deadline_s_max
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
        with self._worker.admission(tenant, self._waiting_runs_max) as adopted:
            return await self._begun(tenant, fact, key, adopted=adopted)

    async def _begun(
        self, tenant: Tenant, fact: ev.RunCreated, key: ClientKey | None, *, adopted: bool
    ) -> Submitted:
        engine, run_id, now_s = self._engine, self._new_run_id(), round(self._engine.now_s(), 3)
        tenure, first = engine.dispatcher.tenure, Event(1, now_s, fact)
        run = created(run_id, first)
        events: tuple[Event, ...] = (first,)
        commands: tuple[Command, ...] = ()
        if adopted:
            # the first turn rides in the same transaction: a run costs one commit less
            turn = decide(run, now_s, engine.registry, engine.limits)
            turn = await planned_at_once(engine, turn, lambda: max(now_s, round(engine.now_s(), 3)))
            run, events, commands = turn.run, (first, *turn.events), turn.commands
        records, tip = chained(run_id, EMPTY, events)
        idempotency = key and IdempotencyKey(key.key, hashlib.sha256(key.body).digest())
        worker = self._worker.name if adopted else None
        begun_s = time.monotonic()
        made = await engine.journal.create(row_of(run), records, worker=worker, key=idempotency)
        crash_here("create.after_commit")
        if not made.fresh:
            found = await self.run(tenant, made.run_id)
            return Submitted(found, here=self._worker.drive_of(made.run_id) is not None)
        engine.observe(run, events, time.monotonic() - begun_s)
        if adopted:
            size_bytes = sum(len(record.body) for record in records)
            self._worker.adopt(run, tip, size_bytes, commands, tenure)
        else:
            self._worker.wake(run_id)
        return Submitted(run, here=adopted)

    async def run(self, tenant: Tenant, run_id: RunId) -> Run:
        """Return a run as it is now.

        Raises   RunMissing, RunCorrupt
        """
        drive = self._worker.drive_of(run_id)
        if drive is not None and drive.run.tenant == tenant and not drive.recording:
            return drive.run
        return await self._reads.run(tenant, run_id)

    async def seq(self, tenant: Tenant, run_id: RunId) -> int:
        """Return the seq of a run's newest event, without reading the others.

        Raises   RunMissing, RunCorrupt
        """
        return (await self._reads.tip(tenant, run_id)).tip.seq

    async def settled(self, tenant: Tenant, run_id: RunId, within_s: float, *, quick: bool = False) -> Run:
        """Return a run once it is over or a person is asked, or as it is after `within_s` and when draining.

        quick    nor wait for room, nor for a tool that takes its time
        Raises   RunMissing, RunCorrupt
        """
        loop, worker = asyncio.get_running_loop(), self._worker
        until_s = loop.time() + within_s
        with self._engine.feed.listen(run_id) as bell:
            while (left_s := until_s - loop.time()) > 0 and not worker.draining:
                bell.clear()
                if (drive := worker.drive_of(run_id)) is not None:
                    if _is_settled(drive.run) or (quick and not drive.is_quick):
                        break
                elif quick or not worker.awaits(run_id):
                    run = await self.run(tenant, run_id)
                    if quick or _is_settled(run):
                        return run
                await bell.wait(min(left_s, QUICK_S if quick else LOOK_AGAIN_S))
        return await self.run(tenant, run_id)

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
            item = corrupt_item(row) if row.run_id in damaged else row.document or await self._item(row)
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

    async def plan(self, tenant: Tenant, prompt: str) -> Planned:
        """Return a plan for a prompt, or the problems that stand in its way, and what it takes; runs nothing.

        Raises   Invalid, LimitReached
        """
        self._check_prompt(prompt)
        request = PlanRequest(RunId("run_none"), tenant, prompt, None, self._budget)
        verdict, cost_usd = await verdict_on(self._engine.planner, request)
        if isinstance(verdict, PlanMade):
            told = estimate(tenant, verdict.plan, self._engine.registry, cost_usd)
            return Planned(verdict.plan, (), told)
        problem = Problem(code=verdict.error.code, message=verdict.error.message, hint=verdict.error.hint)
        return Planned(None, verdict.problems or (problem,), NOTHING)

    def problems(self, steps: Sequence[Step]) -> tuple[Problem, ...]:
        """Return every defect of a plan."""
        return self._check(steps)

    def _created(self, tenant: Tenant, new: NewRun) -> ev.RunCreated:
        check_new(new, self._deadline_s_max)
        if new.draft is None and not new.prompt.strip():
            raise Invalid("the prompt is empty", hint="say in `prompt` what is to be done, or give a `plan`")
        self._check_prompt(new.prompt)
        deadline_s = self._engine.limits.deadline_s if new.deadline_s is None else new.deadline_s
        budget = self._budget if new.budget is None else new.budget.filled_from(self._budget)
        return ev.RunCreated(
            tenant=tenant,
            prompt=new.prompt,
            deadline_s=deadline_s,
            draft=new.draft,
            approval=new.approval,
            user=new.user,
            metadata=new.metadata or {},
            budget=budget if budget.is_limited else None,
            traceparent=new.traceparent,
        )

    def _check_prompt(self, prompt: str) -> None:
        size = len(prompt.encode("utf-8", "surrogatepass"))
        if size > self._prompt_bytes_max:
            limit, setting = "the prompt's size in bytes", "RUNWRIGHT_PROMPT_BYTES_MAX"
            raise LimitReached(limit, size, self._prompt_bytes_max, setting=setting)

    async def _control(self, tenant: Tenant, run_id: RunId, wish: Callable[[Run], Wish]) -> Run:
        # as with a creation: what is on record must reach the drive, whoever goes away
        return await asyncio.shield(self._add(tenant, run_id, wish))

    async def _add(self, tenant: Tenant, run_id: RunId, wish: Callable[[Run], Wish]) -> Run:
        now_s = round(self._engine.now_s(), 3)
        after: list[Run] = []
        events: list[Event] = []

        def added(history: History) -> tuple[Sequence[Record], RunRow]:
            run = folded(history)
            events.clear()  # the store may ask again
            for fact, number in wish(run):
                events.append(Event(run.seq + 1, max(now_s, run.created_at_s), fact, number))
                run = evolve(run, events[-1])
            after[:] = [run]
            return chained(run_id, history.tip, events)[0], row_of(run)

        begun_s = time.monotonic()
        history = await self._engine.journal.control(tenant, run_id, added)
        crash_here("control.after_commit", history.records)
        run = after[0]
        self._engine.observe(run, events, time.monotonic() - begun_s)
        drive = self._worker.drive_of(run_id)
        if drive is not None or not run.is_over:
            self._worker.wake(run_id)
        self._engine.feed.publish(run_id)
        if drive is not None:
            # a step whose start is on record may not have begun: it begins before this answer, or never
            await asyncio.wait((drive.heard(),), timeout=HEARD_S_MAX)
        return run

    async def _item(self, row: RunRow) -> bytes:
        try:
            return msgspec.json.encode(summary(await self.run(row.tenant, row.run_id)))
        except RunCorrupt:
            return corrupt_item(row)


def _is_settled(run: Run) -> bool:
    return run.is_over or run.awaits_person
