"""The API keys in a SQLite file keep the contract; the pepper lies beside it, for its owner alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runwright.adapters.keys_sqlite import SqliteKeys
from runwright.adapters.sqlite import Reader, Writer
from runwright.core.errors import JournalUnavailable
from runwright.testing.keys_contract import NOW_S, KeysContract, key


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteKeys]:
    """The keys of a file, closed in the end."""
    writer = Writer(path, inline_max_s=60, waiting_max=1_000)
    writer.migrate()
    reader = Reader(path)
    try:
        yield SqliteKeys(writer, reader, path.with_name(path.name + ".pepper"))
    finally:
        reader.close()
        await writer.close()


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[SqliteKeys]:
    """The keys of a new file."""
    async with opened(tmp_path / "keys.db") as found:
        yield found


class TestSqliteKeys(KeysContract):
    """The contract, on a file in a temporary folder."""


async def test_others_see_it_at_once(keys: SqliteKeys, tmp_path: Path) -> None:
    """What one process adds and revokes, another one that has the file open reads."""
    async with opened(tmp_path / "keys.db") as other:
        await keys.add(key("k1"))
        version = await other.version()
        await other.revoke("k1", NOW_S)

        assert (version, await keys.version()) == (1, 2)
        assert (await keys.pepper()) == (await other.pepper())


async def test_the_pepper_is_a_private_file_and_stays(keys: SqliteKeys, tmp_path: Path) -> None:
    """It is made whole by whoever is first, only its owner may read it, and no draft of it is left."""
    made = await asyncio.gather(*(asyncio.to_thread(asyncio.run, keys.pepper()) for _ in range(8)))
    file = tmp_path / "keys.db.pepper"

    assert len(set(made)) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "pepper" in path.name] == [file.name]
    assert made[0] not in (tmp_path / "keys.db").read_bytes()


async def test_a_pepper_that_is_none_is_refused(keys: SqliteKeys, tmp_path: Path) -> None:
    """A file that was overwritten is not taken for a new pepper."""
    (tmp_path / "keys.db.pepper").write_text("hello")

    with pytest.raises(JournalUnavailable, match="holds no pepper"):
        await keys.pepper()
