"""Whose a presented key is, out of what the store said a moment ago.

No request asks the store: all keys that count are here, and a look at the store, once in a second at most,
tells whether they still are all. So a key that was made or revoked anywhere is in effect within `STALE_S_MAX`
and a moment; while the store cannot say, nobody is let in.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import NamedTuple

from runwright.core.errors import Invalid, JournalUnavailable, LimitReached, Unavailable
from runwright.core.keys import (
    NAME_CHARACTERS_MAX,
    SCOPES,
    ApiKey,
    Scope,
    digest_of,
    key_id_of,
    mark_of,
    tenant_of,
    ticket_digest,
)
from runwright.key_port import Keys
from runwright.log import Log

log = Log("runwright.keys")

LOOK_EVERY_S = 1.0
LOOK_S_MAX = 3.0  # also when connections are scarce: what is known is good for longer
STALE_S_MAX = 4.5
USED_EVERY_S = 60.0
TICKET_S = 30
KEYS_MAX = 10_000  # usable ones: all of them are held in memory
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NOBODY = bytes(32)


class Presented(NamedTuple):
    """What became of a presented key.

    key      that it is; None: it is no key of ours, or not any more
    digest   of what was presented
    """

    key: ApiKey | None
    digest: bytes


class KeyRing:
    """The keys of a store, to be asked by the edge of a server.

    changed   is told when keys that streams may be open for have ended or have begun to be needed
    """

    def __init__(
        self, keys: Keys, pepper: bytes | None, now_s: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        self._keys, self._pepper, self._now_s, self._changed = keys, pepper, now_s, changed
        self._secret = b""
        self._by_id: dict[str, ApiKey] = {}
        self._version: int | None = None
        self._looking = asyncio.Lock()
        self._looked_at = self._failed_at = self._noted_at = float("-inf")
        self._used: dict[str, float] = {}
        self._watchers = 0
        self._watch: asyncio.Task[None] | None = None

    @property
    def in_use(self) -> bool:
        """Whether callers need a key: there is or there was one."""
        return bool(self._version)

    async def refresh(self) -> None:
        """Look at the store again when the last look was a moment ago.

        Raises   JournalUnavailable when what is known is too old to go by
        """
        age_s = _clock_s() - self._looked_at
        if age_s < LOOK_EVERY_S or (age_s < STALE_S_MAX and self._looking.locked()):
            return
        async with self._looking:
            now_s = _clock_s()
            if now_s - self._looked_at < LOOK_EVERY_S:
                return
            if now_s - self._failed_at >= LOOK_EVERY_S:
                await self._look(now_s)
            if _clock_s() - self._looked_at >= STALE_S_MAX:
                raise JournalUnavailable(
                    "the store does not answer just now: API keys cannot be read, so nobody is let in"
                )

    def presented(self, text: bytes) -> Presented:
        """Return whose this is: one digest and one comparison, whether there is such a key or not."""
        key = self._by_id.get(key_id_of(text))
        digest = digest_of(text, self._secret)
        same = hmac.compare_digest(digest, _NOBODY if key is None else key.digest)
        return Presented(self._let_in(key) if same else None, digest)

    def holds(self, key_id: str | None) -> bool:
        """Whether what was begun with this key may go on; None: what was begun without any."""
        if key_id is None:
            return not self.in_use
        key = self._by_id.get(key_id)
        return key is not None and key.is_usable(self._now_s())

    async def ticket(self, key_id: str | None) -> str:
        """Return a text that stands for the key once, within TICKET_S; without keys it stands for nobody.

        Raises   JournalUnavailable
        """
        ticket, now_s = f"rwt_{secrets.token_hex(32)}", self._now_s()
        if key_id is not None:
            await self._keys.add_ticket(ticket_digest(ticket), key_id, now_s, now_s + TICKET_S)
        return ticket

    async def taken(self, ticket: str) -> ApiKey | None:
        """Return the key that a ticket stands for, and let the ticket go.

        Raises   JournalUnavailable
        """
        key_id = await self._keys.take_ticket(ticket_digest(ticket), self._now_s())
        return self._let_in(None if key_id is None else self._by_id.get(key_id))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the store also while nobody calls, as long as the context is not left."""
        self._watchers += 1
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watching(), context=Context())
        try:
            yield
        finally:
            self._watchers -= 1

    async def close(self) -> None:
        """Note the last uses; nothing looks at the store afterwards."""
        if self._watch is not None:
            self._watch.cancel()
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(LOOK_S_MAX):
                await self._note_uses()

    def _let_in(self, key: ApiKey | None) -> ApiKey | None:
        now_s = self._now_s()
        if key is None or not key.is_usable(now_s):
            return None
        self._used[key.key_id] = now_s
        return key

    async def _look(self, now_s: float) -> None:
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                version = await self._keys.version()
                if version != self._version:
                    await self._read()
                    self._version = version
                if self._used and now_s - self._noted_at >= USED_EVERY_S:
                    await self._note_uses()
                    self._noted_at = now_s
        except (Unavailable, TimeoutError) as error:
            self._failed_at = _clock_s()
            log.warning("keys.unreadable", reason=str(error) or "no answer in time")
        else:
            self._looked_at = now_s

    async def _read(self) -> None:
        keys = [key for key in await self._keys.all() if key.revoked_at_s is None]
        if keys:
            self._secret = self._pepper or await self._keys.pepper()
            if others := sum(key.pepper_mark != mark_of(self._secret) for key in keys):
                note = "they were made with another pepper: restore it, or make new keys"
                log.warning("keys.useless", count=others, note=note)
        self._by_id = {key.key_id: key for key in keys}

    async def _note_uses(self) -> None:
        used, self._used = self._used, {}
        if used:
            await self._keys.used(used)

    async def _watching(self) -> None:
        held = self._held()
        while self._watchers:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(Unavailable):
                await self.refresh()
            if (now := self._held()) != held:
                held = now
                self._changed()

    def _held(self) -> tuple[bool, set[str]]:
        now_s = self._now_s()
        return self.in_use, {key.key_id for key in self._by_id.values() if key.is_usable(now_s)}


async def issued(
    keys: Keys,
    pepper: bytes | None,
    now_s: float,
    *,
    tenant: str,
    scopes: Iterable[str],
    name: str | None = None,
    expires_in_s: float | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key, stored, and its text, which nobody can read again.

    Raises   Invalid, LimitReached, JournalUnavailable
    """
    owner, wanted = tenant_of(tenant), frozenset(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise Invalid(f"the scopes must be some of {', '.join(SCOPES)}, separated by commas")
    if name is not None and not (len(name) <= NAME_CHARACTERS_MAX and name.isprintable() and name):
        raise Invalid(f"a name has 1 to {NAME_CHARACTERS_MAX} printable characters")
    usable = sum(key.is_usable(now_s) for key in await keys.all())
    if usable >= KEYS_MAX:
        raise LimitReached("the number of usable API keys", usable + 1, KEYS_MAX)
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
    text = f"rw_{key_id}_{secrets.token_hex(32)}"
    secret = pepper or await keys.pepper()
    key = ApiKey(
        key_id,
        owner,
        frozenset[Scope](scope for scope in SCOPES if scope in wanted),
        digest_of(text.encode(), secret),
        mark_of(secret),
        now_s,
        None if expires_in_s is None else now_s + expires_in_s,
        name=name,
    )
    await keys.add(key)
    return key, text


def _clock_s() -> float:
    return asyncio.get_running_loop().time()
