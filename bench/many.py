"""Thousands of clients at the same moment: all that is accepted ends, and the memory stays bounded."""

from __future__ import annotations

import resource
from typing import NamedTuple

from bench import checkout
from bench.api import place_of
from bench.client import Errand, Seen
from bench.past import plan
from bench.server import serving
from bench.sizes import Sizes
from runwright.bench import machine, processes
from runwright.bench.tables import Goal, Table, figure, judged, percentile

COMMAND = "python -m bench many"
STEPS = 5
SPARE_FILES = 500
PAUSE_S = 5.0  # between two looks at a run


class Crowded(NamedTuple):
    """What many clients saw of one server, and what it took."""

    seen: Seen
    cpu_s: float
    idle_mib: float
    peak_mib: float
    lag_ms: float


def tables(sizes: Sizes) -> list[Table]:
    """Return what clients that all come at once see, waiting for the end and asking for it."""
    clients = min(sizes.many_clients, _files() - SPARE_FILES)
    kinds = {"Prefer: wait=60": "wait=60", "POST, then GETs": None}
    crowds = {title: _measured(clients, sizes.many_runs, prefer) for title, prefer in kinds.items()}
    table = Table(
        f"{sizes.many_runs:,} runs of {STEPS} steps from {clients:,} clients at once",
        COMMAND,
        ("", *kinds, "goal", "met"),
        notes=[
            "refused: 503 with Retry-After; the client comes again then",
            f"GETs: one at once, then one every {PAUSE_S:g} s until the run is over",
        ],
        samples={title: crowded._asdict() for title, crowded in crowds.items()},
    )
    if clients < sizes.many_clients:
        table.notes.append(f"{sizes.many_clients:,} clients were asked for; `ulimit -n` allows no more")
    lost = sum(sizes.many_runs - crowded.seen.right for crowded in crowds.values())
    found = crowds.values()
    table.rows += [
        (
            "runs without the right result",
            *(figure(sizes.many_runs - c.seen.right) for c in found),
            *judged(lost, Goal(0)),
        ),
        ("refused", *(figure(c.seen.refused) for c in found), "", ""),
        ("runs/s", *(figure(sizes.many_runs / c.seen.wall_s) for c in found), "", ""),
        ("p50 s", *(figure(percentile(c.seen.latencies_s, 0.5)) for c in found), "", ""),
        ("p99 s", *(figure(percentile(c.seen.latencies_s, 0.99)) for c in found), "", ""),
        ("server CPU ms per run", *(figure(c.cpu_s / sizes.many_runs * 1_000) for c in found), "", ""),
        ("idle memory, MiB", *(figure(c.idle_mib) for c in found), "", ""),
        ("peak memory, MiB", *(figure(c.peak_mib) for c in found), "", ""),
        ("… KiB per client", *(figure((c.peak_mib - c.idle_mib) / clients * 1_024) for c in found), "", ""),
        ("longest lag of the loop, ms", *(figure(c.lag_ms) for c in found), "", ""),
    ]
    return [table]


def _measured(clients: int, runs: int, prefer: str | None) -> Crowded:
    with checkout.scratch() as folder, serving(folder) as server:
        host, port = place_of(server)
        body, right = {"plan": plan(STEPS)}, str(STEPS + 1)
        one = Errand(host, port, body, 1, 1, prefer, expect=right)
        processes.answer("bench.client", one, Seen, folder)
        idle_mib, cpu_s = server.resident_mib, server.cpu_s
        errand = Errand(host, port, body, runs, clients, prefer, expect=right, pause_s=PAUSE_S)
        seen = processes.answer("bench.client", errand, Seen, folder)
        lag_ms = server.health()["parts"]["loop"]["max_ms"]
        return Crowded(seen, server.cpu_s - cpu_s, idle_mib, machine.peak_mib(server.pid), lag_ms)


def _files() -> int:
    """Return how many files a process may open, after asking for as many as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else 1_000_000
