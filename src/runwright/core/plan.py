"""The plan: frozen data that says what will be done, before anything is done.

A plan is made by a planner or given by a client; it is checked once and never changes afterwards.
The values in `tool_input` and `when` are plain JSON; references to other steps stand in its strings
(see `refs`).
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeAlias

import msgspec

from runwright.core.ids import PlanId

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
PlanSource = Literal["rules", "llm", "cache", "given"]


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One call of one tool.

    step_number   1..n, unique in its plan; steps may stand in any order
    depends_on    steps that must have ended before this one starts, beside those it references
    when          condition over outputs (API: `{left, op, right}`, `all`, `any`, `not`); false skips the step
    """

    step_number: int
    tool_name: str
    tool_input: dict[str, Any]
    tool_version: str | None = None
    depends_on: tuple[int, ...] = ()
    when: dict[str, Any] | None = None
    reasoning: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What will be done for one run.

    source_reason   why the plan is not, or not only, the model's, where one was meant to make it
    plan_hash   SHA-256 over goal and steps in canonical JSON; an approval is bound to it
    """

    plan_id: PlanId
    goal: str
    steps: tuple[Step, ...]
    source: PlanSource
    plan_hash: str
    source_reason: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One defect of a plan.

    pointer   RFC 6901, from the plan's root
    """

    code: str
    message: str
    step_number: int | None = None
    pointer: str = ""
    hint: str | None = None


_canonical = msgspec.json.Encoder(order="sorted")


def plan_hash(goal: str, steps: tuple[Step, ...]) -> str:
    """Return the SHA-256 of goal and steps, in hex; equal plans have equal hashes whoever made them."""
    return hashlib.sha256(_canonical.encode((goal, steps))).hexdigest()
