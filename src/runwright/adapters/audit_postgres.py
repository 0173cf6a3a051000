"""The audit trail in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence

from runwright.adapters.postgres import Database
from runwright.audit_port import KEPT_DAYS_MIN
from runwright.core.audit import Audited, AuditEntry, AuditFilter

_COLUMNS = "at, what, result, tenant, key_id, who, address, request_id, subject, times"
_ADD = f"""
INSERT INTO audit ({_COLUMNS})
SELECT {_COLUMNS} FROM unnest($1::double precision[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::int[]) WITH ORDINALITY AS told ({_COLUMNS}, number)
ORDER BY number"""  # noqa: S608  # own names
_PAGE = f"""
SELECT audit_id, {_COLUMNS} FROM audit
WHERE ($1::bigint IS NULL OR audit_id < $1) AND ($2::double precision IS NULL OR at >= $2)
  AND ($3::text IS NULL OR tenant = $3) AND ($4::text IS NULL OR what = $4)
ORDER BY audit_id DESC LIMIT $5"""  # noqa: S608
_FORGET = f"""
DELETE FROM audit WHERE audit_id IN (
    SELECT audit_id FROM audit
    WHERE at < least($1, extract(epoch FROM now()) - {KEPT_DAYS_MIN} * 86400 - 1) ORDER BY at LIMIT $2
) RETURNING 1"""  # noqa: S608


class PostgresAudit:
    """`Audit` on a database that several processes share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            await self._database.rows(_ADD, *(list(column) for column in zip(*entries, strict=True)))

    async def page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[Audited]:
        rows = await self._database.rows(_PAGE, before, *wanted, limit)
        return [Audited(row[0], AuditEntry(*row[1:])) for row in rows]

    async def forget(self, before_s: float, limit: int) -> int:
        return len(await self._database.rows(_FORGET, before_s, limit))
