"""API keys in a SQLite file; the pepper lies in a file beside it, which a copy of the database lacks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from runwright.adapters.sqlite import Reader, Writer
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import Tenant
from runwright.core.keys import ApiKey

PEPPER_BYTES = 32
_COLUMNS = """
key_id, tenant, scopes, digest, pepper_mark, created_at, expires_at, revoked_at, name, last_used_at"""
_ADD = f"INSERT INTO api_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # own names
_ALL = f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, key_id"  # noqa: S608
_REVOKE = f"""
UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE key_id = ? RETURNING {_COLUMNS}"""  # noqa: S608
_VERSION = "SELECT count(*) + count(revoked_at) FROM api_keys"
_USED = """
UPDATE api_keys SET last_used_at = ?1 WHERE key_id = ?2 AND (last_used_at IS NULL OR last_used_at < ?1)"""
_FORGET = "DELETE FROM tickets WHERE expires_at <= ?"
_ADD_TICKET = "INSERT INTO tickets (digest, key_id, expires_at) VALUES (?, ?, ?)"
_TAKE = "DELETE FROM tickets WHERE digest = ? RETURNING key_id, expires_at"


class SqliteKeys:
    """`Keys` on one file; short writes of several processes take turns."""

    def __init__(self, writer: Writer, reader: Reader, pepper_path: Path) -> None:
        self._writer, self._reader, self._pepper_path = writer, reader, pepper_path

    async def add(self, key: ApiKey) -> None:
        row = (*key[:2], " ".join(sorted(key.scopes)), *key[3:])

        def work(con: apsw.Connection) -> None:
            con.execute(_ADD, row).fetchall()

        await self._writer.submit(work)

    async def all(self) -> Sequence[ApiKey]:
        return [_key(row) for row in self._reader.rows(_ALL)]

    async def revoke(self, key_id: str, now_s: float) -> ApiKey | None:
        def work(con: apsw.Connection) -> ApiKey | None:
            rows = con.execute(_REVOKE, (now_s, key_id)).fetchall()
            return _key(rows[0]) if rows else None

        return await self._writer.submit(work)

    async def version(self) -> int:
        return int(self._reader.rows(_VERSION)[0][0])

    async def used(self, last_used_at_s: Mapping[str, float]) -> None:
        rows = [(at_s, key_id) for key_id, at_s in last_used_at_s.items()]

        def work(con: apsw.Connection) -> None:
            con.executemany(_USED, rows).fetchall()

        await self._writer.submit(work)

    async def pepper(self) -> bytes:
        try:
            return _pepper(_read_or_made(self._pepper_path))
        except OSError as error:
            raise JournalUnavailable(
                f"the pepper of the API keys, {self._pepper_path}, cannot be used: {error.strerror}"
            ) from error
        except ValueError:
            raise JournalUnavailable(
                f"the file {self._pepper_path} holds no pepper of API keys",
                hint="put the file of the backup there, or remove it and make new keys",
            ) from None

    async def add_ticket(self, digest: bytes, key_id: str, now_s: float, expires_at_s: float) -> None:
        def work(con: apsw.Connection) -> None:
            con.execute(_FORGET, (now_s,)).fetchall()
            con.execute(_ADD_TICKET, (digest, key_id, expires_at_s)).fetchall()

        await self._writer.submit(work)

    async def take_ticket(self, digest: bytes, now_s: float) -> str | None:
        def work(con: apsw.Connection) -> list[tuple[Any, ...]]:
            return con.execute(_TAKE, (digest,)).fetchall()

        return next((key_id for key_id, end_s in await self._writer.submit(work) if now_s < end_s), None)


def _pepper(text: str) -> bytes:
    if len(text) != 2 * PEPPER_BYTES:
        raise ValueError
    return bytes.fromhex(text)


def _read_or_made(path: Path) -> str:
    """The text of a file; where there is none it is made, whole from its first moment, by one process."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, secrets.token_hex(PEPPER_BYTES).encode())
            os.fsync(file)
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was faster; its pepper counts
        finally:
            os.close(file)
            draft.unlink()
        return path.read_text(encoding="ascii")


def _key(row: tuple[Any, ...]) -> ApiKey:
    key_id, tenant, scopes, *others = row
    return ApiKey(key_id, Tenant(tenant), frozenset(scopes.split()), *others)
