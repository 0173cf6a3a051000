"""What a client of the HTTP API sees: runs a second, latency, the server's processor time and its memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench import processes
from bench.client import Errand, Seen
from bench.server import Server, serving
from bench.sizes import Sizes
from bench.tables import Goal, Table, figure, judged, percentile

COMMAND = "python -m bench http"
SUM = {"prompt": "calculate 2 + 2"}
TODOS = {"prompt": "calculate 6 * 7, add a todo buy milk, list todos"}
SEED_STEPS = 100
PIECES = 5


class Block(NamedTuple):
    """One errand at one server, with what it cost the server."""

    seen: Seen
    server_cpu_s: float

    @property
    def rate(self) -> float:
        """Runs a second."""
        return len(self.seen.latencies_s) / self.seen.wall_s

    @property
    def rate_best(self) -> float:
        """Runs a second in the best fifth."""
        ends_s = self.seen.ends_s
        size = max(1, len(ends_s) // PIECES)
        edges = [0.0, *ends_s[size - 1 :: size]]
        return max(size / (later - earlier) for earlier, later in pairwise(edges))

    def latency_ms(self, share: float) -> float:
        """The milliseconds that a share of all runs do not pass."""
        return percentile(self.seen.latencies_s, share) * 1_000

    @property
    def cpu_ms(self) -> float:
        """The server's processor time for one run."""
        return self.server_cpu_s / len(self.seen.latencies_s) * 1_000


class Memory(NamedTuple):
    """What the server has resident after so many runs."""

    runs: int
    mib: float


def tables(sizes: Sizes) -> list[Table]:
    """Return throughput and latency, memory, and whether many todos make it slower."""
    with processes.scratch() as folder, serving(folder) as server:
        idle = Memory(0, server.resident_mib)
        _block(server, Errand(*_place(server), SUM, 1, 1, expect="4"))
        alone = _sums(server, sizes.alone_runs, 1)
        early = Memory(sizes.alone_runs, server.resident_mib)
        crowd = _sums(server, sizes.crowd_runs, sizes.crowd)
        waited_alone = _sums(server, sizes.waited_alone_runs, 1, "wait=10")
        waited_crowd = _sums(server, sizes.waited_crowd_runs, sizes.crowd, "wait=10")
        runs = sizes.alone_runs + sizes.crowd_runs + sizes.waited_alone_runs + sizes.waited_crowd_runs
        late = Memory(runs, server.resident_mib)
    speed = _speed(
        [
            ("POST, then GET until over", 1, alone, (346.0, 8.0)),
            ("POST, then GET until over", sizes.crowd, crowd, (400.0, 300.0)),
            ("POST with Prefer: wait=10", 1, waited_alone, None),
            ("POST with Prefer: wait=10", sizes.crowd, waited_crowd, None),
        ]
    )
    return [speed, _memory(idle, early, late), _todos(sizes)]


def _sums(server: Server, runs: int, crowd: int, prefer: str | None = None) -> Block:
    return _block(server, Errand(*_place(server), SUM, runs, crowd, prefer, expect="4"))


def _block(server: Server, errand: Errand) -> Block:
    """Run one errand; every run must complete with the right result."""
    cpu_s = server.cpu_s
    seen = processes.answer("bench.client", errand, Seen, processes.disk())
    if not len(seen.latencies_s) == seen.completed == seen.right == errand.runs:
        raise RuntimeError(
            f"of {errand.runs} runs {seen.completed} completed, {seen.right} with the right result"
        )
    return Block(seen, server.cpu_s - cpu_s)


