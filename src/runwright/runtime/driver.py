"""One run, driven from where its journal stands to its end.

The loop of `Drive.drive` is the whole story: record what has happened together with what is to happen
next, in one append; then do it; then wait. Nothing is done before its intent is durable, and nothing is
believed before it is recorded. What is to happen is decided by `core.decide` alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple, TypeAlias, TypeVar

import structlog

from runwright.core import events as ev
from runwright.core.codec import Tip, chained, encode, verified
from runwright.core.decide import (
    CallTool,
    Command,
    InterruptPlanning,
    InterruptStep,
    MakePlan,
    Turn,
    decide,
)
from runwright.core.errors import JournalUnavailable, StaleAppend
from runwright.core.events import Event, RunError
from runwright.core.ids import idempotency_key
from runwright.core.outcome import Interrupted, Outcome, Succeeded, bounded, event_of
from runwright.core.run import evolve, fold
from runwright.core.state import Run
from runwright.core.tool import ToolContext
from runwright.ports import PlanFailed, PlanMade, PlanRequest, StepProposed
from runwright.runtime.engine import Engine
from runwright.runtime.perform import Call, one_line
from runwright.runtime.rows import row_of

T = TypeVar("T")
log = structlog.get_logger("runwright.runtime")

PlanFact: TypeAlias = ev.PlanStepProposed | ev.PlanAccepted | ev.PlanRefused
News: TypeAlias = Outcome | PlanFact
STORE_RETRY_S = (0.05, 0.2, 0.5, 1.0, 2.0)  # waits while the store is away; the last one repeats


class Progress(NamedTuple):
    """How far a tool says it is: a fraction of 1, and a short text."""

    fraction: float
    text: str


class Drive:
    """One run being driven by this process, under one epoch."""

    def __init__(self, engine: Engine, run: Run, epoch: int, tip: Tip, run_bytes: int) -> None:
        self._engine, self.run, self._epoch, self._tip = engine, run, epoch, tip
        self._run_bytes = run_bytes
        self._loop = asyncio.get_running_loop()
        # a jump of the wall clock must not move deadlines and retries of a run in hand
        self._offset_s = engine.now_s() - time.monotonic()
        self._news: list[News] = []
        self._calls: dict[int, Call] = {}
        self.progress: dict[int, Progress] = {}
        self._planning: asyncio.Task[None] | None = None
        self._moved = False
        self._releasing = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at_s: float | None = None

    async def drive(self, first: Turn | None = None, commands: Sequence[Command] = ()) -> Run:
        """Return the run once it is over, or once it was released.

        first     a turn to record before anything else (a recovery)
        commands  of a turn that is on record already (a creation)
        Raises    ClaimLost when another worker has taken the run over
        """
        self._perform(commands)
        try:
            while not self.run.is_over and not self._released():
                if self._moved:
                    await self._reread()
                turn, first = first or self._turn(), None
                if turn.events and not await self._record(turn):
                    continue
                self._perform(turn.commands)
                await self._wait(turn.wake_at_s)
        finally:
            self._let_go()
        return self.run

    def notice(self) -> None:
        """Look at the journal again: somebody else has added to it."""
        self._moved = True
        self._wake()

    def release(self, *, cut: bool) -> None:
        """Start nothing more and let go once the tools at work have ended; `cut` ends them now."""
        self._releasing = True
        if cut:
            for call in self._calls.values():
                call.cut("the server is shutting down")
        self._wake()

    def _released(self) -> bool:
        return self._releasing and not self._calls and not self._news

    def _now_s(self) -> float:
        return round(time.monotonic() + self._offset_s, 3)

    def _turn(self) -> Turn:
        """What the news so far make of the run, and what follows from it."""
        run, now_s, events = self.run, self._now_s(), []
        told, self._news = self._news, []
        for news in told:
            event = self._event(run, news, now_s)
            if event is not None:
                run = evolve(run, event)
                events.append(event)
                self._news.append(news)  # kept until it is on record
        if self._releasing:
            return Turn(run, tuple(events), (), None)
        turn = decide(run, now_s, self._engine.registry, self._engine.limits, self._run_bytes)
        return turn._replace(events=(*events, *turn.events)) if events else turn

    def _event(self, run: Run, news: News, now_s: float) -> Event | None:
        if isinstance(news, ev.PlanStepProposed):
            return Event(run.seq + 1, now_s, news, news.step.step_number) if run.planning else None
        if isinstance(news, ev.PlanAccepted | ev.PlanRefused):
            return Event(run.seq + 1, now_s, news) if run.planning else None
        number = news.step_number
        if number not in run.running:
            return None  # recorded already, by an append whose answer was lost
        assert run.graph is not None
        step = run.graph.steps[number - 1]
        contract = self._engine.registry.find(step.tool_name, step.tool_version)
        assert contract is not None
        if self._releasing and isinstance(news, Interrupted) and contract.spec.effects != "unsafe":
            return None  # the next worker calls it again, with the same key
        if isinstance(news, Succeeded):
            news = bounded(news, self._engine.limits.output_bytes_max)
        return event_of(run, news, contract.spec, now_s, self._engine.jitter())

    async def _record(self, turn: Turn) -> bool:
        """Append a turn's events; False when the journal had moved on, and nothing was written."""
        run_id, seen = self.run.run_id, len(self._news)
        bodies = [(event.fact.type, encode(run_id, event)) for event in turn.events]
        records, tip = chained(self._tip, bodies)
        row = row_of(turn.run) if _shows(self.run, turn.run) else None
        journal, tip_before = self._engine.journal, self._tip
        try:
            await self._patiently(lambda: journal.append(run_id, self._epoch, tip_before, records, row))
        except StaleAppend:
            self._moved = True
            return False
        del self._news[:seen]
        self.run, self._tip = turn.run, tip
        self._run_bytes += sum(len(body) for _, body in bodies)
        self._engine.feed.publish(run_id)
        return True

    async def _reread(self) -> None:
        """Fold what others have added: a cancel, an approval, or our own append whose answer was lost."""
        self._moved = False
        run, journal, seq = self.run, self._engine.journal, self._tip.seq
        page = await self._patiently(lambda: journal.page(run.tenant, run.run_id, seq))
        events = verified(page.records, self._tip, page.tip)
        self.run, self._tip = fold(run.run_id, events, run), page.tip
        self._run_bytes += sum(len(record.body) for record in page.records)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers; a store that is away delays a run and never ends it."""
        for delay_s in chain(STORE_RETRY_S, repeat(STORE_RETRY_S[-1])):
            try:
                return await ask()
            except JournalUnavailable as error:
                run_id = self.run.run_id
                log.warning("journal.unavailable", run_id=run_id, error=error.message, retry_in_s=delay_s)
                await asyncio.sleep(delay_s)
        raise AssertionError("unreachable: the waits never end")

    def _perform(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case CallTool():
                    self._call(command)
                case MakePlan():
                    self._planning = self._loop.create_task(self._plan())
                case InterruptStep():
                    if call := self._calls.get(command.step_number):
                        call.cut("the run is being stopped")
                case InterruptPlanning():
                    if self._planning is not None:
                        self._planning.cancel()

    def _call(self, command: CallTool) -> None:
        run, spec = self.run, command.contract.spec
        assert run.plan is not None
        now_s = self._now_s()
        ctx = ToolContext(
            run_id=run.run_id,
            step_number=command.step_number,
            attempt=command.attempt,
            idempotency_key=idempotency_key(run.run_id, run.plan.plan_id, command.step_number),
            tenant=run.tenant,
            deadline_s=min(run.deadline_at_s, now_s + spec.timeout_s),
            report_progress=partial(self._report, command.step_number),
        )
        self._calls[command.step_number] = Call(
            self._engine.registry.callable_for(spec.name, spec.version),
            command.contract,
            command.tool_input,
            ctx,
            timeout_s=spec.timeout_s,
            grace_s=self._engine.grace_s,
            threads=self._engine.threads,
            tell=self._outcome,
        )

    def _report(self, step_number: int, fraction: float, text: str) -> None:
        """Take a tool's word on how far it is, from whichever thread; it is shown and not recorded."""
        progress = Progress(min(1.0, max(0.0, float(fraction))), one_line(str(text)))
        self._loop.call_soon_threadsafe(self._show, step_number, progress)

    def _show(self, step_number: int, progress: Progress) -> None:
        if step_number in self._calls:
            self.progress[step_number] = progress
            self._engine.feed.publish(self.run.run_id)

    def _outcome(self, outcome: Outcome) -> None:
        self.progress.pop(outcome.step_number, None)
        call = self._calls.pop(outcome.step_number)
        spec = call.contract.spec
        ok = isinstance(outcome, Succeeded)
        self._engine.registry.observe(spec.name, ok, outcome.duration_ms, self._engine.now_s())
        self._tell(outcome)

    def _tell(self, news: News) -> None:
        self._news.append(news)
        self._wake()

    async def _plan(self) -> None:
        created = self.run.created
        request = PlanRequest(self.run.run_id, self.run.tenant, created.prompt, created.draft)
        try:
            async for event in self._engine.planner.plan(request):
                match event:
                    case StepProposed():
                        self._tell(ev.PlanStepProposed(step=event.step))
                    case PlanMade():
                        self._tell(ev.PlanAccepted(plan=event.plan))
                    case PlanFailed():
                        self._tell(ev.PlanRefused(error=event.error, problems=event.problems))
        except Exception as error:  # a planner may talk to anything: its failure is the run's, not ours
            log.exception("plan.crashed", run_id=self.run.run_id)
            why = RunError(code="internal", message=one_line(f"the planner failed: {type(error).__name__}"))
            self._tell(ev.PlanRefused(error=why))

    async def _wait(self, wake_at_s: float | None) -> None:
        """Wait for an outcome, a control event, the time given, or a release, whichever is first."""
        if self._news or self._moved or self.run.is_over or self._released():
            return
        if wake_at_s != self._wake_at_s:
            if self._timer is not None:
                self._timer.cancel()
            self._wake_at_s = wake_at_s
            self._timer = None
            if wake_at_s is not None:
                delay_s = max(0.0, wake_at_s - self._now_s()) + 0.001
                self._timer = self._loop.call_later(delay_s, self._ring)
        self._waiter = self._loop.create_future()
        await self._waiter
        self._waiter = None

    def _ring(self) -> None:
        self._wake_at_s = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _let_go(self) -> None:
        """Leave nothing behind: no timer, no planner, no tool that could still speak for this run."""
        if self._timer is not None:
            self._timer.cancel()
        if self._planning is not None:
            self._planning.cancel()
        for call in tuple(self._calls.values()):
            call.abandon()
        self._calls.clear()


def _shows(before: Run, after: Run) -> bool:
    """Whether lists show something new."""
    return before.status != after.status or before.plan is not after.plan
