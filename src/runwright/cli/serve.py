"""`runwright serve`: API and page, and a worker unless others are to carry out the runs."""

from __future__ import annotations

from typing import Annotated

import typer

from runwright.cli.lean import load_structlog
from runwright.cli.options import Tools


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="The address to listen on (else RUNWRIGHT_HOST).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="The port; 0 takes any (else RUNWRIGHT_PORT).")
    ] = None,
    tools: Tools = None,
    workers: Annotated[
        int, typer.Option(min=0, max=1, metavar="0|1", help="1: runs are carried out here; 0: API only.")
    ] = 1,
) -> None:
    """Serve the API and the web page, and carry out runs; those that were interrupted go on.

    With --workers 0 runs are accepted and shown here, and carried out by `runwright worker` on the same
    PostgreSQL database.

    SIGTERM and Ctrl-C let running steps end and leave with status 0. Logs go to stderr.

    \b
    Examples:
      runwright serve
      runwright serve --port 9000 --tools my_tools.py
    """
    from runwright.cli.configured import settings

    configured = settings(tools or (), host=host, port=port)
    load_structlog()
    from runwright import asgi

    raise typer.Exit(asgi.serve(configured, drives=workers > 0))
