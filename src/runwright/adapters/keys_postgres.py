"""API keys in a PostgreSQL database, the pepper with them unless the settings name one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from runwright.adapters.postgres import Database
from runwright.core.ids import Tenant
from runwright.core.keys import ApiKey

PEPPER_BYTES = 32
_COLUMNS = """
key_id, tenant, scopes, digest, pepper_mark, created_at, expires_at, revoked_at, name, last_used_at"""
_ADD = f"""
INSERT INTO api_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""  # noqa: S608  # own names
_ALL = f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, key_id"  # noqa: S608
_REVOKE = f"""
UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE key_id = $2 RETURNING {_COLUMNS}"""  # noqa: S608
_VERSION = "SELECT count(*) + count(revoked_at) FROM api_keys"
# in the order of the ids, so that two processes never wait for each other
_USED = """
UPDATE api_keys AS keys SET last_used_at = told.at
FROM (
    SELECT api_keys.key_id, told.at FROM api_keys
    JOIN unnest($1::text[], $2::double precision[]) AS told (key_id, at) USING (key_id)
    WHERE api_keys.last_used_at IS NULL OR api_keys.last_used_at < told.at
    ORDER BY api_keys.key_id FOR UPDATE OF api_keys
) AS told
WHERE keys.key_id = told.key_id"""
_PEPPER = "SELECT pepper FROM key_pepper"
_MAKE_PEPPER = "INSERT INTO key_pepper (pepper) VALUES ($1) ON CONFLICT DO NOTHING"
_FORGET = "DELETE FROM tickets WHERE expires_at <= $1"
_ADD_TICKET = "INSERT INTO tickets (digest, key_id, expires_at) VALUES ($1, $2, $3)"
_TAKE = "DELETE FROM tickets WHERE digest = $1 RETURNING key_id, expires_at"


class PostgresKeys:
    """`Keys` on a database that several processes share.

    A key whose commit was cut off is reported as an error and may be there: nobody knows its secret.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        await self._database.rows(_ADD, *key[:2], " ".join(sorted(key.scopes)), *key[3:])

    async def all(self) -> Sequence[ApiKey]:
        return [_key(row) for row in await self._database.rows(_ALL)]

    async def revoke(self, key_id: str, now_s: float) -> ApiKey | None:
        rows = await self._database.rows(_REVOKE, now_s, key_id)
        return _key(rows[0]) if rows else None

    async def version(self) -> int:
        return int((await self._database.rows(_VERSION))[0][0])

    async def used(self, last_used_at_s: Mapping[str, float]) -> None:
        await self._database.rows(_USED, list(last_used_at_s), list(last_used_at_s.values()))

    async def pepper(self) -> bytes:
        if not (rows := await self._database.rows(_PEPPER)):
            await self._database.rows(_MAKE_PEPPER, secrets.token_bytes(PEPPER_BYTES))
            rows = await self._database.rows(_PEPPER)
        return bytes(rows[0][0])

    async def add_ticket(self, digest: bytes, key_id: str, now_s: float, expires_at_s: float) -> None:
        await self._database.rows(_FORGET, now_s)
        await self._database.rows(_ADD_TICKET, digest, key_id, expires_at_s)

    async def take_ticket(self, digest: bytes, now_s: float) -> str | None:
        rows = await self._database.rows(_TAKE, digest)
        return next((key_id for key_id, end_s in rows if now_s < end_s), None)


def _key(row: Sequence[Any]) -> ApiKey:
    key_id, tenant, scopes, digest, mark, *others = row
    return ApiKey(key_id, Tenant(tenant), frozenset(scopes.split()), bytes(digest), bytes(mark), *others)