def _place(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _speed(blocks: Sequence[tuple[str, int, Block, tuple[float, float] | None]]) -> Table:
    columns = (
        "`calculate 2 + 2`, created to completed", "clients", "runs", "runs/s (best fifth)", "goal", "met",
        "p50 ms", "p99 ms", "goal", "met", "server CPU ms/run", "goal", "met", "GETs/run",
    )  # fmt: skip
    table = Table("HTTP: one run, durable before each answer", COMMAND, columns)
    for title, crowd, block, bars in blocks:
        rate, p99_ms = (Goal(bars[0], "at least"), Goal(bars[1])) if bars is not None else (None, None)
        runs = len(block.seen.latencies_s)
        table.rows.append((
            title, str(crowd), f"{runs:,}",
            f"{figure(block.rate)} ({figure(block.rate_best)})", *judged(block.rate, rate),
            figure(block.latency_ms(0.5)),
            figure(block.latency_ms(0.99)), *judged(block.latency_ms(0.99), p99_ms),
            figure(block.cpu_ms), *judged(block.cpu_ms, Goal(3.1) if bars else None),
            f"{block.seen.looks / runs:.2f}",
        ))  # fmt: skip
        table.samples[f"{title}, {crowd}"] = {
            "runs": runs, "completed": block.seen.completed, "right": block.seen.right,
            "runs_per_s": block.rate, "cpu_ms": block.cpu_ms, "looks": block.seen.looks,
            "p50_ms": block.latency_ms(0.5), "p99_ms": block.latency_ms(0.99),
        }  # fmt: skip
    table.notes.append(
        "closed loop: each client sends its next run when the last is over; log level info, to a file"
    )
    return table


def _memory(idle: Memory, early: Memory, late: Memory) -> Table:
    slope = (late.mib - early.mib) / max(1, late.runs - early.runs) * 10_000
    return Table(
        "HTTP: the server's memory",
        COMMAND,
        ("resident", "MiB", "goal", "met"),
        [
            ("idle", figure(idle.mib), *judged(idle.mib * 1.048576, Goal(90, text="< 90 MB"))),
            (f"after {early.runs:,} runs", figure(early.mib), "", ""),
            (f"after {late.runs:,} runs", figure(late.mib), "", ""),
            (
                "growth for 10,000 runs, between the two",
                figure(slope),
                *judged(slope, Goal(5, text="flat (≤ 5)")),
            ),
        ],
        samples={"idle": idle.mib, "early": early._asdict(), "late": late._asdict()},
    )


def _todos(sizes: Sizes) -> Table:
    """Runs that list todos, at servers with few and many of them, in turns."""
    blocks: dict[int, list[Block]] = {stored: [] for stored in sizes.todo_stores}
    with ExitStack() as stack:
        servers: dict[int, Server] = {}
        for stored in sizes.todo_stores:
            servers[stored] = stack.enter_context(serving(stack.enter_context(processes.scratch())))
            _seed(servers[stored], stored)
        for _ in range(sizes.todo_rounds):
            for stored, server in servers.items():
                errand = Errand(*_place(server), TODOS, sizes.todo_runs, sizes.crowd)
                blocks[stored].append(_block(server, errand))
    rates = {stored: median(b.rate for b in found) for stored, found in blocks.items()}
    table = Table(
        f"HTTP: `{TODOS['prompt']}`, {sizes.crowd} clients",
        COMMAND,
        ("todos stored before", "runs/s", "× an empty store", "goal", "met", "server CPU ms/run"),
        notes=[
            f"{sizes.todo_rounds} rounds of {sizes.todo_runs} runs at each store, in turns; each run adds one"
        ],
    )
    for stored, rate in rates.items():
        share = rate / rates[sizes.todo_stores[0]]
        goal = Goal(0.85, "at least", "flat (≥ 0.85)") if stored else None
        cpu_ms = median(b.cpu_ms for b in blocks[stored])
        table.rows.append((f"{stored:,}", figure(rate), f"{share:.2f}", *judged(share, goal), figure(cpu_ms)))
        runs = sum(b.seen.completed for b in blocks[stored])
        table.samples[str(stored)] = {"completed": runs, "runs_per_s": [b.rate for b in blocks[stored]]}
    return table


def _seed(server: Server, todos: int) -> None:
    """Add todos by plans of many steps."""
    left = todos
    while left:
        count = min(left, SEED_STEPS)
        steps: list[dict[str, Any]] = [
            {"step_number": n, "tool_name": "todo_add", "tool_input": {"text": f"seeded {left - n}"}}
            for n in range(1, count + 1)
        ]
        plan = {"plan": {"goal": "seed", "steps": steps}}
        _block(server, Errand(*_place(server), plan, 1, 1, "wait=10"))
        left -= count
