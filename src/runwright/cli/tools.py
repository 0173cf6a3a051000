"""`runwright tools …`: which tools there are, and whether a tool file is sound."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runwright.cli.failures import DONE, FAILED
from runwright.cli.options import AsJson, Server, Tools
from runwright.visible import visible

if TYPE_CHECKING:
    from runwright.cli.text import Paint
    from runwright.settings import Settings

Json = dict[str, Any]

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List and show tools, and check tool files."
)


@app.command("list")
def list_tools(tools: Tools = None, as_json: AsJson = False, server: Server = None) -> None:
    """List the tools that plans can use, each in its newest version.

    \b
    Examples:
      runwright tools list
      runwright tools list --tools my_tools.py --json
    """
    from runwright.cli.results import machine
    from runwright.cli.show import tools_shown
    from runwright.cli.text import Paint

    found = asyncio.run(_found(*_where(tools or (), server)))
    print(machine({"items": found}) if as_json else tools_shown(found, Paint(sys.stdout)))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.", show_default=False)],
    tools: Tools = None,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Show one tool: what it does, takes and returns, its effects, time limit and attempts.

    \b
    Example:
      runwright tools show calculator
    """
    from runwright.cli.results import machine
    from runwright.cli.show import tool_shown
    from runwright.cli.text import Paint

    found = asyncio.run(_found(*_where(tools or (), server), name))
    print(machine(found[0]) if as_json else tool_shown(found[0], Paint(sys.stdout)))


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A tool file, or a folder of them.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Load a tool file or folder, and say of every file which tools it holds or why it cannot be used.

    Loading a file runs it. Exit status: 0 when all is well, 1 when something cannot be used.

    \b
    Example:
      runwright tools check my_tools.py
    """
    from runwright.cli.results import machine
    from runwright.cli.text import Paint
    from runwright.cli.toolbox import checked

    verdicts = checked(path)
    good = all(verdict["ok"] for verdict in verdicts)
    if as_json:
        print(machine({"ok": good, "items": verdicts}))
    else:
        paint = Paint(sys.stdout)
        for verdict in verdicts:
            print(_verdict_line(verdict, paint))
    raise typer.Exit(DONE if good else FAILED)


def _verdict_line(verdict: Json, paint: Paint) -> str:
    if verdict["ok"]:
        tool = verdict["tool"]
        fields = ", ".join(tool["input_schema"].get("properties", {})) or "nothing"
        head = f"{paint('ok', 'green', 'bold')}     {verdict['name']} {verdict['version']}"
        return f"{head}: {tool['effects']}, at most {tool['timeout_s']:g} s, takes {visible(fields)}"
    name = f"{verdict['name']} {verdict['version']}: " if "name" in verdict else ""
    return f"{paint('error', 'red', 'bold')}  {visible(name + verdict['problem'])}"


def _where(tools: Sequence[Path], server: str | None) -> tuple[Settings, str | None]:
    from runwright.cli.access import server_of
    from runwright.cli.configured import settings

    configured = settings(tools)
    return configured, server_of(configured, server, tools)


async def _found(settings: Settings, server: str | None, name: str | None = None) -> list[Json]:
    """The tools of the server, or those that can be used here; with a name, that one alone."""
    if server is not None:
        from runwright.cli.client import remote

        async with remote(server, "") as access:
            return await access.tools() if name is None else [await access.tool(name)]
    import msgspec

    from runwright.cli.toolbox import registry

    known = registry(settings)
    specs = known.specs() if name is None else [known.described(name)]
    found: list[Json] = msgspec.to_builtins(list(specs))
    return found
