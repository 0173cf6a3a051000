"""`runwright run`: a prompt, or a plan, is carried out and its result printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runwright import leaving
from runwright.cli.failures import DONE, FAILED, Unusable
from runwright.cli.options import AsJson, Server, Tools

if TYPE_CHECKING:
    from runwright.settings import Settings

Json = dict[str, Any]


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROMPT]", help="What is to be done, in quotes.", show_default=False),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option("--plan", metavar="FILE", help="Carry out the plan in this JSON file; - is stdin."),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Print the plan or its problems; run nothing.")
    ] = False,
    as_json: AsJson = False,
    tools: Tools = None,
    server: Server = None,
) -> None:
    """Plan a prompt, carry it out, and print its result.

    The run is durable: each step is recorded before and after it is done. Ctrl-C cancels it. Progress and
    errors go to stderr, the result alone to stdout. Exit status: 0 completed, 1 failed or cancelled, 2 usage.

    \b
    Examples:
      runwright run "calculate (41*7)+13, add the result as a todo, then show my todos"
      runwright run --plan-only "half of 84 and 20% of 50"
      runwright run --plan plan.json --tools my_tools.py --json
    """
    from runwright.cli.access import server_of
    from runwright.cli.configured import settings

    given = None if plan is None else plan_from(plan)
    prompt = prompt_from(words or ())
    if given is None and (prompt is None or not prompt.strip()):
        raise Unusable("say what is to be done", hint='runwright run "2 + 2", or --plan FILE')
    configured = settings(tools or ())
    address = server_of(configured, server, tools or ())
    if plan_only:
        code = leaving.run(_plan(configured, address, prompt, given, hand_over=not tools, as_json=as_json))
    else:
        code = leaving.run(_run(configured, address, prompt, given, hand_over=not tools, as_json=as_json))
    raise typer.Exit(code)


def prompt_from(words: Sequence[str]) -> str | None:
    """Return the one prompt among the arguments.

    Raises   Unusable when there are more, because a shell may have put file names among them
    """
    if not words:
        return None
    if len(words) > 1:
        raise Unusable("the prompt is more than one argument", hint='put it in quotes: runwright run "2 * 3"')
    try:
        words[0].encode()
    except UnicodeEncodeError as error:  # bytes that are no text arrive as half surrogates
        raise Unusable("the prompt is not text in UTF-8") from error
    return words[0]


def plan_from(file: str) -> Json:
    """Return the plan in a JSON file; `-` is stdin.

    Raises   Unusable
    """
    import msgspec

    name = "stdin" if file == "-" else file
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        plan = msgspec.json.decode(raw)
    except OSError as error:
        raise Unusable(f"the plan {name} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unusable(f"the plan {name} is not JSON: {error}") from error
    if not isinstance(plan, dict):
        raise Unusable(f"the plan {name} is no JSON object", hint='{"goal": "…", "steps": […]}')
    # a whole run object, as --json prints it, or the answer of --plan-only, holds its plan
    inner = plan.get("plan")
    return inner if isinstance(inner, dict) and "steps" not in plan else plan


async def _run(
    settings: Settings,
    server: str | None,
    prompt: str | None,
    plan: Json | None,
    *,
    hand_over: bool,
    as_json: bool,
) -> int:
    from runwright.cli.access import opened
    from runwright.cli.carry import carried, conclude

    async with opened(settings, server, hand_over=hand_over) as access:
        accepted = await access.submit(prompt, plan)
        run, story = await carried(access, accepted, quiet=as_json)
    return conclude(run, story, access.where, as_json=as_json)


async def _plan(
    settings: Settings,
    server: str | None,
    prompt: str | None,
    plan: Json | None,
    *,
    hand_over: bool,
    as_json: bool,
) -> int:
    from runwright.cli.access import opened
    from runwright.cli.carry import problem_line
    from runwright.cli.results import machine
    from runwright.cli.show import plan_shown
    from runwright.cli.text import Paint

    async with opened(settings, server, hand_over=hand_over) as access:
        if plan is None:
            verdict = await access.plan(prompt or "")
        else:
            problems = await access.problems(plan)
            verdict = {"plan": plan if not problems else None, "problems": problems}
    if as_json:
        print(machine(verdict))
    elif verdict["plan"] is not None:
        print(plan_shown(verdict["plan"], Paint(sys.stdout)))
    for problem in verdict["problems"]:
        print(f"{Paint(sys.stderr)('problem:', 'red', 'bold')} {problem_line(problem)}", file=sys.stderr)
    return FAILED if verdict["problems"] else DONE
