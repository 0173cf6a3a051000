"""`runwright doctor`: everything that Runwright needs, and what to do where it is not there."""

from __future__ import annotations

import sys

import typer

from runwright.cli.failures import DONE, FAILED
from runwright.cli.options import AsJson
from runwright.cli.text import Colour
from runwright.visible import visible

_COLOURS: dict[str, Colour] = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(as_json: AsJson = False) -> None:
    """Check everything that Runwright needs on this computer, and say what to do where it is not there.

    Exit status: 0 when nothing failed, else 1.

    \b
    Examples:
      runwright doctor
      runwright doctor --json
    """
    from runwright.cli.checks import examined
    from runwright.cli.configured import settings
    from runwright.cli.results import machine
    from runwright.cli.text import Paint

    paint, findings = Paint(sys.stdout), []
    for finding in examined(settings()):
        findings.append(finding)
        if not as_json:
            verdict = paint(f"{finding.verdict:<4}", _COLOURS[finding.verdict], "bold")
            fix = f"; to do: {visible(finding.fix)}" if finding.fix else ""
            print(f"{verdict}  {finding.name:<11}  {visible(finding.said)}{fix}", flush=True)
    good = all(finding.verdict != "fail" for finding in findings)
    if as_json:
        checks = [
            {"name": f.name, "verdict": f.verdict, "said": f.said, "fix": f.fix or None} for f in findings
        ]
        print(machine({"ok": good, "checks": checks}))
    raise typer.Exit(DONE if good else FAILED)
