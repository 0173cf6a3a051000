"""The audit trail in a SQLite file keeps the contract, and the file itself refuses every change."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from runwright.adapters.audit_sqlite import SqliteAudit
from runwright.adapters.sqlite import Reader, Writer, connect, migrate
from runwright.core.audit import AuditEntry
from runwright.testing.audit_contract import AuditContract


class TestSqliteAudit(AuditContract):
    """The contract, on a file in a temporary folder."""

    @pytest.fixture
    async def audit(self, tmp_path: Path) -> AsyncIterator[SqliteAudit]:
        writer = Writer(tmp_path / "audit.db", inline_max_s=60, waiting_max=1_000)
        writer.migrate()
        reader = Reader(tmp_path / "audit.db")
        yield SqliteAudit(writer, reader)
        reader.close()
        await writer.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET result = 'ok'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE audit_id = 1",
        "INSERT OR REPLACE INTO audit (audit_id, at, what, result, times) VALUES (1, 0, 'x', 'ok', 1)",
        "INSERT INTO audit VALUES (1, 0, 'x', 'ok', '', '', '', '', '', '', 1) ON CONFLICT DO UPDATE SET at = 0",
    ],
)
def test_whoever_has_the_file_open_can_only_add(tmp_path: Path, change: str) -> None:
    """Not only our code: the database refuses the statement."""
    con = connect(tmp_path / "audit.db")
    migrate(con)
    entry = AuditEntry(time.time(), "key.refused", "unauthorized")
    con.execute("INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(entry)).fetchall()
    before = con.execute("SELECT * FROM audit").fetchall()
    with pytest.raises(apsw.ConstraintError, match="the audit table"):
        con.execute(change).fetchall()

    assert con.execute("SELECT * FROM audit").fetchall() == before
    con.close()
