"""`runwright worker`: carries out runs that others accept, without an API."""

from __future__ import annotations

from typing import Annotated

import typer

from runwright.cli.lean import load_structlog
from runwright.cli.options import Tools


def worker(
    tools: Tools = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Answer probes and show metrics here (else RUNWRIGHT_WORKER_METRICS_PORT)."
        ),
    ] = None,
) -> None:
    """Carry out runs that are accepted on the same PostgreSQL database, whoever accepted them.

    Any number of workers may share a database; all need the same tools. One that is not heard of for
    RUNWRIGHT_WORKER_LEASE_S is taken for dead, and its runs are taken over. SIGTERM and Ctrl-C let running
    steps end, leave the rest to others and leave with status 0. Logs go to stderr.

    With --metrics-port it answers /health/live, /health/ready and /metrics on this port, and nothing else.

    \b
    Examples:
      RUNWRIGHT_DATABASE_URL=postgresql://localhost/runs runwright worker
      runwright worker --tools my_tools.py --metrics-port 9100
    """
    from runwright.cli.configured import settings

    configured = settings(tools or (), worker_metrics_port=metrics_port)
    load_structlog()
    from runwright import workers

    raise typer.Exit(workers.work(configured))
