"""One run, driven from where its journal stands to its end.

The loop of `Drive.drive` is the whole story: record what has happened together with what is to happen
next, in one append; then do it; then wait. Nothing is done before its intent is durable, and nothing is
believed before it is recorded. What is to happen is decided by `core.decide` alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from runwright.core import events as ev
from runwright.core.codec import Record, Tip, chained, encode, verified
from runwright.core.decide import (
    CallTool,
    Command,
    InterruptPlanning,
    InterruptStep,
    MakePlan,
    Turn,
    decide,
)
from runwright.core.errors import IllegalTransition, StaleAppend
from runwright.core.events import Event
from runwright.core.ids import idempotency_key
from runwright.core.outcome import Interrupted, Outcome, Succeeded, bounded, event_of
from runwright.core.recover import recover
from runwright.core.run import evolve, fold
from runwright.core.state import Run
from runwright.core.tool import ToolContext
from runwright.ports import Page, PlanRequest
from runwright.runtime.alarm import Alarm
from runwright.runtime.engine import Engine
from runwright.runtime.patience import patiently
from runwright.runtime.perform import Call, PlanFact, make_plan, no_plan, one_line
from runwright.runtime.rows import row_of

News: TypeAlias = Outcome | PlanFact
SHUTTING_DOWN = "the server is shutting down"
QUICK_S = 0.01  # a call that takes longer is no matter of moments


class Progress(NamedTuple):
    """How far a tool says it is: a fraction of 1, and a short text."""

    fraction: float
    text: str


class Drive:
    """One run being driven by this process, under one epoch."""

    def __init__(self, engine: Engine, run: Run, epoch: int, tip: Tip, run_bytes: int) -> None:
        self._engine, self.run, self._epoch, self._tip = engine, run, epoch, tip
        self._run_bytes = run_bytes
        self._loop, self._alarm = asyncio.get_running_loop(), Alarm()
        # a jump of the wall clock must not move deadlines and retries of a run in hand
        self._offset_s = engine.now_s() - time.monotonic()
        self._news: list[News] = []
        self._calls: dict[int, Call] = {}
        self.progress: dict[int, Progress] = {}
        self.recording = False  # the journal may know more of the run than `run` does
        self._planning: asyncio.Task[None] | None = None
        self._moved = False
        self._releasing = self._cutting = False

    async def drive(self, first: Turn | None = None, commands: Sequence[Command] = ()) -> Run:
        """Return the run once it is over, once it waits for a person, or once it was released.

        first     a turn to record before anything else (a recovery)
        commands  of a turn that is on record already (a creation)
        Raises    ClaimLost when another worker has taken the run over
        """
        self._perform(commands)
        try:
            while not self._ended():
                if self._moved:
                    await self._reread()
                    first = first and self._recovered()
                seen = len(self._news)
                turn = first or self._turn()
                if turn.events and not await self._record(turn):
                    continue
                first = None
                del self._news[:seen]  # on record now, or of no consequence
                self._perform(turn.commands)
                await self._wait(turn.wake_at_s)
        finally:
            self._let_go()
        return self.run

    @property
    def has_moved(self) -> bool:
        """Whether somebody else has added to the journal and this drive has not read it."""
        return self._moved

    def notice(self) -> None:
        """Look at the journal again: somebody else has added to it."""
        self._moved = True
        self._alarm.ring()

    def release(self, *, cut: bool) -> None:
        """Start nothing more and let go once the tools at work have ended; `cut` ends them now."""
        self._releasing, self._cutting = True, cut
        if cut:
            for call in self._calls.values():
                call.cut(SHUTTING_DOWN)
        self._alarm.ring()

    def _ended(self) -> bool:
        """Whether there is nothing left to do here and now."""
        released = self._releasing and not self._calls and not self._news
        return self.run.is_over or self.run.awaits_person or released

    @property
    def is_quick(self) -> bool:
        """Whether no tool at work has taken its time so far."""
        return all(call.age_s() < QUICK_S for call in self._calls.values())

    def _now_s(self) -> float:
        return round(time.monotonic() + self._offset_s, 3)

    def _turn(self) -> Turn:
        """What the news so far make of the run, and what follows from it."""
        run, now_s, events = self.run, self._now_s(), []
        for news in self._news:
            event = self._event(run, news, now_s)
            if event is not None:
                run, event = _evolved(run, event)
                events.append(event)
        if self._releasing:
            return Turn(run, tuple(events), (), None)
        turn = decide(run, now_s, self._engine.registry, self._engine.limits, self._run_bytes)
        return turn._replace(events=(*events, *turn.events)) if events else turn

    def _event(self, run: Run, news: News, now_s: float) -> Event | None:
        if isinstance(news, ev.PlanStepProposed):
            return Event(run.seq + 1, now_s, news, news.step.step_number) if run.planning else None
        if isinstance(news, ev.PlanAccepted | ev.PlanRefused):
            return Event(run.seq + 1, now_s, news) if run.planning else None
        assert run.graph is not None
        step = run.graph.steps[news.step_number - 1]
        contract = self._engine.registry.find(step.tool_name, step.tool_version)
        assert contract is not None
        if self._releasing and isinstance(news, Interrupted) and contract.spec.effects != "unsafe":
            return None  # the next worker calls it again, with the same key
        if isinstance(news, Succeeded):
            news = bounded(news, self._engine.limits.output_bytes_max)
        return event_of(run, news, contract.spec, now_s, self._engine.jitter())

    async def _record(self, turn: Turn) -> bool:
        """Append a turn's events; False when the journal had moved on, and nothing was written."""
        run_id = self.run.run_id
        bodies = [(event.fact.type, encode(run_id, event)) for event in turn.events]
        records, tip = chained(self._tip, bodies)
        row = row_of(turn.run) if _shows(self.run, turn.run) else None
        journal, tip_before = self._engine.journal, self._tip
        self.recording = True
        try:
            await patiently(run_id, lambda: journal.append(run_id, self._epoch, tip_before, records, row))
        except StaleAppend:
            self._moved = True
            if not await self._holds(records):
                return False
        finally:
            self.recording = False
        self.run, self._tip = turn.run, tip
        self._run_bytes += sum(len(body) for _, body in bodies)
        self._engine.feed.publish(run_id)
        return True

    async def _holds(self, records: Sequence[Record]) -> bool:
        """Whether the journal goes on with exactly these records: our own append, whose answer was lost.

        Its commands are then still to be carried out, and by nobody else.
        """
        page = await self._page(len(records))
        return page.records == tuple(records)

    async def _reread(self) -> None:
        """Fold what others have added: a cancel, an approval, a restart."""
        self._moved = False
        page = await self._page(None)
        events = verified(page.records, self._tip, page.tip)
        self.run, self._tip = fold(self.run.run_id, events, self.run), page.tip
        self._run_bytes += sum(len(record.body) for record in page.records)

    async def _page(self, limit: int | None) -> Page:
        run, seq, journal = self.run, self._tip.seq, self._engine.journal
        return await patiently(run.run_id, lambda: journal.page(run.tenant, run.run_id, seq, limit))

    def _recovered(self) -> Turn | None:
        """The recovery once more, of a journal that somebody has added to since it was claimed."""
        engine = self._engine
        turn = recover(self.run, self._now_s(), engine.registry, engine.limits, self._run_bytes)
        return turn if turn.events else None

    def _perform(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case CallTool():
                    self._call(command)
                case MakePlan():
                    self._plan()
                case InterruptStep():
                    if call := self._calls.get(command.step_number):
                        call.cut("the run is being stopped")
                case InterruptPlanning():
                    if self._planning is not None:
                        self._planning.cancel()

    def _plan(self) -> None:
        run, created = self.run, self.run.created
        request = PlanRequest(run.run_id, run.tenant, created.prompt, created.draft)
        self._planning = self._loop.create_task(make_plan(self._engine.planner, request, self._tell))

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
        self._calls[command.step_number] = call = Call(
            self._engine.registry.callable_for(spec.name, spec.version),
            command.contract,
            command.tool_input,
            ctx,
            timeout_s=spec.timeout_s,
            grace_s=self._engine.grace_s,
            threads=self._engine.threads,
            tell=self._outcome,
        )
        if self._cutting:  # recorded before the end was known: only the next process can make it undone
            call.cut(SHUTTING_DOWN)

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
        self._alarm.ring()

    async def _wait(self, wake_at_s: float | None) -> None:
        """Wait for an outcome, a control event, the time given, or a release, whichever is first."""
        if not (self._news or self._moved or self._ended()):
            await self._alarm.wait(wake_at_s, self._now_s())

    def _let_go(self) -> None:
        """Leave nothing behind: no timer, no planner, no tool that could still speak for this run."""
        self._alarm.stop()
        if self._planning is not None:
            self._planning.cancel()
        for call in tuple(self._calls.values()):
            call.abandon()
        self._calls.clear()


def _evolved(run: Run, event: Event) -> tuple[Run, Event]:
    """The run after an event, and the event; a plan that cannot be carried out is refused instead."""
    try:
        return evolve(run, event), event
    except IllegalTransition as error:
        if not isinstance(event.fact, ev.PlanAccepted):
            raise
        event = Event(event.seq, event.at_s, no_plan(error.message))
        return evolve(run, event), event


def _shows(before: Run, after: Run) -> bool:
    """Whether lists show something new."""
    return before.status != after.status or before.plan is not after.plan
