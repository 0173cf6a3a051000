"""One run, driven from where its journal stands to its end.

The loop of `Drive.drive` is the whole story: record what has happened together with what is to happen
next, in one append; then do it; then wait. Nothing is done before its intent is durable, and nothing is
believed before it is recorded. What is to happen is decided by `core.decide` alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from runwright.core import events as ev
from runwright.core.codec import Record, Tip, chained, verified
from runwright.core.decide import decide
from runwright.core.early import event_of_early
from runwright.core.errors import ClaimLost, StaleAppend
from runwright.core.events import Event
from runwright.core.outcome import Interrupted, Outcome, Succeeded, bounded, event_of, put_back
from runwright.core.recover import recover
from runwright.core.run import fold
from runwright.core.snapshot import Snapshot
from runwright.core.state import Run
from runwright.core.turn import (
    CallTool,
    Command,
    ForgetStep,
    InterruptPlanning,
    InterruptStep,
    MakePlan,
    Turn,
)
from runwright.crash_points import crash_here
from runwright.ports import Page
from runwright.runtime.alarm import Alarm, Hearers
from runwright.runtime.calls import Calls, Progress
from runwright.runtime.engine import Engine
from runwright.runtime.patience import patiently
from runwright.runtime.planned import (
    PLAN_FACTS,
    PlanFact,
    evolved,
    make_plan,
    plan_request,
    planned_at_once,
)
from runwright.runtime.rows import row_of, shows_more

News: TypeAlias = Outcome | PlanFact
SHUTTING_DOWN = "the server is shutting down"


class Drive:
    """One run being driven by this process, under one epoch."""

    def __init__(self, engine: Engine, run: Run, epoch: int, tip: Tip, run_bytes: int, tenure: int) -> None:
        self._engine, self.run, self._epoch, self._tip = engine, run, epoch, tip
        self._run_bytes, self._tenure = run_bytes, tenure
        self._loop, self._alarm, self._hearers = asyncio.get_running_loop(), Alarm(), Hearers()
        # a jump of the wall clock must not move deadlines and retries of a run in hand
        self._offset_s = engine.now_s() - time.monotonic()
        self._news: list[News] = []
        self._calls = Calls(engine, self._now_s, self._tell, self)
        self.recording = False  # the journal may know more of the run than `run` does
        self._planning: asyncio.Task[None] | None = None
        self._moved = self._releasing = self._cutting = self._is_lost = False

    async def drive(self, first: Turn | None = None, commands: Sequence[Command] = ()) -> Run:
        """Return the run once it is over, once it waits for a person, or once it was released.

        first     a turn to record before anything else (a recovery)
        commands  of a turn that is on record already (a creation)
        Raises    ClaimLost when another worker has taken the run over
        """
        try:
            self._perform(commands)
            while not self._ended():
                if self._is_lost:
                    raise ClaimLost(self._epoch)
                if self._moved:
                    await self._reread()
                    first = first and self._recovered()
                seen = len(self._news)
                turn = first or self._turn()
                if turn.run.planning:
                    turn = await planned_at_once(self._engine, turn, self._now_s, self._run_bytes)
                if turn.events and not await self._record(turn):
                    continue
                first = None
                del self._news[:seen]  # on record now, or of no consequence
                self._perform(turn.commands)
                if not self._moved:
                    self._hearers.tell()
                if not (self._news or self._moved or self._ended()):
                    await self._alarm.rung(turn.wake_at_s, self._now_s)
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

    def heard(self) -> asyncio.Future[None]:
        """Return what is done once everything that is in the journal now has been acted upon."""
        return self._hearers.add()

    def release(self, *, cut: bool) -> None:
        """Start nothing more and let go once the tools at work have ended; `cut` ends them now."""
        self._releasing, self._cutting = True, cut
        if cut:
            self._calls.cut_all(SHUTTING_DOWN)
        self._alarm.ring()

    def _ended(self) -> bool:
        """Whether there is nothing left to do here and now."""
        released = self._releasing and not self._calls and not self._news
        return self.run.is_over or self.run.awaits_person or released

    @property
    def is_quick(self) -> bool:
        """Whether no tool at work has taken its time so far."""
        return self._calls.are_quick

    @property
    def progress(self) -> Mapping[int, Progress]:
        """Return what the tools at work say of themselves, by step number."""
        return self._calls.progress

    def _now_s(self) -> float:
        return round(time.monotonic() + self._offset_s, 3)

    def _turn(self) -> Turn:
        """What the news so far make of the run, and what follows from it."""
        run, now_s, engine = self.run, self._now_s(), self._engine
        events: list[Event] = []
        for news in self._news:
            event = self._event(run, news, now_s)
            if event is not None:
                run, event = evolved(run, event)
                events.append(event)
        if self._releasing:
            return Turn(run, tuple(events), (), None)
        return decide(run, now_s, engine.registry, engine.limits, self._run_bytes, events)

    def _event(self, run: Run, news: News, now_s: float) -> Event | None:
        if isinstance(news, PLAN_FACTS):
            number = news.step.step_number if isinstance(news, ev.PlanStepProposed) else None
            return Event(run.seq + 1, now_s, news, number) if run.planning else None
        if run.graph is None or run.status == "planning":
            return self._early_event(run, news, now_s)
        step = run.graph.steps[news.step_number - 1]
        contract = self._engine.registry.find(step.tool_name, step.tool_version)
        assert contract is not None
        if self._releasing and isinstance(news, Interrupted):
            if contract.spec.effects != "unsafe":
                return None  # the next worker calls it again, with the same key
            if not (news.began or run.cancelling):
                return put_back(run, news, now_s)
        if isinstance(news, Succeeded):
            news = bounded(news, self._engine.limits.output_bytes_max)
        return event_of(run, news, contract.spec, now_s, self._engine.jitter())

    def _early_event(self, run: Run, news: Outcome, now_s: float) -> Event | None:
        """The event of a call that began before its plan was accepted."""
        if self._releasing and isinstance(news, Interrupted):
            return None  # the next worker discards it
        if isinstance(news, Succeeded):
            news = bounded(news, self._engine.limits.output_bytes_max)
        return event_of_early(run, news, now_s)

    async def _record(self, turn: Turn) -> bool:
        """Append a turn's events; False when the journal had moved on, and nothing was written."""
        run_id = self.run.run_id
        records, tip = chained(run_id, self._tip, turn.events)
        row = row_of(turn.run) if shows_more(self.run, turn.run) else None
        journal = self._engine.journal
        crash_here("append.before", records)
        begun_s = time.monotonic()
        self.recording = True
        try:
            await patiently(run_id, journal.append, run_id, self._epoch, self._tip, records, row)
        except StaleAppend:
            self._moved = True
            if not await self._holds(records):
                return False
        finally:
            self.recording = False
        self.run, self._tip = turn.run, tip
        crash_here("append.after_commit", records)
        self._run_bytes += sum([len(record.body) for record in records])
        self._engine.observe(turn.run, turn.events, time.monotonic() - begun_s)
        self._engine.feed.publish(run_id)
        if self._engine.snapshots is not None:
            self._engine.snapshots.keep(Snapshot(self.run, tip))
        crash_here("append.after_publish", records)
        return True

    @property
    def is_sure(self) -> bool:
        """Whether no other worker can have taken the run over, nor can in the next moments."""
        return self._tenure == self._engine.dispatcher.tenure

    async def assured(self) -> None:
        """Return once the run is known to be this worker's, and all that is in its journal was acted upon.

        It is cancelled, with whatever waits for it, when another worker has taken the run over.
        """
        tenure = await patiently(self.run.run_id, self._engine.dispatcher.hold, self.run.run_id, self._epoch)
        if tenure is None:
            self._is_lost = True
        else:
            self._tenure = tenure
        self.notice()  # a cancel may have come meanwhile
        await self.heard()

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
        events = verified(page.records, self._tip, page.tip, self.run.run_id)
        self.run, self._tip = fold(self.run.run_id, events, self.run), page.tip
        self._run_bytes += sum(len(record.body) for record in page.records)

    async def _page(self, limit: int | None) -> Page:
        run, journal = self.run, self._engine.journal
        return await patiently(run.run_id, journal.page, run.tenant, run.run_id, self._tip.seq, limit)

    def _recovered(self) -> Turn | None:
        """The recovery once more, of a journal that somebody has added to since it was claimed."""
        engine = self._engine
        turn = recover(self.run, self._now_s(), engine.registry, engine.limits, self._run_bytes)
        return turn if turn.events else None

    def _perform(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case CallTool():
                    self._calls.start(self.run, command)
                    if self._cutting:  # recorded before the end was known; the next process makes it undone
                        self._calls.cut(command.step_number, SHUTTING_DOWN)
                case MakePlan():
                    self._plan()
                case InterruptStep():
                    self._calls.cut(command.step_number, command.reason)
                case ForgetStep():
                    self._calls.forget(command.step_number)
                    self._news = [
                        news for news in self._news if not _is_outcome_of(news, command.step_number)
                    ]
                case InterruptPlanning():
                    if self._planning is not None:
                        self._planning.cancel()

    def _plan(self) -> None:
        request = plan_request(self.run)
        self._planning = self._loop.create_task(make_plan(self._engine.planner, request, self._tell))

    def _tell(self, news: News) -> None:
        self._news.append(news)
        self._alarm.ring()

    def _let_go(self) -> None:
        """Leave nothing behind: no timer, no planner, no tool that could still speak for this run."""
        self._alarm.stop()
        self._hearers.tell()
        if self._planning is not None:
            self._planning.cancel()
        self._calls.abandon()


def _is_outcome_of(news: News, step_number: int) -> bool:
    return not isinstance(news, PLAN_FACTS) and news.step_number == step_number
