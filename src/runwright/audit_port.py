"""The port of the audit trail: it is added to, and nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from runwright.core.audit import Audited, AuditEntry, AuditFilter

KEPT_DAYS_MIN: Final = 30  # the database itself refuses to forget what is younger


class Audit(Protocol):
    """The entries of all tenants. All methods raise JournalUnavailable."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Store entries, in this order, all or none."""

    async def page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[Audited]:
        """Return up to `limit` entries, newest first, of those with a number below `before`."""

    async def forget(self, before_s: float, limit: int) -> int:
        """Return how many entries from before that time were let go, the oldest `limit` at most.

        What is younger than KEPT_DAYS_MIN stays, whatever is asked for.
        """
