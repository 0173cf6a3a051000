"""`runwright runs …`: what has been run, and what can still be done about it."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from runwright import leaving
from runwright.cli.failures import DONE, FAILED, Unusable
from runwright.cli.options import AsJson, Server

if TYPE_CHECKING:
    from runwright.cli.possible import Place
    from runwright.core.events import Resolution
    from runwright.ports import RunFilter
    from runwright.settings import Settings

Json = dict[str, Any]
LIMIT_MAX = 10_000
RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id, run_….", show_default=False)]
_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, watch, cancel, restart, approve and reject runs.",
)


@app.command("list")
def list_runs(
    status: Annotated[str | None, typer.Option(help="Only runs in this status, such as failed.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only runs whose plan uses this tool.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Created since: 2h, 7d, 2026-03-01 or RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Created until, written like --since.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--q", metavar="TEXT", help="Only prompts that hold this text.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="At most so many.")] = 20,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """List runs, newest first.

    \b
    Examples:
      runwright runs list --status failed --since 2h
      runwright runs list --tool calculator --json
    """
    from runwright.cli.access import server_of
    from runwright.cli.configured import settings
    from runwright.core.state import RunStatus
    from runwright.ports import RunFilter

    if status is not None and status not in get_args(RunStatus):
        raise Unusable(f"--status must be one of {', '.join(get_args(RunStatus))}")
    now_s = time.time()
    wanted = RunFilter(
        status=status,  # type: ignore[arg-type]  # one of the statuses, as just checked
        tool=tool,
        since_s=None if since is None else instant_of(since, "--since", now_s),
        until_s=None if until is None else instant_of(until, "--until", now_s),
        text=query,
    )
    configured = settings()
    leaving.run(_list(configured, server_of(configured, server), wanted, limit, as_json=as_json))


@app.command()
def show(run_id: RunId, as_json: AsJson = False, server: Server = None) -> None:
    """Show one run and why it is as it is: its steps, its timeline, where its time went, and what to do now.

    \b
    Example:
      runwright runs show run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6
    """
    leaving.run(_show(*settings_and_server(server), run_id, as_json=as_json))


@app.command()
def watch(run_id: RunId, as_json: AsJson = False, server: Server = None) -> None:
    """Follow a run until it is over; one that was interrupted and that no process drives is carried on here.

    Ctrl-C stops watching and leaves the run as it is. Exit status: 0 when the run completed, else 1.

    \b
    Example:
      runwright runs watch run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6
    """
    raise typer.Exit(leaving.run(_watch(*settings_and_server(server), run_id, as_json=as_json)))


@app.command()
def cancel(run_id: RunId, as_json: AsJson = False, server: Server = None) -> None:
    """Cancel a run for good: no further step starts, and running steps are cut off.

    \b
    Example:
      runwright runs cancel run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6
    """
    raise typer.Exit(leaving.run(_cancel(*settings_and_server(server), run_id, as_json=as_json)))


@app.command()
def restart(
    run_id: RunId,
    resolve: Annotated[
        list[str] | None,
        typer.Option(
            "--resolve",
            metavar="N=VERDICT",
            help="For a step whose outcome is unknown: retry, succeeded or failed; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Carry a failed run on behind its last checkpoint, and follow it to its end.

    Steps that have succeeded keep their results and are never run again. Ctrl-C cancels the run.

    \b
    Example:
      runwright runs restart run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6 --resolve 3=retry
    """
    verdicts = verdicts_of(resolve or ())
    raise typer.Exit(leaving.run(_restart(*settings_and_server(server), run_id, verdicts, as_json=as_json)))


