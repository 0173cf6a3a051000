"""What a client of the HTTP API sees: runs a second, latency, the server's processor time and its memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench import checkout
from bench.client import POLL_PAUSE_S, Errand, Seen
from bench.server import Server, serving
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.tables import Goal, Table, figure, judged, percentile

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

    def told(self) -> dict[str, float]:
        """Return the figures for `--json`."""
        return {
            "runs": len(self.seen.latencies_s),
            "completed": self.seen.completed,
            "right": self.seen.right,
            "looks": self.seen.looks,
            "runs_per_s": self.rate,
            "p50_ms": self.latency_ms(0.5),
            "p99_ms": self.latency_ms(0.99),
            "cpu_ms": self.cpu_ms,
        }


class Figure(NamedTuple):
    """One row: what is asked of a block, and the goals with one client and with a crowd."""

    title: str
    value: Callable[[Block], float]
    alone: Goal | None = None
    crowd: Goal | None = None
    best: Callable[[Block], float] | None = None

    def text(self, block: Block) -> str:
        """Return the figure of a block, with the best in brackets where there is one."""
        best = f" ({figure(self.best(block))})" if self.best else ""
        return figure(self.value(block)) + best


BLOCKS = ("alone", "crowd", "alone, waiting", "crowd, waiting")
FIGURES = (
    Figure("runs", lambda b: len(b.seen.latencies_s)),
    Figure(
        "runs/s (best fifth)",
        lambda b: b.rate,
        Goal(346, "at least"),
        Goal(400, "at least"),
        lambda b: b.rate_best,
    ),
    Figure("p50 ms", lambda b: b.latency_ms(0.5)),
    Figure("p99 ms", lambda b: b.latency_ms(0.99), Goal(8), Goal(300)),
    Figure("server CPU ms per run", lambda b: b.cpu_ms, Goal(3.1), Goal(3.1)),
    Figure("GETs per run", lambda b: b.seen.looks / len(b.seen.latencies_s)),
)


class Memory(NamedTuple):
    """What the server has resident after so many runs."""

    runs: int
    mib: float


def tables(sizes: Sizes) -> list[Table]:
    """Return throughput and latency, memory, and whether many todos make it slower."""
    with checkout.scratch() as folder, serving(folder) as server:
        idle = Memory(0, server.resident_mib)
        _block(server, Errand(*place_of(server), SUM, 1, 1, expect="4"))
        alone = _sums(server, sizes.alone_runs, 1)
        early = Memory(sizes.alone_runs, server.resident_mib)
        crowd = _sums(server, sizes.crowd_runs, sizes.crowd)
        waited_alone = _sums(server, sizes.waited_alone_runs, 1, "wait=10")
        waited_crowd = _sums(server, sizes.waited_crowd_runs, sizes.crowd, "wait=10")
        runs = sizes.alone_runs + sizes.crowd_runs + sizes.waited_alone_runs + sizes.waited_crowd_runs
        late = Memory(runs, server.resident_mib)
    speed = _speed(sizes, (alone, crowd, waited_alone, waited_crowd))
    return [speed, _memory(idle, early, late), _todos(sizes)]


def _sums(server: Server, runs: int, crowd: int, prefer: str | None = None) -> Block:
    return _block(server, Errand(*place_of(server), SUM, runs, crowd, prefer, expect="4"))


def _block(server: Server, errand: Errand) -> Block:
    """Run one errand; every run must complete with the right result."""
    cpu_s = server.cpu_s
    seen = processes.answer("bench.client", errand, Seen, checkout.disk())
    if not len(seen.latencies_s) == seen.completed == seen.right == errand.runs:
        raise RuntimeError(
            f"of {errand.runs} runs {seen.completed} completed, {seen.right} with the right result"
        )
    return Block(seen, server.cpu_s - cpu_s)


def place_of(server: Server) -> tuple[str, int]:
    """Return host and port of a server."""
    parts = urlsplit(server.address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _speed(sizes: Sizes, blocks: tuple[Block, Block, Block, Block]) -> Table:
    clients = ("1 client", f"{sizes.crowd} clients")
    table = Table(
        f"HTTP: `{SUM['prompt']}`, created to completed",
        COMMAND,
        (
            "",
            *(cell for name in clients for cell in (name, "goal", "met")),
            *(f"{c}, waiting" for c in clients),
        ),
        notes=[
            f"POST, a GET at once, then one every {POLL_PAUSE_S * 1_000:g} ms until the run is over",
            "waiting: a POST with `Prefer: wait=10`, and no GET if the run is over by then",
            "closed loop: each client sends its next run when the last is over; log level info, to a file",
        ],
        samples={name: block.told() for name, block in zip(BLOCKS, blocks, strict=True)},
    )
    for figure_of in FIGURES:
        alone, crowd, *waited = (figure_of.text(block) for block in blocks)
        verdicts = [
            judged(figure_of.value(block), goal)
            for block, goal in zip(blocks, (figure_of.alone, figure_of.crowd), strict=False)
        ]
        table.rows.append((figure_of.title, alone, *verdicts[0], crowd, *verdicts[1], *waited))
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
            servers[stored] = stack.enter_context(serving(stack.enter_context(checkout.scratch())))
            _seed(servers[stored], stored)
        for _ in range(sizes.todo_rounds):
            for stored, server in servers.items():
                errand = Errand(*place_of(server), TODOS, sizes.todo_runs, sizes.crowd)
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
        _block(server, Errand(*place_of(server), plan, 1, 1, "wait=10"))
        left -= count
