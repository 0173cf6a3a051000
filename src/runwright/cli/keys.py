"""`runwright keys …`: API keys, made and revoked on the store itself, whoever serves from it."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runwright.cli.audit import noted
from runwright.cli.options import AsJson
from runwright.core.ids import DEFAULT_TENANT

if TYPE_CHECKING:
    from runwright.core.keys import ApiKey

Json = dict[str, Any]
DAY_S = 86_400.0

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke API keys.")


@app.command()
def create(
    tenant: Annotated[
        str, typer.Option(metavar="TENANT", help="Whose runs and todos the key is for.")
    ] = DEFAULT_TENANT,
    scopes: Annotated[
        str, typer.Option(metavar="SCOPES", help="What it may do: run, read, admin.")
    ] = "run,read",
    expires_in_days: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=36_500, metavar="DAYS", help="When it ends by itself.", show_default="never"
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for, to tell it by.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, alone on its line; it cannot be shown again.

    As soon as there is one key, a server on this store lets nobody in without one. Running servers know it
    within five seconds.

    \b
    Examples:
      runwright keys create --tenant team-a --scopes run,read
      runwright keys create --scopes read --expires-in-days 30 --name dashboard
    """
    wanted = {
        "tenant": tenant,
        "scopes": [scope.strip() for scope in scopes.split(",") if scope.strip()],
        "name": name,
        "expires_in_s": None if expires_in_days is None else expires_in_days * DAY_S,
    }
    key, text, first = asyncio.run(_created(wanted))
    if as_json:
        from runwright.cli.results import machine

        print(machine({"key": text, **_shown(key)}))
        return
    allowed = ", ".join(_shown(key)["scopes"])
    print(f"key {key.key_id} of tenant {key.tenant}, for {allowed}; it is shown this once:", file=sys.stderr)
    print(text)
    if first:
        note = "this is the first key: from now on the server lets nobody in without one"
        print(note, file=sys.stderr)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, oldest first: state, id, tenant, scopes, last use and name; never the keys themselves.

    \b
    Example:
      runwright keys list
    """
    keys, mark = asyncio.run(_listed())
    shown = [{**_shown(key), "state": _state(key, mark)} for key in keys]
    if as_json:
        from runwright.cli.results import machine

        print(machine({"items": shown}))
        return
    for key in shown:
        used = (key["last_used_at"] or "never used")[:16]
        scopes = ",".join(key["scopes"])
        ends = f"  until {key['expires_at'][:16]}" if key["expires_at"] else ""
        line = f"{key['state']:<8}  {key['key_id']}  {key['tenant']}  {scopes}  {used}{ends}"
        print(f"{line}  {key['name'] or ''}".rstrip())
    if not shown:
        print("no keys: a server on this store listens on this computer only, and lets everybody on it in")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good. Within five seconds every server refuses it and ends the streams it opened.

    ID is what stands between the two underscores of the key.

    \b
    Example:
      runwright keys revoke 4kq2m7x0c9ab
    """
    key = asyncio.run(_revoked(key_id))
    if as_json:
        from runwright.cli.results import machine

        print(machine(_shown(key)))
        return
    print(f"{key.key_id} is revoked")


async def _created(wanted: Json) -> tuple[ApiKey, str, bool]:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered
    from runwright.bootstrap import pepper_of
    from runwright.runtime.keyring import issued

    async with administered(configured) as store:
        first = await store.keys.version() == 0
        key, text = await issued(store.keys, pepper_of(configured), time.time(), **wanted)
        await noted(store, "key.created", tenant=key.tenant, subject=key.key_id)
    return key, text, first


async def _listed() -> tuple[list[ApiKey], bytes]:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered
    from runwright.bootstrap import pepper_of
    from runwright.core.keys import mark_of

    if not configured.postgres_url and not configured.database_path.exists():
        return [], b""
    async with administered(configured) as store:
        found = list(await store.keys.all())
        pepper = b"" if not found else pepper_of(configured) or await store.keys.pepper()
    return found, mark_of(pepper)


async def _revoked(key_id: str) -> ApiKey:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered
    from runwright.core.errors import Missing
    from runwright.core.keys import KEY_ID

    missing = Missing("there is no API key with this id", hint="`runwright keys list` shows them")
    if not KEY_ID.fullmatch(key_id):  # a whole key would end up in the history of the shell, and in logs
        raise missing
    async with administered(configured) as store:
        key = await store.keys.revoke(key_id, time.time())
        if key is None:
            raise missing
        await noted(store, "key.revoked", tenant=key.tenant, subject=key.key_id)
    return key


def _state(key: ApiKey, mark: bytes) -> str:
    if key.revoked_at_s is not None:
        return "revoked"
    if not key.is_usable(time.time()):
        return "expired"
    return "usable" if key.pepper_mark == mark else "useless"  # made with a pepper that is gone


def _shown(key: ApiKey) -> Json:
    from runwright.core.codec import timestamp
    from runwright.core.keys import SCOPES

    times = {
        "created_at": key.created_at_s,
        "expires_at": key.expires_at_s,
        "revoked_at": key.revoked_at_s,
        "last_used_at": key.last_used_at_s,
    }
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "name": key.name,
        **{name: None if at_s is None else timestamp(at_s) for name, at_s in times.items()},
    }
