"""The schema of PostgreSQL is made once, however many processes start together, and is that of SQLite."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from importlib.resources import files

import asyncpg
import pytest

from runwright.adapters import postgres_schema, sqlite
from runwright.adapters.postgres_schema import migrate, migrations, schema_version
from runwright.core.errors import JournalUnavailable
from services.postgres import Server


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    """The address of a database without any table."""
    name = postgres.empty()
    yield postgres.url(name)
    postgres.drop(name)


async def test_processes_that_start_together_make_one_schema(empty_url: str) -> None:
    """Eight of them migrate at the same moment; each finds the newest version, and each migration ran once."""

    async def start() -> int:
        con = await asyncpg.connect(empty_url)
        try:
            return await migrate(con)
        finally:
            await con.close()

    found = await asyncio.gather(*(start() for _ in range(8)))
    con = await asyncpg.connect(empty_url)
    applied = [row[0] for row in await con.fetch("SELECT version FROM schema_version ORDER BY version")]
    await con.close()

    assert found == [len(migrations())] * 8
    assert applied == list(range(1, len(migrations()) + 1))


async def test_a_migration_that_fails_leaves_everything_as_it_was(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its statements before the fault are gone too, and the next attempt starts from the same version."""
    broken = [migrations()[0], "CREATE TABLE half (n int); SELECT 1/0"]
    con = await asyncpg.connect(empty_url)
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "migrations", lambda: broken)
        with pytest.raises(JournalUnavailable, match="DivisionByZero"):
            await migrate(con)
    version, half = await schema_version(con), await con.fetchval("SELECT to_regclass('half')")
    later = await migrate(con)
    await con.close()

    assert (version, half, later) == (0, None, len(migrations()))


async def test_a_schema_of_a_newer_version_is_refused(postgres_url: str, postgres: Server) -> None:
    """An older build does not touch what it does not know."""
    con = await asyncpg.connect(postgres_url)
    newer = len(migrations()) + 1
    await con.execute("INSERT INTO schema_version (version) VALUES ($1)", newer)
    with pytest.raises(JournalUnavailable, match=f"has schema {newer}, this build .* up to {newer - 1}"):
        await migrate(con)
    await con.execute("DELETE FROM schema_version WHERE version = $1", newer)
    await con.close()


async def test_both_dialects_have_the_same_tables_and_columns(postgres_url: str) -> None:
    """What a column means does not depend on the store; what only one of them needs is named here."""
    con = await asyncpg.connect(postgres_url)
    rows = await con.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    await con.close()
    own: dict[str, set[str]] = {}
    for table, column in rows:
        own.setdefault(table, set()).add(column)
    theirs = await asyncio.to_thread(_sqlite_columns)

    # SQLite keeps one in the head of the file, another in a file beside it, and has one worker; and a row for
    # each event, where PostgreSQL has one for each append
    assert own.keys() - theirs.keys() == {"schema_version", "key_pepper", "workers", "run_index"}
    assert theirs.keys() <= own.keys()
    more = {table: own[table] - theirs[table] for table in theirs if own[table] - theirs[table]}
    assert more == {"todos": {"json_bytes"}, "run_documents": {"folded"}, "events": {"hashes"}}
    less = {table: theirs[table] - own[table] for table in theirs if theirs[table] - own[table]}
    assert less == {"events": {"hash"}}


def _sqlite_columns() -> dict[str, set[str]]:
    import apsw

    con = apsw.Connection(":memory:")
    for sql in sqlite.migrations():
        con.execute(sql).fetchall()
    tables = [row[0] for row in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    # an index over words is five tables there, and one with an index here
    tables = [name for name in tables if not re.match("sqlite_|run_index|run_positions", name)]
    return {name: {row[1] for row in con.execute(f"PRAGMA table_info({name})")} for name in tables}


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_every_step_of_the_schema_has_a_number_of_its_own(dialect: str) -> None:
    """Two of one number would be applied in another order by those who have one of them already."""
    folder = files("runwright.adapters") / "sql" / dialect
    numbers = sorted(int(f.name[:4]) for f in folder.iterdir() if f.name.endswith(".sql"))

    assert numbers == list(range(1, len(numbers) + 1))
