"""The audit trail: who did what that security rests on, and what was refused."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from runwright.core.ids import Tenant

AuditWhat: TypeAlias = Literal[
    "key.created",
    "key.revoked",
    "key.refused",
    "scope.refused",
    "origin.refused",
    "rate.refused",
    "run.approved",
    "run.rejected",
    "tool.reloaded",
    "tenant.changed",
    "garbage.collected",
    "audit.overflowed",
]
AUDITED: Final[tuple[AuditWhat, ...]] = get_args(AuditWhat)
DONE: Final = "ok"


class AuditEntry(NamedTuple):
    """One thing that happened; it never holds a key, a prompt or a result.

    result      `ok`, or the code of the refusal
    key_id      of the key that it was done with
    who         the user of this computer, where it was done on the command line
    subject     what it was done to: the id of a run or a key, the name of a tool or a tenant;
                or how many runs
    times       how often it happened within a minute, by the same caller from the same address
    """

    at_s: float
    what: AuditWhat
    result: str = DONE
    tenant: Tenant | None = None
    key_id: str | None = None
    who: str | None = None
    address: str | None = None
    request_id: str | None = None
    subject: str | None = None
    times: int = 1


class AuditFilter(NamedTuple):
    """Which entries are asked for; None stands for all."""

    since_s: float | None = None
    tenant: Tenant | None = None
    what: AuditWhat | None = None


class Audited(NamedTuple):
    """An entry and its number; later entries have larger ones."""

    audit_id: int
    entry: AuditEntry
