"""`runwright audit …`: who did what that security rests on, and what was refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runwright.cli.options import AsJson

if TYPE_CHECKING:
    from runwright.administration import Administered
    from runwright.core.audit import Audited, AuditWhat

Json = dict[str, Any]
LIMIT_MAX = 10_000

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What was done with keys, and what was refused."
)


@app.callback()
def _group() -> None:
    """A group with one command is a group."""


@app.command("list")
def list_entries(
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: 2026-01-31, or an RFC 3339 time.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Only what is of this tenant.")] = None,
    what: Annotated[str | None, typer.Option(metavar="WHAT", help="Only this: key.revoked, …")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=LIMIT_MAX, metavar="N", help="The newest N at most.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """List the entries of the audit trail, newest first: when, what, result, who, from where, to what.

    Nothing in it can be changed; it holds no keys, prompts or results.

    \b
    Examples:
      runwright audit list
      runwright audit list --what key.refused --since 2026-01-31 --json
    """
    found = asyncio.run(_listed(since, tenant, what, limit))
    if as_json:
        from runwright.cli.results import machine

        print(machine({"items": [_shown(one) for one in found]}))
        return
    for one in found:
        print(_line(_shown(one)))
    if not found:
        print("no entries")


async def noted(
    store: Administered, what: AuditWhat, *, tenant: str | None, subject: str | None = None
) -> None:
    """Have the audit trail know what the user of this command line has just done.

    Raises   JournalUnavailable
    """
    import time

    from runwright.core.audit import AuditEntry
    from runwright.core.ids import Tenant

    who = _user()
    of = None if tenant is None else Tenant(tenant)
    await store.audit.append([AuditEntry(time.time(), what, tenant=of, who=who, subject=subject)])


def _user() -> str:
    """The user of this process, as the system knows it: what the environment says, anybody can set."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, in a container
        return f"uid {os.getuid()}"


async def _listed(since: str | None, tenant: str | None, what: str | None, limit: int) -> list[Audited]:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered
    from runwright.cli.failures import Unusable
    from runwright.core.audit import AUDITED, AuditFilter
    from runwright.core.keys import tenant_of

    known = next((one for one in AUDITED if one == what), None)
    if what is not None and known is None:
        raise Unusable(f"{what!r:.60} is nothing that is noted", hint="one of " + ", ".join(AUDITED))
    wanted = AuditFilter(
        None if since is None else _time_s(since), None if tenant is None else tenant_of(tenant), known
    )
    if not configured.postgres_url and not configured.database_path.exists():
        return []
    async with administered(configured) as store:
        return list(await store.audit.page(wanted, None, limit))


def _time_s(text: str) -> float:
    from runwright.cli.failures import Unusable
    from runwright.core.codec import instant

    try:
        return instant(text if "T" in text.upper() else f"{text}T00:00:00Z")
    except (ValueError, OverflowError):
        raise Unusable(f"--since must be a date or an RFC 3339 time, not {text!r:.60}") from None


def _line(shown: Json) -> str:
    who = f"key {shown['key_id']}" if shown["key_id"] else shown["who"] or "nobody known"
    words = [shown["at"], f"{shown['what']:<14}", shown["result"], f"by {who}"]
    for name, value in (("from", shown["address"]), ("of", shown["tenant"]), ("to", shown["subject"])):
        if value:
            words.append(f"{name} {value}")
    if shown["times"] > 1:
        words.append(f"{shown['times']} times")
    return "  ".join(words)


def _shown(one: Audited) -> Json:
    from runwright.core.codec import timestamp

    entry = one.entry._asdict()
    return {"audit_id": one.audit_id, "at": timestamp(entry.pop("at_s")), **entry}
