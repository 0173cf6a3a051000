"""The port by which runs are shared out among processes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from runwright.core.ids import RunId, Tenant


class Hands(Protocol):
    """What drives runs in this process.

    name     names it in the journal
    drives   whether it will ever drive any
    room     how many more runs it could drive at once
    tenants  how many runs of each tenant it has in hand
    """

    name: str

    @property
    def drives(self) -> bool: ...

    @property
    def room(self) -> int: ...

    @property
    def tenants(self) -> Mapping[Tenant, int]: ...

    def take(self, run_id: RunId) -> None:
        """Claim a run and drive it, as soon as there is room."""

    def notice(self, run_id: RunId) -> None:
        """Look at the run's journal again, if the run is in hand."""


class Dispatcher(Protocol):
    """Shares the runs that nobody drives out among the processes of one journal.

    A run goes to one living process at a time, and to another one when that process is not heard of for the
    time of its lease. This decides who tries; who counts is decided by the epoch of the claim.
    """

    async def start(self, hands: Hands, *, take_up: bool) -> int:
        """Let no other process take what these hands drive; return how many runs are taken up at once.

        take_up   bring runs to the hands, now and later; else only those that are offered here
        Raises    JournalUnavailable
        """

    def offer(self, hands: Hands, run_id: RunId) -> None:
        """Have a run driven by somebody: it is on record, and these hands do not have it."""

    @property
    def waiting(self) -> Mapping[Tenant, int]:
        """Return how many runs of each tenant nobody drives, as of a second ago at most.

        Those that wait in some process's hands do not count.
        """

    def has_room(self) -> None:
        """Take note that the hands have room again."""

    @property
    def tenure(self) -> int:
        """Return a number that changes with every gap in which others may have taken what these hands drive.

        It is that of a claim when it was read before the claim was asked for. Costs next to nothing.
        """

    async def hold(self, run_id: RunId, epoch: int) -> int | None:
        """Return the tenure of a claim that is still the newest, None when it is not.

        From then on it stays with these hands for the time of a lease at least.
        Raises   JournalUnavailable
        """

    async def leave(self, run_id: RunId) -> bool:
        """Return whether a claimed run was left to others for a while, because these hands lack its tools.

        Raises   JournalUnavailable
        """

    async def give_back(self, kept: Collection[RunId]) -> None:
        """Leave to others what these hands were brought and have not begun; `kept` are those in hand."""

    def duty(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process has a duty, until the context is left; one of all has it at a time.

        A process that is stopped loses it without knowing: what is done under it must do no harm when another
        process has begun it as well.
        Raises   JournalUnavailable
        """

    async def stop(self) -> None:
        """Leave to others everything that these hands had; harmless when it is repeated."""
