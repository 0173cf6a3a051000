"""Every hot statement finds its rows by an index, in a database that is full and in one that is new."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from runwright.adapters import archive_postgres as archive
from runwright.adapters import archived_postgres as archived
from runwright.adapters import dispatch_postgres_sql as dispatch
from runwright.adapters import expiry_postgres as expiry
from runwright.adapters import journal_postgres_sql as runs
from runwright.adapters import run_lists_postgres as lists
from runwright.adapters import todos_postgres_sql as todos
from runwright.adapters.postgres_commit import PLANNING
from runwright.adapters.todo_lists import PAGE_BYTES_MAX
from services.postgres import Server, apart, migrated

# ids grow with the time, as those of the product do: what a walk along them costs depends on it
FILL = """
SELECT setseed(0.5);
SET default_statistics_target = 1000; -- every row is looked at: what the planner knows is no matter of luck
INSERT INTO runs SELECT lpad(to_hex(n), 32, '0')::uuid, 'tenant ' || n % 4, (ARRAY['completed', 'failed', 'running'])[1 + (n % 500 = 0)::int * 2],
    1, 5, '\\x00', 'w', n, n, n, 'h', ' calculator ' FROM generate_series(1, 20000) AS n;
INSERT INTO run_documents SELECT run_id, convert_to('prompt ' || created_at, 'UTF8'), NULL, '{}' FROM runs;
INSERT INTO events SELECT run_id, n, 'step.succeeded', '{}', '\\x00' FROM runs, generate_series(1, 5) AS n;
INSERT INTO idempotency_keys SELECT tenant, run_id::text, '\\x00', run_id, created_at FROM runs;
INSERT INTO run_archive SELECT run_id, 1, convert_to(repeat(run_id::text, 9), 'UTF8'), '\\x00' FROM runs;
INSERT INTO run_stats SELECT run_id, tenant, status, 1, 2, NULL, 0, 0, 0, 0 FROM runs;
INSERT INTO step_stats SELECT run_id, n, tenant, 't', '1', 'succeeded', 1, 1, 1, NULL FROM runs, generate_series(1, 3) AS n;
INSERT INTO run_index SELECT run_id, ARRAY(SELECT (random() * 9999)::int FROM generate_series(1, 40 + 0 * seq)) FROM runs;
INSERT INTO tickets SELECT sha256(run_id::text::bytea), 'k', created_at FROM runs;
INSERT INTO todo_counts SELECT 'tenant ' || n, 0, 0 FROM generate_series(0, 3) AS n;
INSERT INTO todos (todo_id, tenant, text, folded, json_bytes, created_at, completed_at, add_key)
    SELECT 'todo_' || n, 'tenant ' || n % 4, 'text', 'text', 6, n, CASE WHEN n % 20 > 0 THEN n END, n
    FROM generate_series(1, 20000) AS n;
