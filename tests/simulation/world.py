"""A world in which the pure core drives a run: a list as journal, a clock that jumps, tools by script.

The loop is the driver's, without I/O: record in one append, act, wait for the next thing to happen. What
tools have done stays in `calls`, outside of the process; a crash forgets everything but that and the
journal. Every append is read back at once: the fold of the bytes must be the run in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple

from runwright.core import events as ev
from runwright.core.codec import decode, encode
from runwright.core.decide import decide
from runwright.core.early import event_of_early
from runwright.core.errors import IllegalTransition
from runwright.core.events import Event, Fact, RunError
from runwright.core.ids import RunId, idempotency_key
from runwright.core.outcome import Failed, Interrupted, Outcome, Succeeded, TimedOut, event_of
from runwright.core.plan import Plan
from runwright.core.policy import Limits
from runwright.core.recover import recover
from runwright.core.run import created, evolve, fold
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
from simulation.plans import Node, Tools, draft_of, output_of, plan_of

LIMITS = Limits()
RUN_ID = RunId("run_0123456789abcdef")
BEGIN_S = 1_000.0
TURNS_MAX = 2_000
CrashPoint = Literal["before append", "after append", "after acting"]


class Crash(BaseException):
    """The process dies here."""


class Called(NamedTuple):
    """One call of a tool, as the world outside the process remembers it."""

    step_number: int
    attempt: int
    idempotency_key: str
    tool_input: dict[str, Any]
    at_s: float


class Said(NamedTuple):
    """What the planner says at once; it makes up its mind when it says it."""

    facts: Callable[[], Sequence[Fact]]


class _Flight(NamedTuple):
    lands_at_s: float
    order: int
    outcome: Outcome | Said


class World:
    """One run in its world.

    crash_at   (n, where): the process dies at the n-th append, counted from 1 over all processes
    stubborn   tools go on for this long after they were cut off, in seconds
    controls   (when, fact): what clients ask for; refused ones are kept in `refused`
    refusals   how often the planner refuses before it makes the plan
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        limits: Limits = LIMITS,
        approval: ev.Approval = "auto",
        deadline_s: float = 10_000.0,
        crash_at: Collection[tuple[int, CrashPoint]] = (),
        stubborn_s: float = 0.0,
        controls: Sequence[tuple[float, Fact]] = (),
        plan: Plan | None = None,
        planning_s: float = 1.0,
        refusals: int = 0,
        jitter: Callable[[], float] = lambda: 0.5,
        tools: Tools | None = None,
    ) -> None:
        self.nodes = {node.number: node for node in nodes}
        self.plan = plan or plan_of(nodes)
        self.limits, self.tools, self.jitter = limits, tools or Tools(), jitter
        self.now_s = BEGIN_S
        self.stubborn_s, self.planning_s, self._refusals = stubborn_s, planning_s, refusals
        self.controls = sorted(((BEGIN_S + after_s, fact) for after_s, fact in controls), key=lambda c: c[0])
        self.refused: list[Fact] = []
        self.journal: list[bytes] = []
        self.calls: list[Called] = []
        self.turns: list[tuple[Fact, ...]] = []
        self.appends = self.crashes = self.lost_calls = 0
        self._crash_at = crash_at
        self._flights: list[_Flight] = []
        self._launched = 0
        self._heard: dict[int, int] = {}
        first = ev.RunCreated(
            tenant="t", prompt="p", deadline_s=deadline_s, draft=draft_of(nodes), approval=approval
        )
        event = Event(1, self.now_s, first)
        self.run = created(RUN_ID, event)
        self.journal.append(encode(RUN_ID, event))

    @property
    def events(self) -> list[Event]:
        return [decode(body) for body in self.journal]

    def play_until(self, kind: type[Fact]) -> Run:
        """Return the run in the moment in which the first event of a kind is on record and acted upon."""
        return self.play(lambda turn: any(isinstance(event.fact, kind) for event in turn.events))

    def play(self, stop: Callable[[Turn], bool] = lambda turn: False) -> Run:
        """Return the run once it is over, or once it waits for a person; crashes are survived on the way.

        stop   the turn after which to leave it where it is
        """
        turn: Turn | None = None
        for _ in range(TURNS_MAX):
            try:
                turn = turn or self._turn()
                if turn.events:
                    self._append(turn)
                self._perform(turn.commands)
                self._die("after acting", self.appends if turn.events else 0)
            except Crash:
                turn = self._recovered()
                continue
            if self.run.is_over or stop(turn) or not self._pass_time(turn.wake_at_s):
                return self.run
            turn = None
        raise AssertionError(f"the run did not end within {TURNS_MAX} turns")

    def control(self, fact: Fact) -> None:
        """Add what a client asks for, unless the run's state refuses it."""
        event = Event(self.run.seq + 1, self.now_s, fact)
        try:
            self.run = evolve(self.run, event)
        except IllegalTransition:
            self.refused.append(fact)
        else:
            self.journal.append(encode(RUN_ID, event))

    def crash(self) -> None:
        """Lose the process and what it had in hand; the next one takes the run up."""
        self._forget()
        turn = recover(self.run, self.now_s, self.tools, self.limits)
        if turn.events:
            self._append(turn)
        self._perform(turn.commands)

    def _turn(self) -> Turn:
        landed = [flight for flight in self._flights if flight.lands_at_s <= self.now_s]
        self._flights = [flight for flight in self._flights if flight not in landed]
        run, events = self.run, []
        for flight in landed:
            for event in self._told(run, flight.outcome):
                run = evolve(run, event)
                events.append(event)
        turn = decide(run, self.now_s, self.tools, self.limits, sum(map(len, self.journal)))
        return turn._replace(events=(*events, *turn.events))

    def planned(self) -> Sequence[tuple[float, Said]]:
        """What a planner that begins now will say, and after how many seconds each."""
        return [(self.planning_s, Said(self._steps_and_verdict))]

    def _steps_and_verdict(self) -> Sequence[Fact]:
        facts: list[Fact] = [ev.PlanStepProposed(step=step) for step in self.plan.steps]
        verdict = self._verdict(self.plan)
        if isinstance(verdict, ev.PlanRefused):
            facts.append(ev.PlanModelCalled(purpose="plan", round=1, model="m", duration_ms=1.0))
        return [*facts, verdict]

    def _told(self, run: Run, outcome: Outcome | Said) -> list[Event]:
        """The events that a flight makes: steps and verdict of the planner, or the outcome of a call."""
        if isinstance(outcome, Said):
            if not run.planning:
                return []
            facts = outcome.facts()
            numbers = [
                fact.step.step_number if isinstance(fact, ev.PlanStepProposed) else None for fact in facts
            ]
            told = zip(facts, numbers, strict=True)
            return [Event(run.seq + at, self.now_s, *one) for at, one in enumerate(told, start=1)]
        contract = self.tools.find(self.nodes[outcome.step_number].effects, None)
        assert contract is not None
        self._heard[outcome.step_number] = self._heard.get(outcome.step_number, 0) + 1
        if run.status == "planning":
            early = event_of_early(run, outcome, self.now_s)
            return [] if early is None else [early]
        return [event_of(run, outcome, contract.spec, self.now_s, self.jitter())]

    def _verdict(self, plan: Plan) -> ev.PlanAccepted | ev.PlanRefused:
        if not self._refusals:
            return ev.PlanAccepted(plan=plan)
        self._refusals -= 1
        return ev.PlanRefused(error=RunError(code="not_understood", message="what?"))

    def _append(self, turn: Turn) -> None:
        self.appends += 1
        self._die("before append", self.appends)
        bodies = [encode(RUN_ID, event) for event in turn.events]
        self.journal.extend(bodies)
        self.turns.append(tuple(event.fact for event in turn.events))
        assert fold(RUN_ID, map(decode, bodies), self.run) == turn.run
        self.run = turn.run
        if (self.appends, "after append") in self._crash_at:
            self.lost_calls += sum(isinstance(command, CallTool) for command in turn.commands)
        self._die("after append", self.appends)

    def _die(self, where: CrashPoint, append: int) -> None:
        if (append, where) in self._crash_at:
            self.crashes += 1
            raise Crash

    def _recovered(self) -> Turn | None:
        self._forget()
        turn = recover(self.run, self.now_s, self.tools, self.limits)
        return turn if turn.events else None

    def _forget(self) -> None:
        self._flights.clear()
        self._heard = {}
        heard = (ev.StepRetrying, ev.StepSucceeded, ev.StepFailed)
        for event in self.events:
            if isinstance(event.fact, heard) and event.fact.attempt and event.step_number:
                self._heard[event.step_number] = self._heard.get(event.step_number, 0) + 1
        self.run = fold(RUN_ID, self.events)

    def _perform(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case MakePlan():
                    for takes_s, said in self.planned():
                        self._launch(takes_s, said)
                case CallTool():
                    self._call(command)
                case InterruptStep():
                    self._interrupt(command.step_number)
                case ForgetStep():
                    number = command.step_number
                    self._flights = [f for f in self._flights if not _is_of(f.outcome, number)]
                case InterruptPlanning():
                    self._flights = [f for f in self._flights if not isinstance(f.outcome, Said)]

    def _call(self, command: CallTool) -> None:
        plan_id = self.run.draft_id if self.run.plan is None else self.run.plan.plan_id
        assert plan_id is not None
        number = command.step_number
        node = self.nodes[number]
        key = idempotency_key(RUN_ID, plan_id, number)
        self.calls.append(Called(number, command.attempt, key, command.tool_input, self.now_s))
        heard = self._heard.get(number, 0)
        takes_s = node.calls_s[min(heard, len(node.calls_s) - 1)]
        took_ms = takes_s * 1_000.0 + 1.0
        error = RunError(code="tool_failed", message="no", step_number=number)
        outcome: Outcome
        match node.endings[min(heard, len(node.endings) - 1)]:
            case "ok":
                outcome = Succeeded(number, output_of(node, command.tool_input), took_ms)
            case "retryable":
                outcome = Failed(number, error, True, took_ms)
            case "terminal":
                outcome = Failed(number, error, False, took_ms)
            case "timeout":
                outcome = TimedOut(number, takes_s, took_ms)
        self._launch(takes_s, outcome)

    def _launch(self, takes_s: float, outcome: Outcome | Said) -> None:
        self._launched += 1
        self._flights.append(_Flight(self.now_s + takes_s, self._launched, outcome))

    def _interrupt(self, number: int) -> None:
        """Cut a call off; a stubborn tool goes on for its time, and has its say if it ends within it."""
        kept = []
        for flight in self._flights:
            outcome, latest_s = flight.outcome, self.now_s + self.stubborn_s
            if not _is_of(outcome, number) or flight.lands_at_s <= latest_s:
                kept.append(flight)
            else:
                kept.append(_Flight(latest_s, flight.order, Interrupted(number, "cut off", 1.0)))
        self._flights = kept

    def _pass_time(self, wake_at_s: float | None) -> bool:
        """Move to the next thing that happens; False when only a person can make something happen."""
        assert wake_at_s is None or wake_at_s > self.now_s, "a timer that is due already would spin"
        times = [flight.lands_at_s for flight in self._flights]
        times += [at_s for at_s, _ in self.controls[:1]]
        times += [] if wake_at_s is None else [wake_at_s]
        if not times:
            return False
        self.now_s = max(self.now_s, min(times))
        while self.controls and self.controls[0][0] <= self.now_s:
            self.control(self.controls.pop(0)[1])
        self._flights.sort(key=lambda flight: (flight.lands_at_s, flight.order))
        return True


def _is_of(outcome: Outcome | Said, step_number: int) -> bool:
    return not isinstance(outcome, Said) and outcome.step_number == step_number
