"""Which answers the audit trail is told of."""

from __future__ import annotations

import time

from starlette.types import Scope

from runwright.core.audit import DONE, AuditEntry, AuditWhat
from runwright.http.access import NOBODY, Need
from runwright.http.reading import ID
from runwright.runtime.audit_trail import AuditTrail

_REFUSED: dict[str, AuditWhat] = {
    "unauthorized": "key.refused",
    "too_many_wrong_keys": "key.refused",
    "scope_missing": "scope.refused",
    "forbidden": "origin.refused",
    "rate_limited": "rate.refused",
}


def note(trail: AuditTrail, scope: Scope, status: int) -> None:
    """Tell the trail of a request that was answered, if it is of interest: refused, or one that decides.

    scope   holds who was let in, and the code of the problem, as far as the request came
    """
    need: Need | None = scope.get("need")
    problem: str | None = scope.get("problem")
    what = _REFUSED.get(problem or "") or (need.audited if need is not None else None)
    if what is None:
        return
    access = scope.get("access") or NOBODY
    parts = scope["path"].split("/")
    subject = parts[4] if len(parts) > 4 and ID.fullmatch(parts[4]) else None
    trail.note(
        AuditEntry(
            at_s=time.time(),
            what=what,
            result=DONE if status < 400 else problem or str(status),
            tenant=None if access is NOBODY else access.tenant,
            key_id=access.key_id,
            address=(scope.get("client") or (None,))[0],
            request_id=scope["request_id"],
            subject=subject,
        )
    )
