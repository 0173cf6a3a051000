"""Stand-ins for what a test must have in its hand: the planner and the clock. The store is never faked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from runwright.core.events import Draft
from runwright.core.ids import PlanId
from runwright.core.plan import Plan, plan_hash
from runwright.plan_port import PlanEvent, PlanMade, PlanRequest

Scripted: TypeAlias = PlanEvent | BaseException | asyncio.Event


class ScriptedPlanner:
    """`Planner` that plays what was written for a prompt, and takes a given plan as it is, unchecked.

    scripts        by prompt: events are yielded, exceptions raised, and an asyncio.Event is waited for
    tool_version   pinned in steps of given plans that name none
    """

    def __init__(
        self, scripts: Mapping[str, Sequence[Scripted]] | None = None, *, tool_version: str = "1.0.0"
    ) -> None:
        self._scripts, self._tool_version = scripts or {}, tool_version
        self.requests: list[PlanRequest] = []

    def is_immediate(self, request: PlanRequest) -> bool:
        """Never: a script may wait."""
        return False

    async def plan(self, request: PlanRequest) -> AsyncIterator[PlanEvent]:
        self.requests.append(request)
        for part in self._scripts.get(request.prompt, ()):
            if isinstance(part, asyncio.Event):
                await part.wait()
            elif isinstance(part, BaseException):
                raise part
            else:
                yield part
        if request.prompt not in self._scripts and request.draft is not None:
            yield PlanMade(self.taken(request.draft))

    def taken(self, draft: Draft) -> Plan:
        """Return a given plan as one that was accepted."""
        steps = tuple(
            replace(step, tool_version=step.tool_version or self._tool_version) for step in draft.steps
        )
        return Plan(
            plan_id=PlanId("plan_scripted"),
            goal=draft.goal,
            steps=steps,
            source="given",
            plan_hash=plan_hash(draft.goal, steps),
        )


class ManualClock:
    """A wall clock that moves when it is told to; calling it gives epoch seconds."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Move the clock; backwards too."""
        self.now_s += seconds
