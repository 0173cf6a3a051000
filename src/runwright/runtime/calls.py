"""The tools at work for one run: started, timed, cut off, and heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from runwright.core.ids import RunId, Tenant, idempotency_key
from runwright.core.outcome import Outcome, Succeeded
from runwright.core.refusal import one_line
from runwright.core.state import Run
from runwright.core.tool import ToolContext
from runwright.core.trace import attempt_span
from runwright.core.turn import CallTool
from runwright.crash_points import crash_here
from runwright.runtime.engine import Engine
from runwright.runtime.perform import Call, Hold, Tell

QUICK_S = 0.01  # a call that takes longer is no matter of moments
_EARLY_S = 0.001  # timers of the loop may go off a little early


class Progress(NamedTuple):
    """How far a tool says it is: a fraction of 1, and a short text."""

    fraction: float
    text: str


class Calls:
    """The calls of one run that have not ended, by step number.

    clock      epoch seconds; does not jump
    tell       hears every outcome, once
    hold       is asked before each call whether the run is still this worker's
    progress   what the tools at work say of themselves, by step number
    """

    def __init__(self, engine: Engine, clock: Callable[[], float], tell: Tell, hold: Hold) -> None:
        self._engine, self._clock, self._tell, self._hold = engine, clock, tell, hold
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, Call] = {}
        self.progress: dict[int, Progress] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_at_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def are_quick(self) -> bool:
        """Whether no tool at work has taken its time so far."""
        return all(call.age_s() < QUICK_S for call in self._calls.values())

    def start(self, run: Run, command: CallTool) -> None:
        """Call the tool of a step."""
        spec = command.contract.spec
        tool = self._engine.registry.callable_for(spec.name, spec.version)
        self._calls[command.step_number] = Call(
            tool,
            command,
            run,
            partial(self._context, run, command, is_sync=not tool.is_async),
            engine=self._engine,
            hold=self._hold,
            watch=self._watch,
            tell=partial(self._ended, run.tenant),
        )

    def cut(self, step_number: int, reason: str) -> None:
        """Cut off the tool of a step, if it is at work."""
        if call := self._calls.get(step_number):
            call.cut(reason)
            crash_here("step.after_interrupt")

    def forget(self, step_number: int) -> None:
        """Cut off the tool of a step, if it is at work, and hear no more of it."""
        self.progress.pop(step_number, None)
        if call := self._calls.pop(step_number, None):
            call.abandon()

    def cut_all(self, reason: str) -> None:
        """Cut off every tool at work."""
        for call in tuple(self._calls.values()):
            call.cut(reason)

    def abandon(self) -> None:
        """Cut off every tool at work and hear no more of it."""
        if self._timer is not None:
            self._timer.cancel()
        for call in self._calls.values():
            call.abandon()
        self._calls.clear()

    def _context(self, run: Run, command: CallTool, *, is_sync: bool) -> ToolContext:
        """What a tool is told that is about to be called."""
        number, timeout_s = command.step_number, command.contract.spec.timeout_s
        plan_id = run.draft_id if run.plan is None else run.plan.plan_id
        assert plan_id is not None, "a step is called for a plan"
        key = idempotency_key(run.run_id, plan_id, number)
        traceparent = None if run.trace is None else run.trace.traceparent
        if run.trace is not None and run.trace.sampled:  # else the attempt has no span that could be named
            traceparent = run.trace.naming(attempt_span(run.run_id, plan_id, number, command.attempt))
        deadline_s = min(run.deadline_at_s, self._clock() + timeout_s)
        return ToolContext(
            run_id=run.run_id,
            step_number=number,
            attempt=command.attempt,
            idempotency_key=key,
            tenant=run.tenant,
            deadline_s=deadline_s,
            report_progress=partial(self._report, run.run_id, number),
            http=self._engine.http(key, deadline_s, is_sync, traceparent),
            traceparent=traceparent,
        )

    def _report(self, run_id: RunId, step_number: int, fraction: float, text: str) -> None:
        """Take a tool's word on how far it is, from whichever thread; it is shown and not recorded."""
        progress = Progress(min(1.0, max(0.0, float(fraction))), one_line(str(text)))
        self._loop.call_soon_threadsafe(self._show, run_id, step_number, progress)

    def _show(self, run_id: RunId, step_number: int, progress: Progress) -> None:
        if step_number in self._calls:
            self.progress[step_number] = progress
            self._engine.feed.publish(run_id)

    def _ended(self, tenant: Tenant, outcome: Outcome) -> None:
        crash_here("step.after_call")
        self.progress.pop(outcome.step_number, None)
        spec = self._calls.pop(outcome.step_number).spec
        ok = isinstance(outcome, Succeeded)
        self._engine.registry.observe(tenant, spec.name, ok, outcome.duration_ms, self._engine.now_s())
        self._tell(outcome)

    def _watch(self, late_at_s: float) -> None:
        """See to it that calls are looked at when one is late.

        A look that comes too early costs little; a timer for every call, mostly to be cancelled, costs more.
        """
        if self._timer is None or late_at_s < self._look_at_s:
            if self._timer is not None:
                self._timer.cancel()
            self._look_at_s = late_at_s
            self._timer = self._loop.call_at(late_at_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = self._loop.time() + _EARLY_S
        for call in tuple(self._calls.values()):
            if call.late_at_s <= now_s:
                call.cut("timeout")
            elif not call.is_cut:
                self._watch(call.late_at_s)