ANALYZE;
"""
IDS = sorted(uuid.uuid4() for _ in range(50))
ONE, TENANT, TEXTS, BLOBS, TIMES = IDS[0], "tenant 1", ["x"] * 50, [b"x"] * 50, [1.0] * 50
NUMBERS = [1] * 50
FENCES = (IDS, NUMBERS, NUMBERS, NUMBERS)
EVENTS = (BLOBS, BLOBS, TEXTS)
NEW = (
    IDS,
    TEXTS,
    TEXTS,
    NUMBERS,
    NUMBERS,
    BLOBS,
    TEXTS,
    TIMES,
    TIMES,
    TIMES,
    TEXTS,
    TEXTS,
    BLOBS,
    BLOBS,
    BLOBS,
)
# the times are those of many runs: to find a handful among 20,000 a server may rightly read them all
LISTS = ("before", "status", "tool", "since", "until", "text")
GIVEN = dict(zip(LISTS, (ONE, "failed", " calculator ", 1.0, 15_000.0, b"prompt"), strict=True))
WRITES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "create": (runs.CREATE, (*NEW, TEXTS, BLOBS, BLOBS, BLOBS, *EVENTS, 2.0, 1.0)),
    "append": (runs.APPEND, (*FENCES, *EVENTS)),
    "append one": (runs.APPEND_ONE, (ONE, 1, 5, 7, b"x", b"x", "x")),
    "append and show": (
        runs.APPEND_AND_SHOW,
        (*FENCES, *EVENTS, TEXTS, TIMES, TIMES, TEXTS, TEXTS, BLOBS, BLOBS, BLOBS),
    ),
    "claim": (runs.CLAIM, (IDS, TEXTS)),
    "claimed": (runs.CLAIMED, (IDS, NUMBERS)),
    "fences": (runs.FENCES, (IDS,)),
    "hashes": (runs.HASHES, (IDS, NUMBERS)),
    "keys": (runs.KEYS, (TEXTS, TEXTS)),
    "add": (todos.ADD, (TEXTS, TEXTS, TEXTS, BLOBS, BLOBS, NUMBERS, TIMES)),
    "added": (todos.ADDED, (TEXTS, TEXTS)),
    "complete": (todos.COMPLETE, (TEXTS, TEXTS, TIMES)),
    "delete": (todos.DELETE, (TEXTS, TEXTS, TEXTS, TIMES)),
    "deleted": (todos.DELETED, (TEXTS, TEXTS, TEXTS)),
}
READS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "history": (runs.HISTORY, (ONE, 9)),
    "lock": (runs.LOCK, (ONE, TENANT)),
    "page": (runs.PAGE, (ONE, 2, 100)),
    "whole journal": (runs.PAGE, (ONE, 0, None)),
    "page in bytes": (runs.PAGE_BYTES, (ONE, 2, 100, 1_000)),
    "tips": (runs.TIPS, (IDS,)),
    "witnessed": (runs.WITNESSED, (IDS,)),
    "chains": (runs.CHAINS, (IDS,)),
    "unfinished": (runs.UNFINISHED, ()),
    "get": (todos.GET, ("todo_1", TENANT)),
    "position": (todos.POSITION, ("todo_1", TENANT)),
    "part": (todos.PART, (TENANT, 0, b"x", 1_000)),
    "sizes": (todos.SIZES, (NUMBERS, TENANT)),
    "rows": (todos.ROWS, (NUMBERS, TENANT)),
    "todos all": (todos.lists("all"), (TENANT, 0, 20, PAGE_BYTES_MAX)),
    "todos pending": (todos.lists("pending"), (TENANT, 0, 20, PAGE_BYTES_MAX)),
    "todos completed": (todos.lists("completed"), (TENANT, 0, 20, PAGE_BYTES_MAX)),
    "runs": (lists.listing(()), (TENANT, 20)),
} | {f"runs by {name}": (lists.listing((name,)), (TENANT, 20, GIVEN[name])) for name in LISTS}
READS |= {
    "walked": (lists.WALKED, (TENANT, ONE, IDS[1], 100)),
    "found": (lists.FOUND, ([7_001, 7_002], IDS[-1], IDS[0])),
    "due for the archive": (archive.DUE, (ONE, IDS[-1], 1.0, 500)),
    "hot": (archive.HOT, (IDS,)),
    "over": (archive.OVER, (ONE, 5, b"x")),
    "copies": (archive.COPIES, (IDS,)),
    "rows": (archive.ROWS, (ONE,)),
    "marks": (archived.MARKS, (ONE,)),
    "part": (archived.PART, (ONE, 1, 100)),
    "documents": (archived.DOCUMENTS, (IDS,)),
    "tenants": (expiry.TENANTS, ()),
    "runs over": (expiry.OVER, (TENANT, ONE, IDS[-1], 1.0, 100)),
    "delete runs": (expiry.DELETE, (IDS[:9], TENANT, 1.0)),
    "delete events": (archive.DELETE, (ONE, NUMBERS, BLOBS)),
    "leftovers": (expiry.LEFTOVERS, (1.0, 1.0)),
    "forget keys": (expiry.FORGET_KEYS, (1.0, 9)),
    "forget tickets": (expiry.FORGET_TICKETS, (1.0, 9)),
}
READS["runs by all"] = (lists.listing(LISTS), (TENANT, 20, *GIVEN.values()))
NEWEST_FIRST = ["runs", "runs by before", "runs by status"]


@asynccontextmanager
async def connected(postgres: Server, name: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to a database, which is dropped in the end: what was in it is known to the planner."""
    con = await asyncpg.connect(postgres.url(name), timeout=60)
    try:
        yield con
    finally:
        await con.close()
        postgres.drop(name)


@pytest.fixture(scope="module")
def template(postgres: Server) -> Iterator[str]:
    """The name of an empty database that no test has ever used."""
    name = postgres.empty()
    apart(migrated(postgres.url(name)))
    yield name
    postgres.drop(name)


@pytest.fixture(scope="module")
def full(postgres: Server, template: str) -> Iterator[str]:
    """The name of a database with many runs."""
    name = postgres.copy(template)
    apart(executed(postgres.url(name), FILL))
    yield name
    postgres.drop(name)


async def executed(url: str, sql: str) -> None:
    """Carry statements out that take their time."""
    con = await asyncpg.connect(url, timeout=60)
    try:
        await con.execute(sql)
    finally:
        await con.close()


