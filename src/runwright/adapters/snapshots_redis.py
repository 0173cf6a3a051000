"""Snapshots of active runs in Redis, for readers in other processes.

Nobody who drives a run waits for Redis: the newest state of a run is put down in memory, and written some
time later, when the run is not over by then. What is lost is written again with the next event, or by the
next reader who misses it. What is read is believed when a process of this installation has signed it.

A snapshot is a string: its seq (16 digits), its format (8), a keyed hash (16), the run.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import NamedTuple

from redis.asyncio import Redis

from runwright.adapters.redis import RedisAway, SharedRedis
from runwright.core.errors import JournalUnavailable
from runwright.core.ids import RunId
from runwright.core.snapshot import NoSnapshot, Snapshot, decoded, encoded, format_of
from runwright.log import Log

log = Log("runwright.live")

WAITING_MAX = 10_000  # runs whose newest state waits to be written; more are not kept
WRITES_MAX = 100  # in one round
ROUND_BYTES_MAX = 4 * 1024 * 1024
SEQ_DIGITS, FORMAT_BYTES, MAC_BYTES = 16, 8, 16
HEAD = re.compile(rb"[0-9]{16}([0-9a-f]{8})")
LOOKS_PER_TTL = 3  # so often a snapshot's time is made whole again while the run lives

# What is there stays when it is newer; what is no snapshot is replaced, whatever it is.
WRITE = """
local there = redis.pcall('GETRANGE', KEYS[1], 0, 15)
local is_seq = type(there) == 'string' and #there == 16 and string.match(there, '^%d+$')
if is_seq and there > ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1"""


class Terms(NamedTuple):
    """How snapshots are kept.

    every_s     a run is written this often at most, and not before it is this old
    ttl_s       what is not written again is forgotten after it
    bytes_max   of one snapshot; larger runs have none
    """

    every_s: float
    ttl_s: float
    bytes_max: int


class RedisSnapshots:
    """`Snapshots` in the Redis that the processes share.

    secret   what snapshots are signed with; asked for once
    alive    whether this process drives a run
    """

    def __init__(
        self,
        redis: SharedRedis,
        terms: Terms,
        secret: Callable[[], Awaitable[bytes]],
        alive: Callable[[RunId], bool],
    ) -> None:
        self._redis, self._terms, self._secret, self._alive = redis, terms, secret, alive
        self._key = b""
        self._waiting: dict[RunId, tuple[float, Snapshot]] = {}
        self._written: set[RunId] = set()
        self._over: list[RunId] = []
        self.writes = self.refused = 0

    def keep(self, snapshot: Snapshot) -> None:
        run_id = snapshot.run.run_id
        before = self._waiting.get(run_id)
        if snapshot.run.is_over:
            if before is not None:
                del self._waiting[run_id]
            if run_id in self._written:
                self._written.discard(run_id)
                self._over.append(run_id)
        elif before is not None:
            self._waiting[run_id] = before[0], snapshot
        elif len(self._waiting) < WAITING_MAX:
            self._waiting[run_id] = time.monotonic(), snapshot

    def figures(self) -> dict[str, int]:
        return {"waiting": len(self._waiting), "written": self.writes, "refused": self.refused}

    async def newest(self, run_id: RunId) -> Snapshot | None:
        try:
            await self._know_secret()
            value = await self._redis.ask(partial(self._read, run_id))
        except (RedisAway, JournalUnavailable):
            return None
        if not value or self._is_foreign(value):
            return None
        found = self._opened(run_id, value)
        if found is None:
            self.refused += 1
            log.warning("snapshot.refused", run_id=run_id, note="what is in Redis is no snapshot of the run")
            with suppress(RedisAway):
                await self._redis.ask(partial(self._forget, [run_id]))
        return found

    async def work(self) -> None:
        """Write what waits, until this is cancelled."""
        refreshed_s = time.monotonic()
        while True:
            await asyncio.sleep(self._terms.every_s)
            with suppress(RedisAway, JournalUnavailable):
                await self._know_secret()
                await self._write_round()
                if time.monotonic() - refreshed_s > self._terms.ttl_s / LOOKS_PER_TTL:
                    refreshed_s = time.monotonic()
                    await self._refresh()

    async def _write_round(self) -> None:
        over, self._over = self._over, []
        if over:
            await self._redis.ask(partial(self._forget, over))
        values, size, ripe_s = list[tuple[RunId, bytes]](), 0, time.monotonic() - self._terms.every_s
        while self._waiting and len(values) < WRITES_MAX and size < ROUND_BYTES_MAX:
            run_id = next(iter(self._waiting))
            since_s, snapshot = self._waiting[run_id]
            if since_s > ripe_s:
                break
            del self._waiting[run_id]
            value = self._closed(snapshot)
            await asyncio.sleep(0)  # runs go on between two of them
            if len(value) <= self._terms.bytes_max:
                values.append((run_id, value))
                size += len(value)
        if values:
            await self._redis.ask(partial(self._write, values))
            self._written.update(run_id for run_id, _ in values if self._alive(run_id))
            self.writes += len(values)

    async def _refresh(self) -> None:
        """Give the snapshots of living runs their whole time again."""
        self._written = {run_id for run_id in self._written if self._alive(run_id)}
        if self._written:
            await self._redis.ask(partial(self._expire, sorted(self._written)))

    async def _write(self, values: list[tuple[RunId, bytes]], client: Redis) -> None:
        ttl_ms = round(self._terms.ttl_s * 1_000)
        async with client.pipeline(transaction=False) as pipe:
            for run_id, value in values:
                pipe.eval(WRITE, 1, self._name(run_id), value[:SEQ_DIGITS], value, ttl_ms)
            await pipe.execute()

    async def _expire(self, run_ids: list[RunId], client: Redis) -> None:
        async with client.pipeline(transaction=False) as pipe:
            for run_id in run_ids:
                pipe.pexpire(self._name(run_id), round(self._terms.ttl_s * 1_000))
            await pipe.execute()

    async def _forget(self, run_ids: list[RunId], client: Redis) -> None:
        async with client.pipeline(transaction=False) as pipe:
            for run_id in run_ids:
                pipe.unlink(self._name(run_id))
            await pipe.execute()

    async def _read(self, run_id: RunId, client: Redis) -> bytes:
        # never more than a snapshot may have, whatever somebody else has put there
        value = await client.getrange(self._name(run_id), 0, self._terms.bytes_max)
        return value if isinstance(value, bytes) else value.encode()

    def _name(self, run_id: RunId) -> str:
        return self._redis.key("snapshot", run_id)

    async def _know_secret(self) -> None:
        if not self._key:
            self._key = hashlib.blake2b(await self._secret(), person=b"snapshots", digest_size=32).digest()

    @cached_property
    def _format(self) -> bytes:
        return hashlib.blake2b(format_of(), digest_size=FORMAT_BYTES // 2).hexdigest().encode()

    def _is_foreign(self, value: bytes) -> bool:
        """Whether a snapshot is of a build that keeps other things of a run."""
        head = HEAD.match(value)
        return head is not None and head[1] != self._format

    def _closed(self, snapshot: Snapshot) -> bytes:
        head = b"%0*d%b" % (SEQ_DIGITS, snapshot.tip.seq, self._format)
        body = encoded(snapshot)
        return b"%b%b%b" % (head, self._mac(snapshot.run.run_id, head, body), body)

    def _opened(self, run_id: RunId, value: bytes) -> Snapshot | None:
        """The snapshot that a value holds; None when it is none that was made for this run."""
        signed = SEQ_DIGITS + FORMAT_BYTES
        head, mac, body = value[:signed], value[signed : signed + MAC_BYTES], value[signed + MAC_BYTES :]
        if len(value) > self._terms.bytes_max or not hmac.compare_digest(mac, self._mac(run_id, head, body)):
            return None
        try:
            found = decoded(body)
        except NoSnapshot:
            return None
        return found if found.run.run_id == run_id else None

    def _mac(self, run_id: RunId, head: bytes, body: bytes) -> bytes:
        said = hashlib.blake2b(head, key=self._key, digest_size=MAC_BYTES)
        said.update(run_id.encode())
        said.update(body)
        return said.digest()
