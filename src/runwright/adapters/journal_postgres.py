"""The journal in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from runwright.adapters import journal_postgres_sql as sql
from runwright.adapters.archived import whole
from runwright.adapters.archived_postgres import (
    DOCUMENTS,
    MARKS,
    Rows,
    archived_page,
    archived_tip_hash,
    take_back,
)
from runwright.adapters.journal_postgres_rows import HASH_BYTES, PREFIX, bare, inflated, records_of, run_id_of
from runwright.adapters.journal_postgres_writes import (
    Append,
    Claimed,
    Claiming,
    Creation,
    appended,
    appends_found,
    claimed,
    claims_found,
    created,
    creations_found,
    missing,
    size_of,
    written,
)
from runwright.adapters.postgres import Connection, Database
from runwright.adapters.postgres_commit import GroupCommit, Room
from runwright.adapters.run_lists_postgres import listed
from runwright.adapters.run_rows import is_sound
from runwright.core import events as ev
from runwright.core.codec import EMPTY, Record, Tip, link
from runwright.core.errors import JournalUnavailable, RunCorrupt
from runwright.core.ids import RunId, Tenant
from runwright.core.state import OVER
from runwright.crash_points import crash_here
from runwright.ports import Claim, Control, Created, History, IdempotencyKey, Page, RunFilter, RunRow

_ROW_BYTES = 200  # of a row beside what is long in it


class PostgresJournal:
    """`Journal` on a database that any number of processes may write.

    unclaimed   is told of runs whose creation turned out to be committed after its caller had given up
    """

    def __init__(
        self, database: Database, room: Room, unclaimed: Callable[[RunId], None] = lambda run_id: None
    ) -> None:
        self._database = database
        self.creations = GroupCommit[Creation, Created](
            database,
            room,
            perform=created,
            read_back=creations_found,
            key=lambda one: (one.row.tenant, one.key.key) if one.key else one.row.run_id,
            unclaimed=lambda made: unclaimed(made.run_id) if made.fresh else None,
        )
        self.claims = GroupCommit[Claiming, Claimed | None](
            database, room, perform=claimed, read_back=claims_found, key=lambda one: one.run_id
        )
        self.appends = GroupCommit[Append, None](
            database, room, perform=appended, read_back=appends_found, key=lambda one: one.run_id
        )

    async def close(self) -> None:
        """Let what waits be committed; whatever comes later is refused."""
        await self.creations.close()
        await self.claims.close()
        await self.appends.close()

    async def create(
        self, row: RunRow, records: Sequence[Record], *, worker: str | None, key: IdempotencyKey | None
    ) -> Created:
        size = len(row.prompt) + len(row.document or b"") + size_of(records)
        await self._database.reached()
        return await self.creations.submit(Creation(row, records, worker, key), size)

    async def claim(self, run_id: RunId, worker: str) -> Claim | None:
        if bare(run_id) is None:
            return None
        await self._database.reached()
        made = await self.claims.submit(Claiming(run_id, worker), _ROW_BYTES)
        if made is None:
            return None
        return Claim(made.epoch, History(run_id, made.tip, tuple(records_of(run_id, made.rows))))

    def append(
        self, run_id: RunId, epoch: int, tip: Tip, records: Sequence[Record], row: RunRow | None
    ) -> Awaitable[None]:
        size = size_of(records) + (len(row.document or b"") + _ROW_BYTES if row is not None else 0)
        return self.appends.submit(Append(run_id, epoch, tip, records, row), size)

    async def control(self, tenant: Tenant, run_id: RunId, control: Control) -> History:
        if (uuid := bare(run_id)) is None:
            raise missing(run_id)
        backend, new = 0, list[Record]()
        try:
            async with self._database.connection() as con, con.transaction():
                backend = con.get_server_pid()
                locked = await con.fetchrow(sql.LOCK, uuid, tenant)
                if locked is None:
                    raise missing(run_id)
                epoch, seq, head, status = locked
                old = tuple(records_of(run_id, await con.fetch(sql.HISTORY, uuid, seq)))
                # the row is locked, so nobody can be moving the run
                kept = () if old else (await archived_page(con.fetch, run_id, 0))[1]
                old = old or kept
                tip = Tip(seq, head)
                added, row = control(History(run_id, tip, old))
                if added:
                    new += added
                    if status in OVER:
                        await take_back(con, run_id, kept)
                    (refused,) = await written(con, [Append(run_id, epoch, tip, new, row)])
                    assert refused is None, refused
                    rested = status in OVER or old[-1].type == ev.RunAwaitingApproval.type
                    await con.execute(sql.CONTROLLED, uuid, rested)
                crash_here("control.before_commit", new)
        except JournalUnavailable:
            if not new or not await self._is_there(backend, uuid, new[-1]):
                raise
        return History(run_id, Tip(new[-1].seq, new[-1].hash) if new else tip, (*old, *new))

    async def _is_there(self, backend: int, uuid: str, record: Record) -> bool:
        """Whether a record is on file whose commit was cut off, once its backend is gone for sure."""
        with suppress(JournalUnavailable):
            async with self._database.again() as con:
                if await self._database.ended(con, backend):
                    hashes = await con.fetchval(sql.HASH, uuid, record.seq)
                    return hashes is not None and hashes[-HASH_BYTES:] == record.hash
        return False

    async def history(self, tenant: Tenant, run_id: RunId) -> History:
        page = await self.page(tenant, run_id, 0)
        return History(run_id, page.tip, page.records)

    async def page(
        self,
        tenant: Tenant,
        run_id: RunId,
        after_seq: int,
        limit: int | None = None,
        bytes_max: int | None = None,
    ) -> Page:
        wanted = run_id, after_seq, limit, bytes_max
        if bare(run_id) is None:
            raise missing(run_id)
        page = await self._page(self._database.rows, tenant, *wanted)
        if page is not None:
            return page
        async with (
            self._database.connection() as con,
            con.transaction(isolation="repeatable_read", readonly=True),
        ):
            # what is moved to the archive, or back, must not be missed in between
            return await self._page(con.fetch, tenant, *wanted) or await self._archived(con, *wanted)

    async def _page(
        self,
        ask: Rows,
        tenant: Tenant,
        run_id: RunId,
        after_seq: int,
        limit: int | None,
        bytes_max: int | None,
    ) -> Page | None:
        """A page out of the journal itself; None when the run is over and has nothing there.

        Raises   RunMissing, RunCorrupt
        """
        uuid = run_id[PREFIX:]
        query = sql.PAGE if bytes_max is None else sql.PAGE_BYTES
        rows = await ask(query, uuid, after_seq, limit, *(() if bytes_max is None else (bytes_max,)))
        if not rows:
            if await ask(sql.ANY_EVENT, uuid) or await ask(MARKS, uuid):
                raise RunCorrupt("the run has events, and its row is missing")
            raise missing(run_id)
        seq, head, status, witness, owner, *more = rows[0][:10]
        if not is_sound((run_id, owner, status, *more), witness):
            raise RunCorrupt("the run's row was damaged or changed")
        if owner != tenant:
            raise missing(run_id)
        tip = Tip(seq, head)
        found = list(records_of(run_id, [row[10:13] for row in rows if row[10] is not None]))
        if not found and status in OVER:
            return None
        if after_seq >= seq:
            if not any(record.seq == seq and record.hash == head for record in found):
                raise RunCorrupt(f"the run's journal does not end at event {seq}")
            return Page(tip, (), tip, status, cut=False)
        before = next((record.hash for record in found if record.seq == after_seq), b"")
        records, cut = _within([record for record in found if record.seq > after_seq], limit, bytes_max)
        cut = cut or (rows[-1][13] or 0) > len(rows)
        return Page(Tip(after_seq, before) if after_seq > 0 else EMPTY, records, tip, status, cut)

    async def _archived(
        self, con: Connection, run_id: RunId, after_seq: int, limit: int | None, bytes_max: int | None
    ) -> Page:
        """A page out of the archive; without any records when the run is not there either."""
        [(seq, head, status)] = await con.fetch(sql.TIP, run_id[PREFIX:])
        tip = Tip(seq, head)
        if after_seq >= seq:
            if await archived_tip_hash(con.fetch, run_id) != head:
                raise RunCorrupt(f"the run's journal does not end at event {seq}")
            return Page(tip, (), tip, status, cut=False)
        last, records, cut = await archived_page(con.fetch, run_id, after_seq, limit, bytes_max)
        after = Tip(after_seq, last) if after_seq else EMPTY
        return Page(after, records, tip, status, cut=cut or len(records) == limit)

    async def runs(
        self, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
    ) -> Sequence[RunRow]:
        return await listed(self._database, tenant, wanted, before, limit)

    async def damaged(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        asked = [uuid for run_id in run_ids if (uuid := bare(run_id))]
        sound, seen = set[str](), set[str]()
        run, seq, last = "", 0, b""
        async with (
            self._database.connection() as con,
            con.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await con.fetch(sql.WITNESSED, asked)
            tips = {(row[0].hex, row[1], row[2]) for row in rows if _is_sound(row)}
            chains = con.cursor(sql.CHAINS, asked, prefetch=sql.CHAINS_AT_ONCE)
            async for uuid, *row in chains:
                if uuid.hex != run:
                    seen.add(uuid.hex)
                    run, (seq, last) = uuid.hex, EMPTY
                for record in records_of(run_id_of(uuid), [row]):
                    seq, last = seq + 1, link(last, record.body)
                    if record.seq != seq or record.hash != last:
                        seq = -1  # no tip has it, nor will any later event of the run
                if (run, seq, last) in tips:
                    sound.add(run)
                else:
                    sound.discard(run)
            kept = con.cursor(DOCUMENTS, [uuid for uuid in asked if uuid not in seen], prefetch=1)
            async for uuid, document, marks in kept:
                records = whole(run_id_of(uuid), document, marks) or ()
                if _is_chain(records) and (uuid.hex, len(records), records[-1].hash) in tips:
                    sound.add(uuid.hex)
        return frozenset(run_id for run_id in run_ids if run_id[PREFIX:] not in sound)

    async def unfinished(self) -> Sequence[RunId]:
        return [run_id_of(row[0]) for row in await self._database.rows(sql.UNFINISHED)]


def _is_sound(row: Sequence[Any]) -> bool:
    """Whether a run's row and document are those that their witnesses saw."""
    run_id, prompt = run_id_of(row[0]), row[12].decode(errors="replace")
    return is_sound((run_id, *row[4:11]), row[3]) and is_sound(
        (run_id, prompt, row[13] and inflated(row[13])), row[11]
    )


def _is_chain(records: Sequence[Record]) -> bool:
    last = EMPTY.hash
    for record in records:
        last = link(last, record.body)
        if record.hash != last:
            return False
    return bool(records)


def _within(
    records: Sequence[Record], limit: int | None, bytes_max: int | None
) -> tuple[tuple[Record, ...], bool]:
    """The first records that fit, and the first of all in any case; and whether a bound ended them."""
    size = 0
    for number, record in enumerate(records):
        size += len(record.body)
        if number == limit or (number and bytes_max is not None and size > bytes_max):
            return tuple(records[:number]), True
    return tuple(records), len(records) == limit