@pytest.fixture
async def con(postgres: Server, full: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with many runs, of which the planner knows."""
    async with connected(postgres, postgres.copy(full)) as con:
        yield con


async def plan(con: asyncpg.Connection, statement: tuple[str, tuple[Any, ...]]) -> list[str]:
    """What the server is going to do, line by line."""
    sql, bindings = statement
    return [row[0].strip() for row in await con.fetch("EXPLAIN " + sql, *bindings)]


def reads_a_table(lines: list[str]) -> list[str]:
    """The lines that read a table that grows: counts have a row a tenant, workers one a living process."""
    small = ("Seq Scan on todo_counts", "Seq Scan on workers")
    return [line for line in lines if "Seq Scan on " in line and not any(table in line for table in small)]


async def test_nothing_reads_a_full_table(con: asyncpg.Connection) -> None:
    """20,000 runs with 100,000 events, and as many todos: every statement goes by an index."""
    found = {name: await plan(con, statement) for name, statement in READS.items()}
    for name, value in PLANNING.items():
        await con.execute(f"SET {name} = {value}")
    found |= {name: await plan(con, statement) for name, statement in WRITES.items()}

    for name, lines in found.items():
        assert any("Index" in line for line in lines), (name, lines)
        assert not reads_a_table(lines), (name, lines)
    for name in NEWEST_FIRST:
        assert not [line for line in found[name] if line.startswith("Sort")], (name, found[name])
    assert any("runs_by_status" in line for line in found["runs by status"])
    assert any("runs_unfinished" in line for line in found["unfinished"])
    for status in ("pending", "completed"):
        assert sum(f"todos_{status}" in line for line in found[f"todos {status}"]) == 3


async def test_a_table_that_begins_to_grow_is_not_read_from_end_to_end(
    postgres: Server, template: str
) -> None:
    """The planner knows nothing yet, and its plan is kept: what writes must not depend on what it believes."""
    async with connected(postgres, postgres.copy(template)) as con:
        for name, value in PLANNING.items():
            await con.execute(f"SET {name} = {value}")
        for name, statement in WRITES.items():
            lines = await plan(con, statement)
            assert not reads_a_table(lines), (name, lines)
            assert any("Index" in line for line in lines), (name, lines)


async def test_rows_are_taken_in_the_order_of_their_ids(con: asyncpg.Connection) -> None:
    """One run after the other is looked up and changed as a sort by run id hands them out."""
    for name, value in PLANNING.items():
        await con.execute(f"SET {name} = {value}")
    for name in ("append", "append and show", "claim"):
        lines = [line.removeprefix("->").strip() for line in await plan(con, WRITES[name])]
        at = next(n for n, line in enumerate(lines) if line.startswith("Update on runs"))
        assert [line.partition("  (cost")[0] for line in lines[at + 1 : at + 5]] == [
            "Nested Loop",
            "Subquery Scan on new",
            "Sort",
            "Sort Key: asked.run_id",
        ], lines


# a tenant whose few runs lie behind those of all others, and runs that wait
SMALL = """
SET default_statistics_target = 1000;
INSERT INTO runs SELECT ('a' || lpad(to_hex(n), 31, '0'))::uuid, 'small', 'failed', 1, 5, '\\x00', 'w', n, n, n, 'h', ' rare '
    FROM generate_series(1, 3) AS n;
INSERT INTO runs SELECT ('b' || lpad(to_hex(n), 31, '0'))::uuid, 'tenant ' || n % 4, 'pending', 0, 1, '\\x00', NULL, n, NULL, NULL,
    NULL, '' FROM generate_series(1, 5000) AS n;
ANALYZE;
"""
TAKE = ("w", 10, ["tenant 1"], [3], 800, [ONE])
SHARED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "take": (dispatch.TAKE, TAKE),
    "take within": (dispatch.TAKE_WITHIN, (*TAKE, 100)),
    "waiting": (dispatch.WAITING, (1_000,)),
    "hold": (dispatch.HOLD, ("w", timedelta(seconds=10), True, 1, ONE, 1)),
    "leave": (dispatch.LEAVE_RUN, (ONE, "w")),
    "told": (dispatch.TOLD, ("w",)),
}


async def test_a_list_does_not_walk_past_the_runs_of_other_tenants(con: asyncpg.Connection) -> None:
    """Whatever is asked for, of a tenant with many runs or few: rows are found by an index that has the tenant."""
    await con.execute(SMALL)
    for tenant in (TENANT, "small", "nobody"):
        for names in ((), ("before",), ("tool",), ("before", "tool"), ("status",), ("status", "tool")):
            wanted = [{"before": ONE, "status": "failed", "tool": " rare "}[name] for name in names]
            lines = await plan(con, (lists.listing(names), (tenant, 20, *wanted)))
            conditions = [line for line in lines if line.startswith("Index Cond") and "tenant" in line]
            assert conditions, (tenant, names, lines)
            assert not any("runs_pkey" in line for line in lines), (tenant, names, lines)
            assert "before" not in names or "ROW(" in conditions[0], (tenant, names, lines)


async def test_runs_are_shared_out_by_the_index_of_those_that_wait(con: asyncpg.Connection) -> None:
    """What ended long ago costs nothing, and neither does what other tenants have waiting."""
    await con.execute(SMALL)
    for name, statement in SHARED.items():
        lines = await plan(con, statement)
        assert not reads_a_table(lines), (name, lines)
    for name in ("take", "take within"):
        lines = await plan(con, SHARED[name])
        assert any("runs_of_nobody" in line for line in lines), (name, lines)
