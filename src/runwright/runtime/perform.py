"""One command becomes one outcome: the only place that runs foreign code, a tool's or a planner's.

A call is a task of its own with a time of its own, which counts from when the tool begins. Whatever a
tool does, exactly one outcome is told: its result, its failure, or that it was cut off. A tool that
ignores being cut off is killed after a grace period when it has a process of its own, and is else left
behind and can no longer say anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, assert_never

import msgspec

from runwright.core.declare import DeclaredTool, encode_output
from runwright.core.events import RunError
from runwright.core.outcome import (
    HAS_ACTED,
    NOBODY_KNOWS,
    Failed,
    Interrupted,
    Outcome,
    Succeeded,
    TimedOut,
    too_large,
)
from runwright.core.refusal import Refusal, one_line, refusal_of
from runwright.core.state import Run
from runwright.core.tool import ToolContext
from runwright.core.turn import CallTool
from runwright.crash_points import crash_here
from runwright.log import AT_WORK, Log
from runwright.runtime.engine import Engine
from runwright.runtime.processes import Answer, Gone, Raised, Returned, TooLarge
from runwright.runtime.threads import NeverBegan

log = Log("runwright.runtime")

NEVER_S = float("inf")
KILL_S = 10.0  # what the system may take to end a killed process
_FULL = {
    "thread": ", before a thread was free (tool_threads_max)",
    "process": ", while no process was free (tool_processes_max)",
}

Tell: TypeAlias = Callable[[Outcome], None]


class Hold(Protocol):
    """A worker's hold on a run."""

    @property
    def is_sure(self) -> bool:
        """Whether no other worker can have taken the run over."""

    async def assured(self) -> None:
        """Return once it is sure again, and nothing speaks against going on; never when it is lost."""


class Doubt(Exception):
    """Another worker may have called the tool."""


