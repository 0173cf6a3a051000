"""What is known of a run at a moment, put together from its events or from its run object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from runwright.cli.text import brief, duration
from runwright.core.codec import instant
from runwright.core.errors import RunwrightError
from runwright.core.graph import graph_of
from runwright.core.plan import Step

Json = dict[str, Any]
OVER = frozenset({"completed", "failed", "cancelled"})


@dataclass(slots=True, kw_only=True)
class StepStory:
    """One step as far as it has come.

    said      what came out of it: a glimpse of its output, or its error, on one line
    began_s   of the latest attempt, epoch seconds
    """

    number: int
    tool_name: str
    given: str
    status: str = "pending"
    attempts: int = 0
    said: str = ""
    began_s: float | None = None
    duration_ms: float | None = None


@dataclass(slots=True)
class Story:
    """A run as far as it has been told.

    before    by step number, the steps that must have ended before it starts
    """

    run_id: str
    status: str = "pending"
    source: str = ""
    steps: dict[int, StepStory] = field(default_factory=dict)
    before: dict[int, tuple[int, ...]] = field(default_factory=dict)
    problems: list[Json] = field(default_factory=list)

    def hear(self, event: Json) -> None:
        """Take in the next event of the run."""
        kind, data = event["type"], event["data"]
        if kind.startswith("step."):
            self._hear_step(kind.removeprefix("step."), event["step_number"], event, data)
        elif kind == "plan.accepted":
            self.plan(data["plan"])
        elif kind == "plan.refused":
            self.problems = data.get("problems", [])
        elif kind == "plan.started":
            self.status = "planning"
        elif kind == "run.restarted":
            self._start_again(data.get("resolve", {}))
        elif kind.startswith("run."):
            told = kind.removeprefix("run.")
            self.status = {"started": "running", "created": "pending"}.get(told, told)

    def plan(self, plan: Json) -> None:
        """Take in the plan."""
        self.source = plan.get("source", "")
        early, self.steps = self.steps, {}
        for step in plan["steps"]:
            number = step["step_number"]
            given = brief(step["tool_input"]) if step["tool_input"] else ""
            self.steps[number] = StepStory(number=number, tool_name=step["tool_name"], given=given)
            known = early.get(number)
            # what was started for another plan is told to be cancelled after this
            if known and known.tool_name == step["tool_name"] and known.status in ("running", "succeeded"):
                self.steps[number] = known
        self.before = _before(plan["steps"])

    def _hear_step(self, told: str, number: int, event: Json, data: Json) -> None:
        if number not in self.steps:  # started while the plan was being written
            self.steps[number] = StepStory(number=number, tool_name=data.get("tool_name", ""), given="")
        step = self.steps[number]
        if told == "started" and "tool_name" in data:
            step.tool_name = data["tool_name"]
        if told == "started":
            step.status, step.attempts, step.said = "running", data["attempt"], ""
            step.began_s, step.duration_ms = instant(event["at"]), None
            if resolved := data.get("tool_input"):
                step.given = brief(resolved)
            return
        step.status = told
        step.duration_ms = data.get("duration_ms")
        if told == "succeeded":
            step.said = brief(data["output"])
        elif told in ("failed", "retrying"):
            step.said = brief(data["error"]["message"], 200)
            if told == "retrying":
                wait_ms = 1_000 * max(0.0, data["retry_at_s"] - instant(event["at"]))
                step.said += f"; again in {duration(wait_ms)}"
        else:
            step.said = brief(data.get("reason", ""), 200)

    def _start_again(self, resolve: Json) -> None:
        self.status = "running"
        for step in self.steps.values():
            verdict = resolve.get(str(step.number))
            if step.status == "unknown" and verdict == "succeeded":
                step.status, step.said, step.duration_ms = "succeeded", "", None
            elif step.status in ("failed", "cancelled", "unknown", "retrying", "running"):
                step.status, step.said, step.duration_ms = "pending", "", None


def told_by(run: Json) -> Story:
    """Return the story that a run object tells; a step without an entry in the log has not ended yet."""
    story = Story(run["run_id"], run["status"])
    if run["plan"] is None:
        return story
    story.plan(run["plan"])
    for entry in run["execution_log"]:
        step = story.steps[entry["step_number"]]
        step.status, step.attempts = entry["status"], entry["attempts"]
        step.duration_ms = entry["duration_ms"]
        if entry["tool_input"]:
            step.given = brief(entry["tool_input"])
        if entry["error"] is not None:
            step.said = brief(entry["error"]["message"], 200)
        elif entry["status"] == "succeeded":
            step.said = brief(entry["output"])
    return story


def _before(steps: list[Json]) -> dict[int, tuple[int, ...]]:
    try:
        graph = graph_of(msgspec.convert(steps, tuple[Step, ...]))
    except (msgspec.ValidationError, RunwrightError):
        # a plan of a newer server: what it says openly is better than no picture
        return {step["step_number"]: tuple(step.get("depends_on", ())) for step in steps}
    return dict(enumerate(graph.before, start=1))
