"""What a call costs by where the tool runs, and what the tool host takes."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from bench.nothing import inline, process, thread
from bench.sizes import Sizes
from runwright import Runwright, Settings
from runwright.bench.tables import Table, figure, percentile

COMMAND = "python -m bench isolation"


def tables(sizes: Sizes) -> list[Table]:
    """Return the durations of one call at a time, as its step has them; the first of each is left out."""
    with tempfile.TemporaryDirectory() as folder:
        took_ms, host_kib = asyncio.run(_measured(Path(folder), sizes.isolated_calls))
    table = Table(
        "A call of a tool that does nothing, by isolation",
        COMMAND,
        ("isolation", "median ms", "p95 ms"),
        samples={"took_ms": took_ms, "host_kib": host_kib},
    )
    for name, times in took_ms.items():
        row = (name, figure(statistics.median(times)), figure(percentile(times, 0.95)))
        table.rows.append(row)
    table.notes = [
        f"{sizes.isolated_calls} calls of each, one at a time; duration_ms of the step",
        "the tool host takes "
        + ", ".join(f"{figure(kib / 1024)} MiB {what}" for what, kib in host_kib.items()),
    ]
    return [table]


async def _measured(folder: Path, calls: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    took_ms: dict[str, list[float]] = {}
    settings = Settings(database_url=f"sqlite:///{folder}/runs.db")
    async with Runwright(tools=[inline, thread, process], settings=settings) as rt:
        for declared in (inline, thread, process):
            name = declared.spec.name
            took_ms[name] = []
            for number in range(calls + 1):
                step = {"step_number": 1, "tool_name": name, "tool_input": {"number": number}}
                run = await rt.run(plan={"goal": "call", "steps": [step]})
                took_ms[name].append(run.execution_log[0]["duration_ms"])
            del took_ms[name][0]
        assert rt._app is not None
        host = rt._app.processes.host_pid
        assert host is not None
        return took_ms, _memory_kib(host)


def _memory_kib(pid: int) -> dict[str, int]:
    status, shares = (Path(f"/proc/{pid}/{file}").read_text() for file in ("status", "smaps_rollup"))
    return {
        "resident": int(status.split("VmRSS:")[1].split()[0]),
        "of its own (PSS)": int(shares.split("\nPss:")[1].split()[0]),
    }
