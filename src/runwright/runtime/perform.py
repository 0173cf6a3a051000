"""One command becomes one outcome: the only place that runs foreign code, a tool's or a planner's.

A call is a task of its own with a time of its own. Whatever a tool does, exactly one outcome is told:
its result, its failure, or that it was cut off. A tool that ignores being cut off is left behind after
a grace period and can no longer say anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio.to_thread
import structlog
from anyio import CapacityLimiter

from runwright.core import events as ev
from runwright.core.declare import DeclaredTool, encode_output
from runwright.core.errors import RunwrightError, ToolRetryable
from runwright.core.events import RunError
from runwright.core.outcome import Failed, Interrupted, Outcome, Succeeded, TimedOut
from runwright.core.tool import ToolContext, ToolContract
from runwright.ports import PlanFailed, PlanMade, Planner, PlanRequest, StepProposed

log = structlog.get_logger("runwright.runtime")

MESSAGE_CHARACTERS_MAX = 500

PlanFact: TypeAlias = ev.PlanStepProposed | ev.PlanAccepted | ev.PlanRefused
Tell: TypeAlias = Callable[[Outcome], None]
TellPlan: TypeAlias = Callable[[PlanFact], None]


class Call:
    """A tool at work on one attempt of one step."""

    def __init__(
        self,
        tool: DeclaredTool,
        contract: ToolContract,
        tool_input: dict[str, Any],
        ctx: ToolContext,
        *,
        timeout_s: float,
        grace_s: float,
        threads: CapacityLimiter,
        tell: Tell,
    ) -> None:
        self._tool, self.contract, self._input, self._ctx = tool, contract, tool_input, ctx
        self._timeout_s, self._grace_s, self._threads, self._tell = timeout_s, grace_s, threads, tell
        self._cut: str | None = None
        self._told = False
        self._loop = asyncio.get_running_loop()
        self._began_s = time.perf_counter()
        self._timer = self._loop.call_later(timeout_s, self.cut, "timeout")
        self.task = self._loop.create_task(self._work())
        self.task.add_done_callback(self._over)

    def cut(self, reason: str) -> None:
        """Cut the tool off: it gets a cancellation, and `grace_s` to end."""
        if self._cut is not None or self._told:
            return
        self._cut = reason
        self._timer.cancel()
        self._timer = self._loop.call_later(self._grace_s, self._end, self._cut_off())
        self.task.cancel()

    def abandon(self) -> None:
        """Cut the tool off and hear no more of it."""
        self._told = True
        self._timer.cancel()
        self.task.cancel()

    async def _work(self) -> None:
        """Never raises: a BaseException of a tool is a failed step, not the end of the process."""
        try:
            outcome = self._finished(await self._called())
        except asyncio.CancelledError:
            outcome = self._cut_off() if self._cut else self._failed("the tool cancelled itself")
        except BaseException as error:
            # what a tool raises while it is being cut off says nothing about its work
            outcome = self._cut_off() if self._cut else self._refused(error)
        self._end(outcome)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Tell the outcome of a task that could not: cut off before its first step, it never ran."""
        broken = None if task.cancelled() else task.exception()
        if not self._told:
            self._end(self._failed(type(broken).__name__) if broken else self._cut_off())

    async def _called(self) -> Any:
        call = self._tool.bind(self._input, self._ctx)
        if self.contract.spec.isolation == "thread":
            return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._threads)
        value = call()
        return await value if self._tool.is_async else value

    def _finished(self, value: Any) -> Outcome:
        output = encode_output(value)
        if faults := self.contract.output_faults(output):
            where = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in faults[0].path)
            return self._failed(
                f"the tool returned what its schema rules out: output{where} {faults[0].message}"
            )
        return Succeeded(self._ctx.step_number, output, self._duration_ms())

    def _refused(self, error: BaseException) -> Outcome:
        retryable = isinstance(error, ToolRetryable | ConnectionError | TimeoutError)
        after_s = error.retry_after_s if isinstance(error, ToolRetryable) else None
        hint = error.hint if isinstance(error, RunwrightError) else None
        return self._failed(
            _said(error),
            retryable,
            after_s if isinstance(after_s, int | float) else None,
            one_line(hint) if isinstance(hint, str) else None,
        )

    def _failed(
        self, message: str, retryable: bool = False, after_s: float | None = None, hint: str | None = None
    ) -> Failed:
        number = self._ctx.step_number
        error = RunError(code="tool_failed", message=one_line(message), step_number=number, hint=hint)
        return Failed(number, error, retryable, self._duration_ms(), after_s)

    def _cut_off(self) -> Outcome:
        number = self._ctx.step_number
        if self._cut == "timeout":
            return TimedOut(number, self._timeout_s, self._duration_ms())
        return Interrupted(number, f"cut off: {self._cut}", self._duration_ms())

    def _end(self, outcome: Outcome) -> None:
        if not self._told:
            self._told = True
            self._timer.cancel()
            self._tell(outcome)

    def age_s(self) -> float:
        """Return how long the tool has been at work, in seconds."""
        return time.perf_counter() - self._began_s

    def _duration_ms(self) -> float:
        return round(self.age_s() * 1_000, 3)


async def make_plan(planner: Planner, request: PlanRequest, tell: TellPlan) -> None:
    """Tell what a planner says, and a refusal in its stead when it ends without a verdict."""
    why, settled = "it ended without a verdict", False
    try:
        async for event in planner.plan(request):
            match event:
                case StepProposed():
                    tell(ev.PlanStepProposed(step=event.step))
                case PlanMade():
                    tell(ev.PlanAccepted(plan=event.plan))
                    settled = True
                case PlanFailed():
                    tell(ev.PlanRefused(error=event.error, problems=event.problems))
                    settled = True
    except Exception as error:  # a planner may talk to anything: its failure is the run's, not ours
        log.exception("plan.crashed", run_id=request.run_id)
        why = type(error).__name__
    if not settled:
        tell(no_plan(why))


def no_plan(why: str) -> ev.PlanRefused:
    """Return the refusal of a run whose planner did not do its work."""
    return ev.PlanRefused(error=RunError(code="internal", message=one_line(f"the planner failed: {why}")))


def _said(error: BaseException) -> str:
    """What an exception says, whatever its author made of it."""
    name = type(error).__name__
    try:
        if isinstance(error, RunwrightError):
            return str(error.message)
        text = str(error)
    except Exception:
        return name
    return f"{name}: {text}" if text else name


def one_line(text: str) -> str:
    """Return text on one line without control characters, at most `MESSAGE_CHARACTERS_MAX` long."""
    cut = text[: MESSAGE_CHARACTERS_MAX + 1]
    line = " ".join("".join(c if c.isprintable() else " " for c in cut).split())
    return line if len(text) <= MESSAGE_CHARACTERS_MAX else line[: MESSAGE_CHARACTERS_MAX - 1] + "…"
