"""The lists of runs in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from runwright.adapters.archived import newest_id_at
from runwright.adapters.journal_postgres_rows import PREFIX, bare, inflated, run_id_of
from runwright.adapters.postgres import Database
from runwright.adapters.run_tokens import asked_tokens
from runwright.core.errors import InvalidInput
from runwright.core.ids import RunId, Tenant
from runwright.ports import RunFilter, RunRow

_RUNS = """
SELECT r.run_id, r.status, d.prompt, r.created_at, r.started_at, r.completed_at, r.plan_hash, r.tools,
    d.document
FROM runs AS r JOIN run_documents AS d USING (run_id)
WHERE {tenant}{conditions}
ORDER BY {order} LIMIT $2"""
# A tenant between itself and itself is no constant for the planner: the order is then one that only the index
# by tenant has, and never that of all runs, along which it would walk past those of all other tenants.
_BY_TENANT = "r.tenant >= $1 AND r.tenant <= $1", "r.tenant DESC, r.run_id DESC"
_BY_STATUS = "r.tenant = $1", "r.run_id DESC"
_CONDITIONS = {
    "before": "r.run_id < ${}",
    "newest": "r.run_id <= ${}",
    "after": "r.run_id > ${}",
    "ids": "r.run_id = ANY(${}::uuid[])",
    "status": "r.status = ${}",
    "tool": "strpos(r.tools, ${}) > 0",
    "since": "r.created_at >= ${}",
    "until": "r.created_at <= ${}",
    # UTF-8 is found in UTF-8 where the text is found in the text, and nowhere else
    "text": "position(${} IN coalesce(d.folded, d.prompt)) > 0",
}
# where a page begins or ends, in the order of tenant and run
_PLACES = {
    name: f"(r.tenant, r.run_id) {sign} ($1, ${{}})"
    for name, sign in {"before": "<", "newest": "<=", "after": ">"}.items()
}
# The last of the newest runs that are looked at one by one.
WALKED = """
SELECT run_id FROM runs WHERE tenant = $1 AND run_id < $2 AND run_id > $3
ORDER BY run_id DESC OFFSET $4 LIMIT 1"""
# $1 tokens, $2 and $3 between which ids. Runs that the index does not know are in `events` still: stepping
# along their ids finds them.
FOUND = """
WITH RECURSIVE hot AS (
    (SELECT run_id FROM events WHERE run_id > $3 AND run_id <= $2 ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT next.run_id FROM hot CROSS JOIN LATERAL (
        SELECT run_id FROM events WHERE run_id > hot.run_id AND run_id <= $2 ORDER BY run_id LIMIT 1
    ) AS next
)
SELECT run_id FROM hot
UNION
SELECT run_id FROM run_index WHERE tokens @> $1::integer[] AND run_id <= $2 AND run_id > $3
ORDER BY run_id DESC"""
_FIRST, _LAST = "0" * 32, "f" * 32
WALKED_MAX = 100  # newest runs that are looked at before the index is asked: what is frequent is among them
AT_ONCE = 200
# How far a run's id may be from the time of its creation: a clock that was put back, for one.
SLACK_S = 3_600.0


@lru_cache(maxsize=128)
def listing(conditions: tuple[str, ...]) -> str:
    """Return the query for lists; its parameters are tenant, limit, and one for each condition, in order."""
    by_status = "status" in conditions
    tenant, order = _BY_STATUS if by_status else _BY_TENANT
    known = _CONDITIONS if by_status else _CONDITIONS | _PLACES
    numbered = (known[name].format(number) for number, name in enumerate(conditions, start=3))
    said = "".join(f" AND {condition}" for condition in numbered)
    return _RUNS.format(tenant=tenant, conditions=said, order=order)


async def listed(
    database: Database, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
) -> Sequence[RunRow]:
    """Return rows of runs, newest first, older than `before`."""
    if before is not None and bare(before) is None:
        raise InvalidInput("the cursor is not from a page of this list; use next_cursor as it was given")
    if "\0" in (wanted.tool or ""):
        return []
    given: dict[str, Any] = {
        "before": before and bare(before),
        "newest": None if wanted.until_s is None else newest_id_at(wanted.until_s + SLACK_S)[PREFIX:],
        "after": None if wanted.since_s is None else newest_id_at(wanted.since_s - SLACK_S - 1)[PREFIX:],
        "status": wanted.status,
        "tool": None if wanted.tool is None else f" {wanted.tool} ",
        "since": wanted.since_s,
        "until": wanted.until_s,
        "text": wanted.text.casefold().encode() if wanted.text else None,
    }
    bound = {name: value for name, value in given.items() if value is not None}
    if wanted.text or wanted.tool is not None:
        tokens = asked_tokens(tenant, wanted.text, wanted.tool)
        rows = await _searched(database, tenant, bound, tokens, limit)
    else:
        rows = await _rows(database, tenant, bound, limit)
    return [_row(tenant, row) for row in rows]


async def _rows(database: Database, tenant: Tenant, bound: dict[str, Any], limit: int) -> list[Any]:
    return list(await database.rows(listing(tuple(bound)), tenant, limit, *bound.values()))


async def _searched(
    database: Database, tenant: Tenant, bound: dict[str, Any], tokens: list[int], limit: int
) -> list[Any]:
    """The newest rows one by one; what is not among them by the index, as far as it has been made."""
    newest, after = min(bound.get("before", _LAST), bound.get("newest", _LAST)), bound.get("after", _FIRST)
    last = await database.rows(WALKED, tenant, newest, after, WALKED_MAX)
    rows = await _rows(database, tenant, bound | ({"after": last[0][0].hex} if last else {}), limit)
    if not last or len(rows) >= limit:
        return rows
    found = [row[0] for row in await database.rows(FOUND, tokens, last[0][0], after)]
    for at in range(0, len(found), AT_ONCE):
        some = bound | {"ids": found[at : at + AT_ONCE]}
        rows += await _rows(database, tenant, some, limit - len(rows))
        if len(rows) >= limit:
            break
    return rows


def _row(tenant: Tenant, columns: Sequence[Any]) -> RunRow:
    uuid, status, prompt, created_at_s, started_at_s, completed_at_s, plan_hash, tools, document = columns
    return RunRow(
        run_id_of(uuid),
        tenant,
        status,
        prompt.decode(errors="replace"),  # a damaged one is told of by `damaged`
        created_at_s,
        started_at_s,
        completed_at_s,
        plan_hash,
        tuple(tools.split()),
        document and inflated(document),
    )
