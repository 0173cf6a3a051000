"""Options that several commands have, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Server = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="URL", help="Ask this server (else RUNWRIGHT_SERVER_URL, else the local data)."
    ),
]
Tools = Annotated[
    list[Path] | None,
    typer.Option(
        "--tools", metavar="PATH", help="A tool file or folder, beside RUNWRIGHT_TOOLS; may be repeated."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs, and no progress lines.")]
