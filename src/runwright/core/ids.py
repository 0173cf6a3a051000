"""Names of things, as types, so that one kind of id is never taken for another."""

from __future__ import annotations

from typing import NewType

from uuid_utils import UUID, uuid5

RunId = NewType("RunId", str)
PlanId = NewType("PlanId", str)
Tenant = NewType("Tenant", str)

DEFAULT_TENANT = Tenant("default")

_STEP_KEYS = UUID("8d1b1d3e-7d0c-5a6e-9f2b-6f0f3c1a7e55")  # our own UUIDv5 name space; never changes


def request_key(step_key: str, name: str) -> str:
    """Return the key of one of several requests of a step: the same whenever the step asks again."""
    return str(uuid5(UUID(step_key), name))


def idempotency_key(run_id: RunId, plan_id: PlanId, step_number: int) -> str:
    """Return the key of one step: the same for every attempt, restart, worker and version."""
    return str(uuid5(_STEP_KEYS, f"{run_id}/{plan_id}/{step_number}"))
