"""The command line. It reads what was asked and prints what became of it; all work is done elsewhere.

Every command loads what it needs when it is called, so that help is there at once.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
from typing import Annotated, NoReturn

import typer

from runwright.cli import approval, audit, database, keys, runs, tenants, tools
from runwright.cli.bench import bench
from runwright.cli.doctor import doctor
from runwright.cli.failures import FAILED, report, report_fault
from runwright.cli.run import run
from runwright.cli.serve import serve
from runwright.cli.worker import worker
from runwright.core.errors import RunwrightError

app = typer.Typer(
    name="runwright",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command(short_help="Serve the API and the web page.")(serve)
app.command(short_help="Carry out runs that are accepted elsewhere.")(worker)
runs.app.command()(approval.approve)
runs.app.command()(approval.reject)
app.add_typer(runs.app, name="runs")
app.add_typer(tools.app, name="tools")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="db")
app.command(short_help="Check everything that Runwright needs.")(doctor)
app.command(short_help="Measure what durable steps cost on this machine.")(bench)

# `-2**2` is a prompt: no option begins with a digit, a bracket or a point
_PROMPT = re.compile(r"-[\d(.,]")


def main() -> NoReturn:
    """Carry out the command line of this process; leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text files here
    try:
        app(args=prompts_last(sys.argv[1:]), prog_name="runwright")
    except RunwrightError as error:
        _leave(report(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _leave(report(RunwrightError(f"{place}{error.strerror or error}")))
    except SystemExit as done:
        _leave(done.code if isinstance(done.code, int) else FAILED)
    except Exception as error:
        _leave(report_fault(error))
    _leave(0)


def prompts_last(arguments: list[str]) -> list[str]:
    """Return the arguments with prompts such as `-2**2` where they cannot be taken for options."""
    prompts = [argument for argument in arguments if _PROMPT.match(argument)]
    if not prompts or "--" in arguments:
        return arguments
    return [*(argument for argument in arguments if argument not in prompts), "--", *prompts]


def _leave(code: int) -> NoReturn:
    """Leave the process now: all that must be kept is on disk.

    Python would take every module apart first, and wait for the thread of a tool that was cut off and does
    not notice. A stdout that takes no more changes the status at most.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  # tools may have registered some; there is no public way
    try:
        sys.stdout.flush()
    except OSError:
        code = code or FAILED
    sys.stderr.flush()
    os._exit(code)


def _version(asked: bool) -> None:
    if asked:
        from runwright.version import VERSION as __version__

        print(f"runwright {__version__}")
        raise typer.Exit


@app.callback()
def runwright(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A prompt becomes a checked plan, carried out durably and in parallel.

    \b
    Examples:
      runwright run "calculate (41*7)+13"
      runwright serve
      runwright COMMAND --help
    """