class Call:
    """A tool at work on one attempt of one step.

    hold        on the run, asked when the tool is about to be called
    context     makes what the tool is told, when it is about to be called
    watch       hears when the tool will be late, on the clock of the loop
    late_at_s   that time; never before the tool begins
    """

    def __init__(
        self,
        tool: DeclaredTool,
        command: CallTool,
        run: Run,
        context: Callable[[], ToolContext],
        *,
        engine: Engine,
        hold: Hold,
        watch: Callable[[float], None],
        tell: Tell,
    ) -> None:
        self._tool, self._contract, self._input = tool, command.contract, command.tool_input
        self._number, self._run, self._context = command.step_number, run, context
        self._engine, self._hold, self._watch, self._tell = engine, hold, watch, tell
        self.spec = command.contract.spec
        self._cut: str | None = None
        self._told = self._began = self._entered = False
        self._loop = asyncio.get_running_loop()
        self._began_s = time.perf_counter()
        self._grace: asyncio.TimerHandle | None = None
        self.late_at_s = NEVER_S
        # what holds the loop is told by the name of its task
        name = f"step {self._number} of {run.run_id}: {self.spec.name}"
        self._task = self._loop.create_task(self._work(), name=name)

    def cut(self, reason: str) -> None:
        """Cut the tool off: it gets a cancellation, and `grace_s` to end."""
        if self._cut is not None or self._told:
            return
        self._cut = reason
        self._task.cancel()
        if not self._entered:  # the task ends without a word: the tool was never called
            self._end(self._cut_off())
            return
        grace_s = self._engine.grace_s
        if self.spec.isolation == "process":
            grace_s += KILL_S  # the outcome is told once nothing of the tool is left that could still act
        self._grace = self._loop.call_later(grace_s, self._leave_behind)

    def abandon(self) -> None:
        """Cut the tool off and hear no more of it."""
        self._told = True
        self._stop_grace()
        self._task.cancel()

    @property
    def is_cut(self) -> bool:
        """Whether the tool was cut off and may not have noticed."""
        return self._cut is not None

    def _begin(self) -> None:
        """The tool is about to be called: its time counts from now.

        Raises   Doubt when this process was away for so long that another one may have called it
        """
        crash_here("step.before_call")
        if not self._hold.is_sure:
            raise Doubt
        self._began, self._began_s = True, time.perf_counter()
        self.late_at_s = self._loop.time() + self.spec.timeout_s
        self._watch(self.late_at_s)

    async def _work(self) -> None:
        """Never raises: a BaseException of a tool is a failed step, not the end of the process."""
        self._entered = True
        AT_WORK.set(self._about)
        try:
            outcome = await self._answered_once()
        except asyncio.CancelledError:
            outcome = self._cut_off() if self._cut else self._failed(Refusal("the tool cancelled itself"))
        except BaseException as error:
            # what a tool raises while it is being cut off says nothing about its work
            outcome = self._cut_off() if self._cut else self._failed(refusal_of(error))
        self._end(outcome)

    async def _answered_once(self) -> Outcome:
        while True:
            try:
                return await (self._in_process() if self.spec.isolation == "process" else self._here())
            except Doubt:
                self._began = False
                log.warning("call.in_doubt", run_id=self._run.run_id, step_number=self._number)
                await self._hold.assured()

    async def _here(self) -> Outcome:
        if self.spec.isolation == "thread":
            try:
                threads, tenant = self._engine.threads, self._run.tenant
                return self._outcome(await threads.run(self._answered, self._begin, tenant))
            except NeverBegan:
                self._began = False
                raise
        self._begin()
        value = self._bound_call()
        if self._tool.is_async:
            value = await value
        return self._outcome(_kept(value))

    def _answered(self) -> Answer:
        """Call the tool; what it returns is taken apart and measured here too, and holds up nobody else.

        Raises   Doubt when the process was held up on the way to this thread
        """
        if not self._hold.is_sure:
            raise Doubt
        answer = _kept(self._bound_call())
        if isinstance(answer, Returned):
            size_bytes = len(msgspec.json.encode(answer.output))
            if size_bytes > self._engine.limits.output_bytes_max:
                return TooLarge(size_bytes)
        return answer

    def _bound_call(self) -> Any:
        ctx = self._context() if self._tool.takes_context else None
        return self._tool.bind(self._input, ctx)()

    async def _in_process(self) -> Outcome:
        limits, processes = self._engine.limits, self._engine.processes
        answer = await processes.call(
            self._tool,
            self.spec,
            self._input,
            self._context,
            tenant=self._run.tenant,
            output_bytes_max=limits.output_bytes_max,
            begin=self._begin,
        )
        return self._outcome(answer)

    def _outcome(self, answer: Answer) -> Outcome:
        match answer:
            case Returned():
                return self._finished(answer.output)
            case Raised() | Gone() if self._cut:
                return self._cut_off()
            case Raised():
                return self._failed(answer.refusal, doubt=HAS_ACTED if answer.has_acted else None)
            case TooLarge():
                most = self._engine.limits.output_bytes_max
                return too_large(self._number, answer.size_bytes, most, self._duration_ms())
            case Gone():
                doubt = NOBODY_KNOWS if self._began else None
                return self._failed(Refusal(answer.reason, answer.retryable), doubt=doubt)
            case _:
                assert_never(answer)

    def _finished(self, output: Any) -> Outcome:
        if faults := self._contract.output_faults(output):
            where = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in faults[0].path)
            message = f"the tool returned what its schema rules out: output{where} {faults[0].message}"
            return self._failed(Refusal(message), doubt=HAS_ACTED)
        return Succeeded(self._number, output, self._duration_ms())

    def _failed(self, refusal: Refusal, doubt: str | None = None) -> Failed:
        number, message = self._number, one_line(refusal.message)
        error = RunError(code="tool_failed", message=message, step_number=number, hint=refusal.hint)
        return Failed(number, error, refusal.retryable, self._duration_ms(), refusal.retry_after_s, doubt)

    def _cut_off(self) -> Outcome:
        number, spec = self._number, self.spec
        if self._cut == "timeout":
            return TimedOut(number, spec.timeout_s, self._duration_ms())
        waited = "" if self._began else _FULL.get(spec.isolation, "")
        return Interrupted(number, f"cut off: {self._cut}{waited}", self._duration_ms(), self._began)

    def _leave_behind(self) -> None:
        spec, threads = self.spec, self._engine.threads
        log.warning(
            "tool.hangs",
            tool=spec.name,
            run_id=self._run.run_id,
            step_number=self._number,
            isolation=spec.isolation,
            threads_hung=threads.hung,
            threads_max=threads.threads_max,
        )
        self._end(self._cut_off())

    def _end(self, outcome: Outcome) -> None:
        if not self._told:
            self._told = True
            self._stop_grace()
            self._tell(outcome)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()

    def _about(self) -> dict[str, Any]:
        """What is on every line that is logged while the tool is at work, also by the tool itself."""
        return {
            "run_id": self._run.run_id,
            "step_number": self._number,
            "tool": self.spec.name,
            "tenant": self._run.tenant,
            "trace_id": None if self._run.trace is None else self._run.trace.trace_id,
        }

    def age_s(self) -> float:
        """Return how long the tool has been at work, in seconds."""
        return time.perf_counter() - self._began_s

    def _duration_ms(self) -> float:
        return round(self.age_s() * 1_000, 3)


def _kept(value: Any) -> Returned | Raised:
    """What a tool returned as plain JSON, or why it cannot be kept."""
    try:
        return Returned(encode_output(value))
    except BaseException as error:
        return Raised(refusal_of(error), has_acted=True)
