"""Runs that a database had before there was an archive are moved to it after the upgrade, as all others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from contracts.postgres_opened import opened
from runwright.adapters import postgres_schema, sqlite
from runwright.adapters.archive_postgres import PostgresArchive
from runwright.adapters.archive_sqlite import SqliteArchive
from runwright.adapters.journal_sqlite import SqliteJournal
from runwright.adapters.postgres_schema import migrate
from runwright.testing.archive_contract import due, ended, move
from runwright.testing.journal_contract import stored
from services.postgres import Server

BEFORE_SQLITE, BEFORE_POSTGRES = 7, 9  # the schemas without an archive


async def test_a_sqlite_file_without_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs are there before and after, in `events` first and then in the archive."""
    with monkeypatch.context() as older:
        scripts = sqlite.migrations()[:BEFORE_SQLITE]
        older.setattr(sqlite, "migrations", lambda: scripts)
        writer = sqlite.Writer(tmp_path / "runs.db", inline_max_s=60.0, waiting_max=100)
        assert writer.migrate() == BEFORE_SQLITE
        reader = sqlite.Reader(tmp_path / "runs.db")
        journal = SqliteJournal(writer, reader)
        runs = [await ended(journal) for _ in range(3)]
        before = [await stored(journal, run) for run in runs]
    assert writer.migrate() > BEFORE_SQLITE
    archive, ids = SqliteArchive(writer, reader, time.time), [run.run_id for run in runs]

    assert await due(archive) == ids
    assert await move(archive, ids) == 3
    assert [await stored(journal, run) for run in runs] == before
    reader.close()
    await writer.close()


async def test_a_postgresql_database_without_an_archive(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs are there before and after, in `events` first and then in the archive."""
    name = postgres.empty()
    async with opened(postgres.url(name)) as store:
        with monkeypatch.context() as older:
            scripts = postgres_schema.migrations()[:BEFORE_POSTGRES]
            older.setattr(postgres_schema, "migrations", lambda: scripts)
            async with store.database.connection() as con:
                assert await migrate(con) == BEFORE_POSTGRES
            runs = [await ended(store.journal) for _ in range(3)]
            before = [await stored(store.journal, run) for run in runs]
        async with store.database.connection() as con:
            assert await migrate(con) > BEFORE_POSTGRES
        archive, ids = PostgresArchive(store.database, time.time), [run.run_id for run in runs]

        assert await due(archive) == ids
        assert await move(archive, ids) == 3
        assert [await stored(store.journal, run) for run in runs] == before
    postgres.drop(name)
