"""Where runs and tools are asked for: here, in a server, or in a file that another process drives."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from runwright.cli.failures import Unusable

if TYPE_CHECKING:
    from runwright.core.events import Resolution
    from runwright.ports import RunFilter
    from runwright.settings import Settings

Json = dict[str, Any]
Answer: TypeAlias = Literal["approve", "reject"]

# What a server gives at once; longer lists are read page by page.
PAGE_MAX = 100


class Following(Protocol):
    """A run can be read and followed."""

    async def run(self, run_id: str) -> Json:
        """Return a run object as it is now."""

    def events(self, run_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yield the events of a run behind seq `after` until it is over, or nobody is left to go on."""


class Reading(Following, Protocol):
    """Runs can be found, read and followed, and nothing is changed."""

    async def runs(self, wanted: RunFilter, limit: int, cursor: str | None) -> Json:
        """Return a page `{items, next_cursor}`, newest first, without execution logs; at most PAGE_MAX."""

    async def history(self, run_id: str) -> list[Json]:
        """Return the events of a run so far; a run's journal has a bound of its own."""


class Access(Following, Protocol):
    """Runs can be created, followed and changed.

    where   what a command needs to come here again, such as ` --server http://…`
    """

    where: str

    async def submit(self, prompt: str | None, plan: Json | None) -> Json:
        """Return the run as it was accepted."""

    async def cancel(self, run_id: str) -> Json:
        """Return the run with its cancellation on record."""

    async def restart(self, run_id: str, resolve: Mapping[int, Resolution]) -> Json:
        """Return the failed run, under way again."""

    async def answer(self, run_id: str, answer: Answer, plan_hash: str) -> Json:
        """Return the run with a person's answer to exactly this plan on record."""

    async def plan(self, prompt: str) -> Json:
        """Return `{plan, problems, estimate}`; runs nothing."""

    async def problems(self, plan: Json) -> list[Json]:
        """Return every defect of a plan."""

    def progress(self, run_id: str) -> Mapping[int, str]:
        """Return what running steps say of how far they are, where that can be known."""


def server_of(settings: Settings, option: str | None, tools: Sequence[Path] = ()) -> str | None:
    """Return the address of the server that a command talks to; None: the local data.

    Raises   Unusable for an address that is none, and for tools that a server would have to load
    """
    given = option or settings.server_url
    if given is None:
        return None
    named = "--server" if option else "RUNWRIGHT_SERVER_URL"
    if tools:
        raise Unusable(f"--tools loads tools here, but {named} names a server", hint="use one of the two")
    return address_of(given, named)


def address_of(given: str, named: str) -> str:
    """Return a server's address as a URL without a slash at its end.

    Raises   Unusable
    """
    from urllib.parse import urlsplit

    url = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise Unusable(f"{named} is {given!r:.100}, which is no address", hint="write http://HOST:PORT")
    return url.rstrip("/")


@asynccontextmanager
async def opened(settings: Settings, server: str | None, *, hand_over: bool = True) -> AsyncIterator[Access]:
    """Yield access to the server, or to the local data, which this process drives then.

    hand_over   whether a server that drives the local data may be asked instead
    Raises      DatabaseInUse when another process drives the data and cannot be asked
    """
    async with AsyncExitStack() as stack:
        where = "" if server is None else f" --server {server}"
        if server is None:
            from runwright.cli.local import local
            from runwright.core.errors import DatabaseInUse

            try:
                access = await stack.enter_async_context(local(settings))
            except DatabaseInUse as in_use:
                if not hand_over or in_use.address is None:
                    raise
                server = in_use.address
                print(f"asking the server at {server}, which drives the local data", file=sys.stderr)
            else:
                yield access
                return
        from runwright.cli.client import remote

        yield await stack.enter_async_context(remote(server, where))


@asynccontextmanager
async def watching(settings: Settings, server: str | None) -> AsyncIterator[Following]:
    """Yield access for following a run: to the server, else to the local data, whoever drives it."""
    async with AsyncExitStack() as stack:
        from runwright.core.errors import DatabaseInUse

        if server is None and settings.postgres_url:  # to drive a run here would take it from its driver
            yield await stack.enter_async_context(reading(settings, None))
            return
        try:
            access: Following = await stack.enter_async_context(opened(settings, server))
        except DatabaseInUse:
            access = await stack.enter_async_context(reading(settings, None))
        yield access


def reading(settings: Settings, server: str | None) -> AbstractAsyncContextManager[Reading]:
    """Return access for reading: the local data can be read whoever drives it."""
    if server is not None:
        from runwright.cli.client import remote

        return remote(server, "")
    from runwright.cli.archive import archive

    return archive(settings)
