"""The lists of runs in a SQLite file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from runwright.adapters.archived import newest_id_at
from runwright.adapters.run_tokens import asked_tokens
from runwright.adapters.sqlite import Reader
from runwright.core.ids import RunId, Tenant
from runwright.ports import RunFilter, RunRow

_COLUMNS = """
SELECT r.run_id, r.tenant, r.status, d.prompt, r.created_at, r.started_at, r.completed_at, r.plan_hash,
       r.tools, d.document"""
_RUNS = (
    _COLUMNS
    + """
FROM runs AS r INDEXED BY {index} JOIN run_documents AS d USING (run_id)
WHERE r.tenant = :tenant AND r.run_id < :before AND r.run_id > :after{conditions}
ORDER BY r.run_id DESC LIMIT :limit"""
)
_SOME = (
    _COLUMNS
    + """
FROM json_each(:ids) AS asked CROSS JOIN runs AS r ON r.run_id = asked.value
CROSS JOIN run_documents AS d ON d.run_id = r.run_id
WHERE r.tenant = :tenant AND r.run_id < :before AND r.run_id > :after{conditions}"""
)
_CONDITIONS = {
    "status": " AND r.status = :status",
    "tool": " AND instr(r.tools, :tool) > 0",
    "since": " AND r.created_at >= :since",
    "until": " AND r.created_at <= :until",
    "text": " AND instr(iif(octet_length(d.prompt) = length(d.prompt), lower(d.prompt),"
    # a call back into Python for each row, which what is ASCII does without
    " casefold(d.prompt)), :text) > 0",
}
# The last of the newest runs that are looked at one by one.
_WALKED = """
SELECT run_id FROM runs WHERE tenant = :tenant AND run_id < :before AND run_id > :after
ORDER BY run_id DESC LIMIT 1 OFFSET :walked"""
# Those that the index does not know are in `events` still: stepping along their ids finds them.
_HOT = """
WITH RECURSIVE hot (run_id) AS (
    SELECT (SELECT run_id FROM events WHERE run_id > :after ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT run_id FROM events WHERE run_id > hot.run_id ORDER BY run_id LIMIT 1)
    FROM hot WHERE run_id < :before
)
SELECT run_id FROM hot WHERE run_id < :before"""
_FOUND = """
SELECT p.run_id FROM run_index CROSS JOIN run_positions AS p ON p.position = run_index.rowid
WHERE run_index MATCH :tokens AND p.run_id < :before AND p.run_id > :after"""
_POSITION = "SELECT position FROM run_positions WHERE run_id = ?"
_AFTER_EVERY_ID = "~"
WALKED_MAX = 100  # newest runs that are looked at before the index is asked: what is frequent is among them
AT_ONCE = 200
# How far a run's id may be from the time of its creation: a clock that was put back, for one.
SLACK_S = 3_600.0


def _listing(conditions: str) -> str:
    # both indexes would do; without figures the planner takes the wrong one where few runs have the status
    index = "runs_by_status" if ":status" in conditions else "runs_of_tenant"
    return _RUNS.format(index=index, conditions=conditions)


async def listed(
    reader: Reader, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
) -> Sequence[RunRow]:
    """Return rows of runs, newest first, older than `before`."""
    given: dict[str, Any] = {
        "status": wanted.status,
        "tool": None if wanted.tool is None else f" {wanted.tool} ",
        "since": wanted.since_s,
        "until": wanted.until_s,
        "text": wanted.text.casefold() if wanted.text else None,
    }
    bound = {name: value for name, value in given.items() if value is not None}
    conditions = "".join(_CONDITIONS[name] for name in bound)
    by_index = bound.keys() <= {"status"}
    until = _AFTER_EVERY_ID if wanted.until_s is None else newest_id_at(wanted.until_s + SLACK_S)
    since = "" if wanted.since_s is None else newest_id_at(wanted.since_s - SLACK_S - 1)
    bound |= {"tenant": tenant, "before": min(before or _AFTER_EVERY_ID, until), "after": since}
    if by_index:
        rows = reader.rows(_listing(conditions), bound | {"limit": limit})
    elif wanted.text or wanted.tool is not None:
        tokens = asked_tokens(tenant, wanted.text, wanted.tool)
        rows = await reader.aside(lambda con: _searched(con, conditions, bound, tokens, limit))
    else:
        sql = _listing(conditions)
        rows = await reader.aside(lambda con: con.execute(sql, bound | {"limit": limit}).fetchall())
    return [RunRow._make((*columns[:8], tuple(columns[8].split()), columns[9])) for columns in rows]


def _searched(
    con: apsw.Connection, conditions: str, bound: dict[str, Any], tokens: list[int], limit: int
) -> list[tuple[Any, ...]]:
    """The newest rows one by one; what is not among them by the index, as far as it has been made."""
    con.execute("BEGIN")
    try:
        last: list[Any] = con.execute(_WALKED, _of(_WALKED, bound | {"walked": WALKED_MAX})).fetchall()
        walk = bound | ({"after": max(bound["after"], last[0][0])} if last else {})
        rows: list[tuple[Any, ...]] = con.execute(_listing(conditions), walk | {"limit": limit}).fetchall()
        if not last or len(rows) >= limit:
            return rows
        rest = bound | {"before": min(bound["before"], last[0][0] + "~")}
        asked = rest | {"tokens": " AND ".join(f'"{_word(token)}"' for token in tokens)}
        found = {row[0] for row in con.execute(_FOUND, _of(_FOUND, asked))}
        found |= {row[0] for row in con.execute(_HOT, _of(_HOT, asked))}
        ids = sorted(found, reverse=True)
        for at in range(0, len(ids), AT_ONCE):
            some = _SOME.format(conditions=conditions)
            given = rest | {"ids": json.dumps(ids[at : at + AT_ONCE])}
            rows += sorted(con.execute(some, given).fetchall(), reverse=True)
            if len(rows) >= limit:
                return rows[:limit]
        return rows
    finally:
        con.execute("COMMIT")


def _of(sql: str, bound: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bound.items() if f":{name}" in sql}


def _word(token: int) -> str:
    return f"{token & 0xFFFFFFFF:08x}"


def put_in_index(con: apsw.Connection, run_id: RunId, tokens: Sequence[int]) -> None:
    """Let a run be found by its tokens, and by no others that it had."""
    drop_from_index(con, run_id)
    con.execute("INSERT INTO run_positions (run_id) VALUES (?)", (run_id,))
    words = " ".join(map(_word, tokens))
    con.execute("INSERT INTO run_index (rowid, tokens) VALUES (?, ?)", (con.last_insert_rowid(), words))


def drop_from_index(con: apsw.Connection, run_id: RunId) -> None:
    """Let a run not be found any more."""
    for (position,) in con.execute(_POSITION, (run_id,)).fetchall():
        con.execute("DELETE FROM run_index WHERE rowid = ?", (position,))
        con.execute("DELETE FROM run_positions WHERE position = ?", (position,))