def instant_of(text: str, option: str, now_s: float) -> float:
    """Return what `2h` (ago), a date or an RFC 3339 time means, in epoch seconds; no zone: the local one.

    Raises   Unusable
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now_s - int(ago[1]) * _SECONDS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        hint = "write 2h, 7d, 2026-03-01 or 2026-03-01T09:30:00Z"
        raise Unusable(f"{option} {text!r:.60} is no time", hint=hint) from error


def verdicts_of(given: list[str] | tuple[str, ...]) -> dict[int, Resolution]:
    """Return the verdicts on unknown steps by step number.

    Raises   Unusable
    """
    from runwright.core.events import Resolution

    verdicts: dict[int, Resolution] = {}
    for text in given:
        number, _, verdict = text.partition("=")
        if not number.isdecimal() or verdict not in get_args(Resolution):
            hint = f"write a step number and one of {', '.join(get_args(Resolution))}: --resolve 3=retry"
            raise Unusable(f"--resolve {text!r:.60} is no verdict", hint=hint)
        verdicts[int(number)] = verdict  # type: ignore[assignment]  # one of them, as just checked
    return verdicts


def settings_and_server(server: str | None) -> tuple[Settings, str | None]:
    """Return the settings, and the server that is to be asked; None: the local data."""
    from runwright.cli.access import server_of
    from runwright.cli.configured import settings

    configured = settings()
    return configured, server_of(configured, server)


async def _list(
    settings: Settings, server: str | None, wanted: RunFilter, limit: int, *, as_json: bool
) -> None:
    from runwright.cli.access import PAGE_MAX, reading
    from runwright.cli.results import machine
    from runwright.cli.show import runs_shown
    from runwright.cli.text import Paint

    items: list[Json] = []
    cursor: str | None = None
    async with reading(settings, server) as access:
        while len(items) < limit:
            page = await access.runs(wanted, min(PAGE_MAX, limit - len(items)), cursor)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    if as_json:
        print(machine({"items": items, "next_cursor": cursor}))
    elif items:
        print(runs_shown(items, Paint(sys.stdout)))
        if cursor is not None:
            print(f"there are more; --limit {min(LIMIT_MAX, limit * 5)} shows some of them", file=sys.stderr)
    else:
        print("no runs", file=sys.stderr)
    if server is None and not as_json:
        _tell_interrupted(settings, items)


def _tell_interrupted(settings: Settings, items: list[Json]) -> None:
    from runwright.cli.archive import is_driven

    left = [run["run_id"] for run in items if run["status"] in ("pending", "planning", "running")]
    if left and not settings.postgres_url and not is_driven(settings.database_path):
        print(
            f"{len(left)} not over, and no process drives them: `runwright serve` takes them up, "
            f"or carry one on here: runwright runs watch {left[0]}",
            file=sys.stderr,
        )


async def _show(settings: Settings, server: str | None, run_id: str, *, as_json: bool) -> None:
    from runwright.cli.access import reading
    from runwright.cli.results import machine
    from runwright.cli.show import run_shown
    from runwright.cli.text import Paint
    from runwright.cli.timeline import timeline

    async with reading(settings, server) as access:
        run = await access.run(run_id)
        if as_json:
            print(machine(run))
            return
        told = timeline(await access.history(run_id), time.time())
    print(run_shown(run, told, Paint(sys.stdout), _place(settings, server)))


def _place(settings: Settings, server: str | None) -> Place:
    """Where a run was read, and whether somebody drives it."""
    from runwright.cli.possible import Place

    if server is not None:
        return Place(f" --server {server}")
    if settings.postgres_url:
        return Place("")
    from runwright.cli.archive import is_driven

    return Place("", is_driven(settings.database_path))


async def _watch(settings: Settings, server: str | None, run_id: str, *, as_json: bool) -> int:
    from runwright.cli.access import watching
    from runwright.cli.carry import conclude, followed

    where = f" --server {server}" if server else ""
    async with watching(settings, server) as access:
        try:
            story = await followed(access, run_id, dict, quiet=as_json)
        except asyncio.CancelledError:
            print("no longer watching; the run was not cancelled", file=sys.stderr)
            raise
        run = await access.run(run_id)
    return conclude(run, story, where, as_json=as_json)


async def _cancel(settings: Settings, server: str | None, run_id: str, *, as_json: bool) -> int:
    from runwright.cli.access import opened
    from runwright.cli.carry import followed
    from runwright.cli.results import machine
    from runwright.cli.story import OVER
    from runwright.core.errors import Conflict

    async with opened(settings, server) as access:
        try:
            await access.cancel(run_id)
        except Conflict:
            run = await access.run(run_id)
            if run["status"] not in OVER:
                raise
            raise Conflict(f"the run is {run['status']} already") from None
        await followed(access, run_id, dict, quiet=True)
        run = await access.run(run_id)
    print(machine(run) if as_json else f"{run_id} {run['status']}")
    return DONE if run["status"] == "cancelled" else FAILED


async def _restart(
    settings: Settings, server: str | None, run_id: str, verdicts: dict[int, Resolution], *, as_json: bool
) -> int:
    from runwright.cli.access import opened
    from runwright.cli.carry import carried, conclude

    async with opened(settings, server) as access:
        accepted = await access.restart(run_id, verdicts)
        run, story = await carried(access, accepted, quiet=as_json)
    return conclude(run, story, access.where, as_json=as_json)
