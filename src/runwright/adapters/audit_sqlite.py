"""The audit trail in a SQLite file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import apsw

from runwright.adapters.sqlite import Reader, Writer
from runwright.audit_port import KEPT_DAYS_MIN
from runwright.core.audit import Audited, AuditEntry, AuditFilter

DAY_S = 86_400
_COLUMNS = "at, what, result, tenant, key_id, who, address, request_id, subject, times"
_ADD = f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # own names
_PAGE = f"""
SELECT audit_id, {_COLUMNS} FROM audit
WHERE (:before IS NULL OR audit_id < :before) AND (:since IS NULL OR at >= :since)
  AND (:tenant IS NULL OR tenant = :tenant) AND (:what IS NULL OR what = :what)
ORDER BY audit_id DESC LIMIT :limit"""  # noqa: S608
_FORGET = """
DELETE FROM audit WHERE audit_id IN (SELECT audit_id FROM audit WHERE at < ? ORDER BY at LIMIT ?)
RETURNING 1"""


class SqliteAudit:
    """`Audit` on one file; short writes of several processes take turns."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        rows = [tuple(entry) for entry in entries]

        def work(con: apsw.Connection) -> None:
            con.executemany(_ADD, rows).fetchall()

        await self._writer.submit(work)

    async def page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[Audited]:
        given: dict[str, Any] = {
            "before": before,
            "since": wanted.since_s,
            "tenant": wanted.tenant,
            "what": wanted.what,
            "limit": limit,
        }
        return [Audited(row[0], AuditEntry(*row[1:])) for row in self._reader.rows(_PAGE, given)]

    async def forget(self, before_s: float, limit: int) -> int:
        oldest_s = min(before_s, time.time() - KEPT_DAYS_MIN * DAY_S - 1)

        def work(con: apsw.Connection) -> int:
            return len(con.execute(_FORGET, (oldest_s, limit)).fetchall())

        return await self._writer.submit(work)
