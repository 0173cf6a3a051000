"""`runwright runs approve` and `reject`: a person's answer to exactly the plan that was shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from runwright import leaving
from runwright.cli.failures import DONE, FAILED, Unusable
from runwright.cli.options import AsJson, Server
from runwright.cli.runs import RunId, settings_and_server

if TYPE_CHECKING:
    from runwright.cli.access import Answer, Json
    from runwright.settings import Settings

PlanHash = Annotated[
    str | None,
    typer.Option(
        "--plan-hash", metavar="HASH", help="The plan that is meant; without, it is shown and asked."
    ),
]


def approve(
    run_id: RunId, plan_hash: PlanHash = None, as_json: AsJson = False, server: Server = None
) -> None:
    """Approve the plan of a run that waits for it, and follow the run to its end.

    The plan is shown with all of its inputs, and approved once you have said so. A program names the plan it
    has read by its hash instead; another plan than that is never approved. Ctrl-C cancels the run.

    \b
    Examples:
      runwright runs approve run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6
      runwright runs approve run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6 --plan-hash 9e6ac7f3… --json
    """
    where = settings_and_server(server)
    meant = plan_hash or _asked_for(*where, run_id, "approve")
    raise typer.Exit(leaving.run(_approve(*where, run_id, meant, as_json=as_json)))


def reject(run_id: RunId, plan_hash: PlanHash = None, as_json: AsJson = False, server: Server = None) -> None:
    """Reject the plan of a run that waits for it; the run is over then, and none of its steps starts.

    \b
    Example:
      runwright runs reject run_0192f0c1a2b37d4e8f90a1b2c3d4e5f6
    """
    where = settings_and_server(server)
    meant = plan_hash or _asked_for(*where, run_id, "reject")
    raise typer.Exit(leaving.run(_reject(*where, run_id, meant, as_json=as_json)))


def _asked_for(settings: Settings, server: str | None, run_id: str, answer: Answer) -> str:
    """Return the hash of the plan that was shown to a person who said yes.

    Raises   Conflict where nothing waits; Unusable where nobody can be asked; Exit for a no
    """
    from runwright.cli.show import plan_in_full
    from runwright.cli.text import Paint
    from runwright.core.errors import Conflict

    run = leaving.run(_read(settings, server, run_id))
    if run["status"] != "awaiting_approval":
        raise Conflict(f"the run is {run['status']}; it waits for no approval")
    if not sys.stdin.isatty():
        hint = f"runwright runs show {run_id} has it, with the command to type"
        raise Unusable("nobody is there to be asked: say which plan is meant with --plan-hash", hint=hint)
    print(plan_in_full(run["plan"], Paint(sys.stderr)), file=sys.stderr)
    if not typer.confirm(f"{answer} exactly this plan?", err=True):
        print("nothing was answered; the run still waits", file=sys.stderr)
        raise typer.Exit(FAILED)
    return str(run["plan"]["plan_hash"])


async def _read(settings: Settings, server: str | None, run_id: str) -> Json:
    from runwright.cli.access import reading

    async with reading(settings, server) as access:
        return await access.run(run_id)


async def _approve(
    settings: Settings, server: str | None, run_id: str, plan_hash: str, *, as_json: bool
) -> int:
    from runwright.cli.access import opened
    from runwright.cli.carry import carried, conclude

    async with opened(settings, server) as access:
        accepted = await access.answer(run_id, "approve", plan_hash)
        run, story = await carried(access, accepted, quiet=as_json)
    return conclude(run, story, access.where, as_json=as_json)


async def _reject(
    settings: Settings, server: str | None, run_id: str, plan_hash: str, *, as_json: bool
) -> int:
    from runwright.cli.access import opened
    from runwright.cli.results import machine

    async with opened(settings, server) as access:
        run = await access.answer(run_id, "reject", plan_hash)
    print(machine(run) if as_json else f"{run_id} {run['status']}: its plan was rejected")
    return DONE
