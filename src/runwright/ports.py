"""Every port on one page: what the runtime needs from the world, and what each adapter promises.

Client-facing methods take the tenant; another tenant's id is an unknown id. Methods of a worker take the
run id and the epoch of its claim instead. That of API keys has a page of its own, `key_port`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol, TypeAlias

from runwright.core.codec import Record, Tip, verified
from runwright.core.events import Event
from runwright.core.ids import RunId, Tenant
from runwright.core.state import RunStatus


class RunRow(NamedTuple):
    """What lists show of a run without reading its events; derived from them.

    tools     names of the tools that the plan uses
    document  of an ended run: its run object as JSON, without the execution log
    """

    run_id: RunId
    tenant: Tenant
    status: RunStatus
    prompt: str
    created_at_s: float
    started_at_s: float | None = None
    completed_at_s: float | None = None
    plan_hash: str | None = None
    tools: tuple[str, ...] = ()
    document: bytes | None = None


class History(NamedTuple):
    """A run's journal, oldest event first, and the tip that its row claims."""

    run_id: RunId
    tip: Tip
    records: tuple[Record, ...]


class Claim(NamedTuple):
    """The right to append to a run, until another claim raises the epoch."""

    epoch: int
    history: History


class IdempotencyKey(NamedTuple):
    """A client's name for a creation, and the hash of the body that came with it."""

    key: str
    body_hash: bytes


class Created(NamedTuple):
    """What became of a creation: `fresh` is false when the key had made this run before."""

    run_id: RunId
    fresh: bool


class RunFilter(NamedTuple):
    """Which runs a list shows; every condition that is set must hold."""

    status: RunStatus | None = None
    tool: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    text: str | None = None


class Page(NamedTuple):
    """Some records of a run behind a given seq, in order, verified by the caller.

    after   the tip that the first record stands on; the end of the journal when nothing is behind it
    cut     a bound ended the page; else the records are all that is stored
    tip     the end of the journal at the moment of reading
    """

    after: Tip
    records: tuple[Record, ...]
    tip: Tip
    status: RunStatus
    cut: bool

    def verified(self, run_id: RunId) -> list[Event]:
        """Return the page's events, once they are the run's and their chain holds from first to last.

        Raises   RunCorrupt
        """
        return verified(self.records, self.after, None if self.cut else self.tip, run_id)


Control: TypeAlias = Callable[[History], tuple[Sequence[Record], RunRow]]


class Journal(Protocol):
    """The only truth: append-only events of runs, fenced by epoch and seq.

    Every method that writes returns once its transaction is durable; a crash leaves either all of it or
    nothing. Appends of many runs that wait at the same moment may share a transaction, and none can fail
    another. All methods raise JournalUnavailable when the store cannot be reached or is full.
    """

    async def create(
        self, row: RunRow, records: Sequence[Record], *, worker: str | None, key: IdempotencyKey | None
    ) -> Created:
        """Store a new run with its first events, and the client's key with it.

        worker   the run is born claimed by this worker, with epoch 1; None: unclaimed, epoch 0
        Raises   KeyReused when the key was used with another body in the last 24 h
        """

    async def claim(self, run_id: RunId, worker: str) -> Claim | None:
        """Raise the run's epoch and return its journal; None when it is over, unknown, or a live other's."""

    def append(
        self, run_id: RunId, epoch: int, tip: Tip, records: Sequence[Record], row: RunRow | None
    ) -> Awaitable[None]:
        """Add records behind the tip; `row` replaces what lists show when it has changed.

        Raises   ClaimLost when the epoch has moved, StaleAppend when only the journal has
        """

    async def control(self, tenant: Tenant, run_id: RunId, control: Control) -> History:
        """Add what `control` makes of the run's journal, under the lock of the run; return all of it.

        `control` may raise to refuse; nothing is written then.
        Raises   RunMissing
        """

    async def history(self, tenant: Tenant, run_id: RunId) -> History:
        """Return the whole journal of a run. Raises RunMissing."""

    async def page(
        self,
        tenant: Tenant,
        run_id: RunId,
        after_seq: int,
        limit: int | None = None,
        bytes_max: int | None = None,
    ) -> Page:
        """Return up to `limit` records behind `after_seq`, and no more than fit in `bytes_max`.

        One record is returned however large it is.

        Raises   RunMissing
        """

    async def runs(
        self, tenant: Tenant, wanted: RunFilter, before: RunId | None, limit: int
    ) -> Sequence[RunRow]:
        """Return rows of runs, newest first, older than `before`."""

    async def damaged(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        """Return which of these runs have a record that is missing or was changed."""

    async def unfinished(self) -> Sequence[RunId]:
        """Return the ids of all runs that are not over and wait for nobody, oldest first."""


class Todo(NamedTuple):
    """One todo, its text code point for code point as it was given."""

    todo_id: str
    text: str
    created_at_s: float
    completed_at_s: float | None


class TodoList(NamedTuple):
    """One page of the todos that match, oldest first, and figures over all that match.

    next_after     where the next page begins; None behind the last match
    first, last    of all matches, on this page or not
    match_count    of todos that match
    completed_count, pending_count    of those that match the query, whatever status was asked for
    """

    page: tuple[Todo, ...]
    next_after: str | None
    first: Todo | None
    last: Todo | None
    match_count: int
    completed_count: int
    pending_count: int


TodoStatus: TypeAlias = Literal["all", "pending", "completed"]


class Todos(Protocol):
    """The todo lists of all tenants, in the order of adding.

    A method that writes returns once its transaction is durable; a crash leaves all of it or nothing. A key
    names one call of one tenant, and a call repeated with its key changes nothing. All methods raise
    JournalUnavailable when the store cannot be reached or is full.
    """

    async def add(self, tenant: Tenant, text: str, key: str) -> Todo:
        """Return the new todo; the same key again returns that todo as it is now, and adds nothing."""

    async def get(self, tenant: Tenant, todo_id: str) -> Todo | None:
        """Return a todo, None when there is none with this id."""

    async def complete(self, tenant: Tenant, todo_id: str) -> Todo | None:
        """Return the todo, completed; completing it again changes nothing. None when there is none."""

    async def delete(self, tenant: Tenant, todo_id: str, key: str) -> tuple[Todo, int] | None:
        """Return the deleted todo and how many were left then; None when there is none.

        The same key again returns the same, although the todo is gone.
        """

    async def list(
        self,
        tenant: Tenant,
        *,
        status: TodoStatus,
        query: str,
        limit: int,
        after: str | None,
        named: bool = False,
    ) -> TodoList:
        """Return a page of the todos with this status whose text holds the query.

        query    without regard to letter case or to how accents are encoded; "" is in every text
        limit    1 or more; the page may end earlier, never empty, where texts are long
        named    only texts in which the query begins with a word; blanks do not count
        after    the `next_after` of an earlier page, which need not be of the same query; None: the start
        Raises   InvalidInput when `after` is of no page
        """


class Bell(Protocol):
    """Rings when a run's journal may have grown. A ring can be lost or needless: readers read the journal."""

    def clear(self) -> None:
        """Forget earlier rings; call before reading."""

    async def wait(self, timeout_s: float) -> bool:
        """Return whether it rang before the time was over."""


class LiveFeed(Protocol):
    """Wakes the followers of runs."""

    def publish(self, run_id: RunId) -> None:
        """Ring for everybody who follows the run."""

    def ring_all(self) -> None:
        """Ring for everybody, whatever they follow."""

    def listen(self, run_id: RunId) -> AbstractContextManager[Bell]:
        """Return a bell for one run; it is taken down on leaving."""
